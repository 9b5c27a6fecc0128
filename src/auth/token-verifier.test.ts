import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { CompactSign, exportJWK, SignJWT } from "jose";
import { type TokenRules, TokenVerifier } from "./token-verifier.ts";

const secret = "a secret of at least 32 characters";
const issuer = "https://app.example";
const audience = "switchboard";
const ed = generateKeyPairSync("ed25519");
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pem = (key: KeyObject) => key.export({ type: "spki", format: "pem" }).toString();
const seconds = (offset: number) => Math.floor(Date.now() / 1_000) + offset;

const rules = (part: Partial<TokenRules>): TokenRules => ({
  secret: "",
  publicKey: "",
  jwksUrl: "",
  issuer,
  audience,
  ...part,
});

type Claims = Record<string, unknown>;
const good = (): Claims => ({ sub: "alice", iss: issuer, aud: audience, exp: seconds(60) });

function sign(
  claims: Claims,
  alg = "HS256",
  key: KeyObject | Uint8Array = new TextEncoder().encode(secret),
  header = {},
) {
  return new SignJWT(claims).setProtectedHeader({ alg, ...header }).sign(key);
}

/** The code of the refusal and its message, or the identity. */
async function verify(verifier: TokenVerifier, token: string) {
  const result = await verifier.verify(token);
  return result.ok ? result.value : `${result.error.code}: ${result.error.message}`;
}

describe("claims", () => {
  const verifier = new TokenVerifier(rules({ secret }));

  test("all that count are read", async () => {
    const exp = seconds(60);
    const grants = { call: ["bob", "room*"], join: ["room:x"], flying: ["*"] };
    const identity = await verify(
      verifier,
      await sign({ ...good(), exp, iat: 1_000, device: "phone", guest: true, grants }),
    );
    expect(identity).toEqual({
      user: "alice",
      device: "phone",
      guest: true,
      grants: { call: ["bob", "room*"], join: ["room:x"] },
      expires: exp * 1_000,
      issuedAt: 1_000_000,
    });
  });

  test("without grants there are none; an audience may be one of several", async () => {
    expect(await verify(verifier, await sign({ ...good(), aud: ["x", audience] }))).toMatchObject({
      grants: {},
    });
  });

  test("clocks may differ by 30 s", async () => {
    expect(await verify(verifier, await sign({ ...good(), nbf: seconds(25) }))).toMatchObject({
      user: "alice",
    });
    expect(await verify(verifier, await sign({ ...good(), nbf: seconds(60) }))).toBe(
      "unauthorized: The token's nbf is in the future: compare the clocks.",
    );
    expect(await verify(verifier, await sign({ ...good(), exp: seconds(-60) }))).toStartWith("token_expired");
  });

  test("a token has one spelling: no padding, no white space", async () => {
    const token = await sign(good());
    for (const other of [`${token}=`, `${token}\n`, ` ${token}`, `${token}.`, token.replace(".", ".\n")])
      expect(await verify(verifier, other)).toStartWith("unauthorized");
  });

  test("a number too large for a time is none", async () => {
    const key = new TextEncoder().encode(secret);
    const raw = (claim: string, number: string) => {
      const text = JSON.stringify({ ...good(), [claim]: 0 }).replace(`"${claim}":0`, `"${claim}":${number}`);
      return new CompactSign(new TextEncoder().encode(text)).setProtectedHeader({ alg: "HS256" }).sign(key);
    };
    for (const claim of ["exp", "iat"])
      for (const number of ["1e999", "1e300", "8.7e12"]) {
        const answer = await verify(verifier, await raw(claim, number));
        expect([claim, number, answer]).toEqual([
          claim,
          number,
          `unauthorized: The token's ${claim} is no time.`,
        ]);
      }
    expect(await verify(verifier, await raw("nbf", "1e999"))).toStartWith("unauthorized: The token's nbf");
  });

  const without = (name: string): Claims => {
    const { [name]: _, ...rest } = good();
    return rest;
  };
  const refused: [string, () => Claims, string][] = [
    ["no sub", () => without("sub"), "sub"],
    ["no exp", () => without("exp"), "exp"],
    ["no iss", () => without("iss"), "iss"],
    ["no aud", () => without("aud"), "aud"],
    ["another iss", () => ({ ...good(), iss: "https://other.example" }), "iss"],
    ["another aud", () => ({ ...good(), aud: "other" }), "aud"],
    ["a sub with a slash", () => ({ ...good(), sub: "alice/phone" }), "sub"],
    ["a sub with a control character", () => ({ ...good(), sub: "al\u0007ice" }), "sub"],
    ["a sub that is a number", () => ({ ...good(), sub: 5 }), "sub"],
    ["a sub that is a list", () => ({ ...good(), sub: ["alice"] }), "sub"],
    ["a sub that is an object", () => ({ ...good(), sub: { toString: "alice" } }), "sub"],
    ["an exp that is a text", () => ({ ...good(), exp: "4102444800" }), "exp"],
    ["an iat that is a text", () => ({ ...good(), iat: "yesterday" }), "iat"],
    ["a device that is a list", () => ({ ...good(), device: ["phone"] }), "device"],
    ["an empty sub", () => ({ ...good(), sub: "" }), "sub"],
    ["a device that is none", () => ({ ...good(), device: "a b" }), "device"],
    ["a guest that is neither true nor false", () => ({ ...good(), guest: "yes" }), "guest"],
    ["a device that is no text", () => ({ ...good(), device: 7 }), "device"],
    ["grants that are a list", () => ({ ...good(), grants: ["call"] }), "grants"],
    ["a grant that is no list", () => ({ ...good(), grants: { call: "*" } }), "grants.call"],
    ["a grant with a wrong pattern", () => ({ ...good(), grants: { call: ["a*b"] } }), "grants.call"],
    ["a grant with a number", () => ({ ...good(), grants: { join: [1] } }), "grants.join"],
  ];
  for (const [name, claims, word] of refused)
    test(`refused: ${name}`, async () => {
      const answer = await verify(verifier, await sign(claims()));
      expect(answer).toStartWith("unauthorized");
      expect(answer).toContain(word);
    });
});

