import { describe, expect, test } from "bun:test";
import { dtlsCrypto } from "../../net/dtls-crypto.ts";
import { type Fingerprint, fingerprintOf, matchesFingerprint, parseFingerprint } from "./fingerprint.ts";

const der = Uint8Array.of(1, 2, 3);
const other = Uint8Array.of(1, 2, 4);
const of = (hash: "sha256" | "sha384" | "sha512", bytes = der) =>
  parseFingerprint(fingerprintOf(bytes, dtlsCrypto, hash)) as Fingerprint;
const matches = (...list: Fingerprint[]) => matchesFingerprint(der, list, dtlsCrypto);

describe("rule 19: fingerprints", () => {
  test("are written as an SDP has them, and read in any case", () => {
    const text = fingerprintOf(new TextEncoder().encode("abc"), dtlsCrypto);
    expect(text).toBe(
      "sha-256 BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD",
    );
    expect(parseFingerprint(text.toLowerCase())).toEqual(parseFingerprint(text));
    expect(parseFingerprint(`  ${text.toUpperCase()} `)).toEqual(parseFingerprint(text));
  });

  test("with MD5, SHA-1, an unknown hash, a wrong length or other text are refused", () => {
    const hex = (bytes: number) => Array.from({ length: bytes }, () => "AB").join(":");
    for (const text of [
      `md5 ${hex(16)}`,
      `sha-1 ${hex(20)}`,
      `sha-224 ${hex(28)}`,
      `sha-256 ${hex(31)}`,
      `sha-256 ${hex(33)}`,
      `sha-256 ${hex(32)} more`,
      `sha-256 ${hex(32).replace("AB", "AG")}`,
      `sha-256 ${hex(32).replaceAll(":", "")}`,
      `sha-256${hex(32)}`,
      "sha-256",
      "",
    ])
      expect(parseFingerprint(text)).toBeUndefined();
  });

  test("one of those with the strongest hash must match", () => {
    expect(matches(of("sha256"))).toBe(true);
    expect(matches(of("sha256", other))).toBe(false);
    expect(matches(of("sha256", other), of("sha256"))).toBe(true);
    expect(matches(of("sha256"), of("sha512", other))).toBe(false);
    expect(matches(of("sha384"), of("sha256", other))).toBe(true);
    expect(matches(of("sha384", other), of("sha512"), of("sha256", other))).toBe(true);
    expect(matches()).toBe(false);
  });
});
