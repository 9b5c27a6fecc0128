import { describe, expect, test } from "bun:test";
import { createHash, createHmac } from "node:crypto";
import { deriveSecret, scramVerifier, verifiersOf } from "./credential-verifiers.ts";
import { type CredentialRules, Credentials, type StoredCredential } from "./credentials.ts";
import { allGrants } from "./grant-claims.ts";

const now = Date.UTC(2030, 0, 1);
const key = "a key of at least 32 characters..";
const stored = (login: string, secret: string, realm = "r"): StoredCredential => ({
  login,
  realm,
  grants: { call: ["bob"] },
  verifiers: verifiersOf(login, realm, secret, Buffer.alloc(16, 9)),
});

function credentials(rules: Partial<CredentialRules>): Credentials {
  const none = { realm: "r", keys: [], versions: new Map(), grants: { call: ["*"] }, stored: [], dev: false };
  return new Credentials({ ...none, ...rules });
}

const md5 = (text: string) => createHash("md5").update(text).digest("hex");
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

describe("verifiers", () => {
  test("SCRAM of RFC 5802 §5 and RFC 7677 §3: their ServerSignatures come out", () => {
    const cases = [
      [
        "SHA-1",
        "sha1",
        "QSXCR+Q6sek8bf92",
        "n=user,r=fyko+d2lbbFgONRv9qkxdawL,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096,c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j",
        "rmF9pqV8S7suAoZWja4dJRkFsKQ=",
      ],
      [
        "SHA-256",
        "sha256",
        "W22ZaJ0SNY7soEsUEjb6gQ==",
        "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
      ],
    ] as const;
    for (const [name, hash, salt, message, signature] of cases) {
      const [count, written, , serverKey = ""] = scramVerifier(
        name,
        "pencil",
        Buffer.from(salt, "base64"),
      ).split(":");
      expect([count, written]).toEqual(["4096", salt]);
      const mac = createHmac(hash, Buffer.from(serverKey, "base64")).update(message).digest("base64");
      expect(mac).toBe(signature);
    }
  });

  test("nothing of the secret is in them", () => {
    expect(JSON.stringify(stored("alice/desk", "secret-of-alice"))).not.toContain("secret-of-alice");
  });
});

describe("credentials", () => {
  test("a stored one is checked by any of its verifiers", () => {
    const account = credentials({ stored: [stored("alice/desk", "s3cret")] }).find("alice/desk", now);
    expect(account?.identity).toMatchObject({
      user: "alice",
      device: "desk",
      grants: { call: ["bob"] },
      issuedAt: now,
    });
    expect(account?.matches("s3cret")).toBe(true);
    expect(account?.matches("s3cre")).toBe(false);
    expect(account?.ha1("MD5")).toEqual([md5("alice/desk:r:s3cret")]);
    expect(account?.ha1("SHA-256")).toEqual([sha256("alice/desk:r:s3cret")]);
    expect(account?.scram("SHA-256")).toBe(scramVerifier("SHA-256", "s3cret", Buffer.alloc(16, 9)));
  });

  test("it is of its login and its realm alone", () => {
    const some = credentials({ stored: [stored("alice/desk", "s3cret", "other")] });
    expect(some.find("alice/desk", now)?.ha1("MD5")).toEqual([]);
    for (const login of ["alice", "alice/phone", "bob/desk", "", "room:x", "a/b/c", "alice/"])
      expect(some.find(login, now)).toBeUndefined();
  });

  test("a derived one needs nothing but the key", () => {
    const some = credentials({ keys: [key] });
    const secret = createHmac("sha256", key).update("alice/desk:1").digest("base64url");
    expect(deriveSecret(key, "alice/desk", 1)).toBe(secret);
    expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const account = some.find("alice/desk", now);
    expect(account?.matches(secret)).toBe(true);
    expect(account?.ha1("MD5")).toEqual([md5(`alice/desk:r:${secret}`)]);
    expect(account?.scram("SHA-1")).toBe(account?.scram("SHA-1") ?? "");
    expect(some.find("alice", now)?.matches(secret)).toBe(false);
    expect(some.find("alice", now)?.identity.device).toBeUndefined();
    expect(some.find("alice/phone", now)?.matches(secret)).toBe(false);
  });

  test("a version takes back the secrets before; a former key still counts", () => {
    const some = credentials({ keys: [key, "the former key"], versions: new Map([["alice/desk", 2]]) });
    const account = some.find("alice/desk", now);
    expect(account?.matches(deriveSecret(key, "alice/desk", 1))).toBe(false);
    expect(account?.matches(deriveSecret(key, "alice/desk", 2))).toBe(true);
    expect(account?.matches(deriveSecret("the former key", "alice/desk", 2))).toBe(true);
    expect(account?.ha1("MD5")).toHaveLength(2);
  });

  test("development: alice's secret is dev:alice, unless hers is stored; elsewhere it is worth nothing", () => {
    const some = credentials({ dev: true, stored: [stored("carol", "own")] });
    for (const login of ["alice", "alice/desk"]) {
      expect(some.find(login, now)?.matches("dev:alice")).toBe(true);
      expect(some.find(login, now)?.matches("dev:bob")).toBe(false);
      expect(some.find(login, now)?.identity.grants).toEqual(allGrants);
    }
    expect(some.find("carol", now)?.matches("dev:carol")).toBe(false);
    expect(credentials({}).find("alice", now)).toBeUndefined();
    expect(
      credentials({ keys: [key] })
        .find("alice", now)
        ?.matches("dev:alice"),
    ).toBe(false);
  });
});
