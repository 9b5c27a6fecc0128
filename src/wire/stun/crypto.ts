/** What STUN needs of cryptography. The parts are hashed one after the other. */
export interface StunCrypto {
  hmacSha1(key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array;
  hmacSha256(key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array;
  md5(bytes: Uint8Array): Uint8Array;
  sha256(bytes: Uint8Array): Uint8Array;
  /** Takes as long for any difference; false for different lengths. */
  equal(one: Uint8Array, other: Uint8Array): boolean;
}
