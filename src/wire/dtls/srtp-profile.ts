import type { SrtpProfile } from "../srtp/profile.ts";
import { ByteReader, concat, readU16List, u8, u16, vector16 } from "./bytes.ts";

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
