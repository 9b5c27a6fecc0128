import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** HMACs, digests and randomness for STUN and TURN (the ports of `wire/stun` and `turn`). */
export const stunCrypto = {
  hmacSha1: (key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array => hmac("sha1", key, parts),
  hmacSha256: (key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array => hmac("sha256", key, parts),
  md5: (bytes: Uint8Array): Uint8Array => createHash("md5").update(bytes).digest(),
  sha256: (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest(),
  equal: (one: Uint8Array, other: Uint8Array): boolean =>
    one.length === other.length && timingSafeEqual(one, other),
  random: (bytes: number): Uint8Array => randomBytes(bytes),
} as const;

function hmac(algorithm: string, key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  const mac = createHmac(algorithm, key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}
