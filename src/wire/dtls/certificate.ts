import { copyOf, sameBytes } from "./bytes.ts";

/** The public key of a certificate: an exact SubjectPublicKeyInfo, and its type. */
export interface PublicKey {
  readonly type: "p256" | "rsa";
  readonly spki: Uint8Array;
}

const tag = { integer: 0x02, bitString: 0x03, sequence: 0x30, version: 0xa0 } as const;
/** SEQUENCE { SEQUENCE { id-ecPublicKey, secp256r1 }, BIT STRING }, up to an uncompressed point (RFC 5480 §2). */
const p256Prefix = fromHex("3059301306072a8648ce3d020106082a8648ce3d03010703420004");
const p256Bytes = p256Prefix.length + 64;
/** SEQUENCE { rsaEncryption, NULL } (RFC 3279 §2.3.1). */
const rsaAlgorithm = fromHex("300d06092a864886f70d0101010500");
/** INTEGER 65537. */
const rsaExponent = fromHex("0203010001");

/**
 * The public key of an X.509 certificate. It walks only as far as that: a certificate is trusted because its hash was signaled, so names,
 * dates, extensions and its own signature prove nothing. Undefined for trailing bytes, a structure that does not fit, and any key but
 * ECDSA P-256 on its named curve and RSA of 2048 to 4096 bits with the exponent 65537.
 */
export function publicKeyOf(der: Uint8Array): PublicKey | undefined {
  const certificate = element(der, 0, tag.sequence);
  if (certificate === undefined || certificate.end !== der.length) return undefined;
  const signed = element(der, certificate.start, tag.sequence);
  if (signed === undefined) return undefined;
  let at = signed.start;
  if (der[at] === tag.version) at = element(der, at, tag.version)?.end ?? der.length;
  // serialNumber, signature, issuer, validity, subject
  for (const expected of [tag.integer, tag.sequence, tag.sequence, tag.sequence, tag.sequence]) {
    const field = element(der, at, expected);
    if (field === undefined) return undefined;
    at = field.end;
  }
  const key = element(der, at, tag.sequence);
  if (key === undefined || key.end > signed.end) return undefined;
  const spki = copyOf(der.subarray(at, key.end));
  const type = publicKeyType(spki);
  return type && { type, spki };
}

function publicKeyType(spki: Uint8Array): PublicKey["type"] | undefined {
  if (spki.length === p256Bytes && startsWith(spki, 0, p256Prefix)) return "p256";
  return isRsa(spki) ? "rsa" : undefined;
}

function isRsa(spki: Uint8Array): boolean {
  const outer = element(spki, 0, tag.sequence);
  if (outer?.end !== spki.length || !startsWith(spki, outer.start, rsaAlgorithm)) return false;
  const bits = element(spki, outer.start + rsaAlgorithm.length, tag.bitString);
  if (bits?.end !== spki.length || spki[bits.start] !== 0) return false;
  const numbers = element(spki, bits.start + 1, tag.sequence);
  if (numbers?.end !== spki.length) return false;
  const modulus = element(spki, numbers.start, tag.integer);
  if (modulus === undefined || !sameBytes(spki.subarray(modulus.end), rsaExponent)) return false;
  // A modulus of 2048 to 4096 bits begins with a byte 0, as its highest bit is set.
  const bytes = modulus.end - modulus.start - 1;
  const high = spki[modulus.start + 1] ?? 0;
  return spki[modulus.start] === 0 && high >= 0x80 && bytes >= 256 && bytes <= 512;
}

interface Element {
  /** Where its content starts and ends. */
  readonly start: number;
  readonly end: number;
}

/** The DER element at `at`, of the tag given, with a definite length in its shortest form that stays inside. */
function element(bytes: Uint8Array, at: number, expected: number): Element | undefined {
  if (bytes[at] !== expected) return undefined;
  const first = bytes[at + 1] ?? 0xff;
  if (first < 0x80) return inside(bytes, at + 2, first);
  if (first === 0x81) {
    const length = bytes[at + 2] ?? 0;
    return length >= 0x80 ? inside(bytes, at + 3, length) : undefined;
  }
  if (first !== 0x82) return undefined;
  const length = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
  return length >= 0x100 ? inside(bytes, at + 4, length) : undefined;
}

function inside(bytes: Uint8Array, start: number, length: number): Element | undefined {
  return start + length <= bytes.length ? { start, end: start + length } : undefined;
}

function startsWith(bytes: Uint8Array, at: number, prefix: Uint8Array): boolean {
  return sameBytes(bytes.subarray(at, at + prefix.length), prefix);
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}
