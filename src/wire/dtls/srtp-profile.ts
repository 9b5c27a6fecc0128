import { ByteReader, concat, readU16List, u8, u16, vector16 } from "./bytes.ts";

/** Numbers of SRTP protection profiles (RFC 5764 §4.1.2, RFC 7714 §14.2). */
export const srtpProfile = {
  aes128CmSha1_80: 0x0001,
  aeadAes128Gcm: 0x0007,
  aeadAes256Gcm: 0x0008,
} as const;

export type SrtpProfile = (typeof srtpProfile)[keyof typeof srtpProfile];

/** Bytes of the master key and the master salt. */
export const srtpKeySize: Readonly<Record<SrtpProfile, { readonly key: number; readonly salt: number }>> = {
  [srtpProfile.aes128CmSha1_80]: { key: 16, salt: 14 },
  [srtpProfile.aeadAes128Gcm]: { key: 16, salt: 12 },
  [srtpProfile.aeadAes256Gcm]: { key: 32, salt: 12 },
};

/** The value of use_srtp, with an empty MKI. */
export function encodeUseSrtp(profiles: readonly SrtpProfile[]): Uint8Array {
  return concat(vector16(u16(...profiles)), u8(0));
}

/** The profiles of use_srtp, and whether it has an MKI. Undefined when it is malformed. */
export function parseUseSrtp(value: Uint8Array): { profiles: number[]; hasMki: boolean } | undefined {
  const reader = new ByteReader(value);
  const profiles = readU16List(reader.vector16());
  const mki = reader.vector8();
  if (!reader.complete || profiles === undefined || profiles.length === 0) return undefined;
  return { profiles, hasMki: mki.length > 0 };
}
