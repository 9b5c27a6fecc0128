import { sameBytes } from "./bytes.ts";
import type { DtlsCrypto, FingerprintHash } from "./crypto.ts";

/** What an SDP says of a certificate (`a=fingerprint`, RFC 8122 §5). */
export interface Fingerprint {
  readonly hash: FingerprintHash;
  readonly value: Uint8Array;
}

const sdpNames: Readonly<Record<FingerprintHash, string>> = {
  sha256: "sha-256",
  sha384: "sha-384",
  sha512: "sha-512",
};
const strongestFirst: readonly FingerprintHash[] = ["sha512", "sha384", "sha256"];
const sizes: Readonly<Record<FingerprintHash, number>> = { sha256: 32, sha384: 48, sha512: 64 };

/**
 * Parses the value of `a=fingerprint`: `sha-256 12:DF:…`. Undefined when it is malformed, or when its hash is too weak or unknown: a peer
 * with fingerprints of that kind only is refused (RFC 8122 §5).
 */
export function parseFingerprint(text: string): Fingerprint | undefined {
  const [name = "", hex = "", ...more] = text.trim().split(/ +/);
  const hash = strongestFirst.find((one) => sdpNames[one] === name.toLowerCase());
  if (hash === undefined || more.length > 0 || !/^[0-9a-f]{2}(:[0-9a-f]{2})*$/i.test(hex)) return undefined;
  const value = Uint8Array.from(hex.split(":"), (byte) => Number.parseInt(byte, 16));
  return value.length === sizes[hash] ? { hash, value } : undefined;
}

/** A certificate's fingerprint as an SDP has it: `sha-256 12:DF:…`. */
export function fingerprintOf(der: Uint8Array, crypto: DtlsCrypto, hash: FingerprintHash = "sha256"): string {
  const bytes = Array.from(crypto.digest(hash, [der]), (byte) => byte.toString(16).padStart(2, "0"));
  return `${sdpNames[hash]} ${bytes.join(":").toUpperCase()}`;
}

/** True when the certificate has one of the fingerprints. Of those given only the ones with the strongest hash count. */
export function matchesFingerprint(
  der: Uint8Array,
  fingerprints: readonly Fingerprint[],
  crypto: DtlsCrypto,
): boolean {
  const hash = strongestFirst.find((one) => fingerprints.some((fingerprint) => fingerprint.hash === one));
  if (hash === undefined) return false;
  const value = crypto.digest(hash, [der]);
  return fingerprints.some((one) => one.hash === hash && sameBytes(one.value, value));
}
