import { encodeText } from "../../wire/stun/text.ts";

/** The cryptography that digest authentication needs. */
export interface DigestCrypto {
  md5(bytes: Uint8Array): Uint8Array;
  sha256(bytes: Uint8Array): Uint8Array;
  /** Hashes the parts one after the other. */
  hmacSha256(key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array;
  /** Compares in constant time. False for different lengths. */
  equal(one: Uint8Array, other: Uint8Array): boolean;
  random(bytes: number): Uint8Array;
}

export type DigestAlgorithm = "MD5" | "SHA-256";

/** The inputs of a digest response with `qop=auth`. */
export interface DigestInput {
  readonly algorithm: DigestAlgorithm;
  /** Hex of the hash of `username:realm:password`. */
  readonly ha1: string;
  readonly nonce: string;
  readonly nc: string;
  readonly cnonce: string;
  readonly method: string;
  readonly uri: string;
}

/** The `response` that proves the password (RFC 7616 §3.4.1), hex. */
export function digestResponse(input: DigestInput, crypto: DigestCrypto): string {
  const { algorithm, ha1, nonce, nc, cnonce, method, uri } = input;
  const ha2 = digestHash(algorithm, `${method}:${uri}`, crypto);
  return digestHash(algorithm, `${ha1}:${nonce}:${nc}:${cnonce}:auth:${ha2}`, crypto);
}

/** Hex of the text's hash. */
export function digestHash(algorithm: DigestAlgorithm, text: string, crypto: DigestCrypto): string {
  const bytes = encodeText(text);
  return hex(algorithm === "MD5" ? crypto.md5(bytes) : crypto.sha256(bytes));
}

/** Lower-case hex. */
export function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}
