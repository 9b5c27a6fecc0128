import { ByteReader, concat, u16, vector16 } from "./bytes.ts";

export const extensionType = {
  supportedGroups: 10,
  pointFormats: 11,
  signatureAlgorithms: 13,
  useSrtp: 14,
  extendedMasterSecret: 23,
  supportedVersions: 43,
  renegotiationInfo: 0xff01,
} as const;

/** An extension's value, by its type. */
export type Extensions = ReadonlyMap<number, Uint8Array>;

/** The extensions at the end of a hello, or none. Undefined when they are malformed or one is there twice (RFC 5246 §7.4.1.4). */
export function readExtensions(hello: ByteReader): Extensions | undefined {
  const extensions = new Map<number, Uint8Array>();
  if (hello.ok && hello.left === 0) return extensions;
  const list = new ByteReader(hello.vector16());
  if (!hello.complete) return undefined;
  while (list.left > 0) {
    const type = list.u16();
    const value = list.vector16();
    if (!list.ok || extensions.has(type)) return undefined;
    extensions.set(type, value);
  }
  return extensions;
}

/** The extensions as the end of a hello. */
export function encodeExtensions(extensions: readonly (readonly [number, Uint8Array])[]): Uint8Array {
  return vector16(...extensions.map(([type, value]) => concat(u16(type), vector16(value))));
}
