/** What a server tells in the first 13 characters of its nonce (RFC 8489 §9.2 and §18.1). */
export interface SecurityFeatures {
  /** It knows PASSWORD-ALGORITHMS. */
  readonly passwordAlgorithms: boolean;
  /** It knows USERHASH. */
  readonly usernameAnonymity: boolean;
}

const cookie = "obMatJos2";
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
// Bit 0 is the lowest one: an erratum of RFC 8489 §18.1, and what the vector of its appendix B.1 has.
const passwordAlgorithmsBit = 1;
const usernameAnonymityBit = 2;

/** `obMatJos2` and four characters of base64: 24 bits. */
export function encodeNonceCookie(features: SecurityFeatures): string {
  const bits =
    (features.passwordAlgorithms ? passwordAlgorithmsBit : 0) |
    (features.usernameAnonymity ? usernameAnonymityBit : 0);
  return `${cookie}${[18, 12, 6, 0].map((shift) => alphabet[(bits >> shift) & 63]).join("")}`;
}

/** What a nonce says; undefined when it doesn't start with the cookie. */
export function decodeNonceCookie(nonce: string): SecurityFeatures | undefined {
  if (!nonce.startsWith(cookie) || nonce.length < cookie.length + 4) return undefined;
  let bits = 0;
  for (const character of nonce.slice(cookie.length, cookie.length + 4)) {
    const value = alphabet.indexOf(character);
    if (value < 0) return undefined;
    bits = (bits << 6) | value;
  }
  return {
    passwordAlgorithms: (bits & passwordAlgorithmsBit) !== 0,
    usernameAnonymity: (bits & usernameAnonymityBit) !== 0,
  };
}
