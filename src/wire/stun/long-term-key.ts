import type { StunCrypto } from "./crypto.ts";
import { passwordAlgorithm } from "./password-algorithms.ts";
import { encodeText } from "./text.ts";

/**
 * The key of the long-term credential mechanism (RFC 8489 §18.5.1). The three texts must have been through the OpaqueString
 * profile (RFC 8265), which changes none of the printable ASCII.
 */
export function longTermKey(
  algorithm: number,
  username: string,
  realm: string,
  password: string,
  crypto: StunCrypto,
): Uint8Array {
  const text = encodeText(`${username}:${realm}:${password}`);
  return algorithm === passwordAlgorithm.sha256 ? crypto.sha256(text) : crypto.md5(text);
}

/** The value of USERHASH (RFC 8489 §14.4). */
export function userhash(username: string, realm: string, crypto: StunCrypto): Uint8Array {
  return crypto.sha256(encodeText(`${username}:${realm}`));
}
