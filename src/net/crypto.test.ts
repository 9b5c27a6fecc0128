import { expect, test } from "bun:test";
import { deriveKey, equalSecrets, hashKey, hmacSha1, random, Sealer, sha256 } from "./crypto.ts";

test("random texts have the bytes asked for and differ", () => {
  expect(random(32)).toMatch(/^[\w-]{43}$/);
  expect(new Set(Array.from({ length: 100 }, () => random(9))).size).toBe(100);
});

test("known answers", () => {
  // FIPS 180-2, appendix B.1
  expect(Buffer.from(sha256("abc"), "base64url").toString("hex")).toBe(
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
  // RFC 2202 §3, case 2
  expect(Buffer.from(hmacSha1("Jefe", "what do ya want for nothing?"), "base64").toString("hex")).toBe(
    "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
  );
});

test("secrets are compared whole", () => {
  expect(equalSecrets("a", "a")).toBe(true);
  for (const other of ["", "b", "aa"]) expect(equalSecrets("a", other)).toBe(false);
});

test("what was sealed opens with the same key only, and only untouched", () => {
  const sealed = new Sealer([hashKey("one")]).seal("grüße");
  expect(new Sealer([hashKey("one")]).unseal(sealed)).toBe("grüße");
  expect(new Sealer([hashKey("two")]).unseal(sealed)).toBeUndefined();
  const bytes = Buffer.from(sealed, "base64url");
  for (const at of [0, 1, 13, bytes.length - 1]) {
    const changed = Buffer.from(bytes);
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    expect(new Sealer([hashKey("one")]).unseal(changed.toString("base64url"))).toBeUndefined();
  }
  for (const none of ["", "x", sealed.slice(0, 20), "!!!"])
    expect(new Sealer([hashKey("one")]).unseal(none)).toBeUndefined();
});

test("the first key seals, all of them open", () => {
  const [one, two] = [hashKey("one"), hashKey("two")];
  expect(new Sealer([two, one]).unseal(new Sealer([one]).seal("x"))).toBe("x");
  expect(new Sealer([one]).unseal(new Sealer([two, one]).seal("x"))).toBeUndefined();
});

test("a derived key depends on its secret and its purpose", () => {
  const keys = [deriveKey("a", "p"), deriveKey("a", "q"), deriveKey("b", "p")];
  expect(new Set(keys.map((key) => Buffer.from(key).toString("hex"))).size).toBe(3);
  expect(deriveKey("a", "p")).toEqual(keys[0] as Uint8Array);
});

test("the same text is sealed differently each time", () => {
  const sealer = new Sealer([hashKey("one")]);
  expect(sealer.seal("x")).not.toBe(sealer.seal("x"));
});