describe("signatures", () => {
  const verifier = new TokenVerifier(rules({ secret }));

  test("forged, cut and empty tokens are refused, and the answer repeats nothing of them", async () => {
    const token = await sign(good());
    const [header, payload, signature] = token.split(".") as [string, string, string];
    const other = await sign({ ...good(), sub: "mallory" });
    const unsigned = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${payload}.`;
    const forged = `${header}.${other.split(".")[1]}.${signature}`;
    for (const bad of [forged, unsigned, `${header}.${payload}`, "", "a.b.c", "dev:alice", `${token}x`]) {
      const answer = await verify(verifier, bad);
      expect(answer).toStartWith("unauthorized");
      if (bad.length > 8) expect(answer).not.toContain(bad.slice(0, 8));
    }
  });

  test("another secret is refused", async () => {
    const key = new TextEncoder().encode("another secret of 32 characters!");
    expect(await verify(verifier, await sign(good(), "HS256", key))).toStartWith("unauthorized");
  });

  test("a public key is never taken for a shared secret", async () => {
    const publicKey = pem(rsa.publicKey);
    const confused = await sign(good(), "HS256", new TextEncoder().encode(publicKey));
    expect(await verify(new TokenVerifier(rules({ publicKey })), confused)).toStartWith("unauthorized");
    expect(await verify(new TokenVerifier(rules({ publicKey, secret })), confused)).toStartWith(
      "unauthorized",
    );
  });

  test("a key verifies its own algorithm only", async () => {
    const pairs = { EdDSA: ed, ES256: ec, RS256: rsa };
    for (const [alg, { publicKey }] of Object.entries(pairs)) {
      const one = new TokenVerifier(rules({ publicKey: pem(publicKey) }));
      for (const [other, { privateKey }] of Object.entries(pairs)) {
        const answer = await verify(one, await sign(good(), other, privateKey));
        if (other === alg) expect(answer).toMatchObject({ user: "alice" });
        else expect(answer).toStartWith("unauthorized");
      }
    }
    const rsaOnly = new TokenVerifier(rules({ publicKey: pem(rsa.publicKey) }));
    expect(await verify(rsaOnly, await sign(good(), "PS256", rsa.privateKey))).toStartWith("unauthorized");
  });

  test("a key of an unusable kind is an error at the start", () => {
    const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" });
    expect(() => new TokenVerifier(rules({ publicKey: pem(p384.publicKey) }))).toThrow("P-256");
    expect(() => new TokenVerifier(rules({ publicKey: "no PEM" }))).toThrow();
  });

  test("a key that the token brings along means nothing", async () => {
    const jwk = await exportJWK(ec.publicKey);
    const token = await sign(good(), "ES256", ec.privateKey, { jwk, jku: "http://127.0.0.1:1/keys" });
    expect(await verify(new TokenVerifier(rules({ publicKey: pem(ed.publicKey) })), token)).toStartWith(
      "unauthorized",
    );
  });
});

describe("a JWK Set", () => {
  let server: Bun.Server<undefined>;
  let fetched = 0;
  let down = false;
  beforeAll(async () => {
    const keys = [
      { ...(await exportJWK(ed.publicKey)), kid: "ed", alg: "EdDSA" },
      { ...(await exportJWK(rsa.publicKey)), kid: "rsa", alg: "RS256", use: "sig" },
    ];
    server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () => {
        fetched++;
        return down ? new Response("no", { status: 500 }) : Response.json({ keys });
      },
    });
  });
  afterAll(() => server.stop(true));
  const verifier = () => new TokenVerifier(rules({ jwksUrl: `http://127.0.0.1:${server.port}/keys` }));

  test("verifies by kid, and is fetched once", async () => {
    const one = verifier();
    fetched = 0;
    for (let i = 0; i < 3; i++) {
      expect(await verify(one, await sign(good(), "EdDSA", ed.privateKey, { kid: "ed" }))).toMatchObject({
        user: "alice",
      });
      expect(await verify(one, await sign(good(), "RS256", rsa.privateKey, { kid: "rsa" }))).toMatchObject({
        user: "alice",
      });
    }
    expect(fetched).toBe(1);
  });

  test("unknown kids, other algorithms and shared secrets are refused", async () => {
    const one = verifier();
    expect(await verify(one, await sign(good(), "EdDSA", ed.privateKey, { kid: "x" }))).toStartWith(
      "unauthorized",
    );
    expect(await verify(one, await sign(good(), "ES256", ec.privateKey, { kid: "ed" }))).toStartWith(
      "unauthorized",
    );
    expect(await verify(one, await sign(good()))).toStartWith("unauthorized");
  });

  test("that can't be had is a temporary error", async () => {
    down = true;
    const answer = await verify(verifier(), await sign(good(), "EdDSA", ed.privateKey, { kid: "ed" }));
    down = false;
    expect(answer).toStartWith("temporary");
  });
});
