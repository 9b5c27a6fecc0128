import { describe, expect, test } from "bun:test";
import { scramVerifier } from "../../auth/credential-verifiers.ts";
import { saslCrypto } from "../../net/sasl-crypto.ts";
import { parseClientFirst, parseVerifier, ScramExchange, type ScramName } from "./scram.ts";

/** The exchanges of RFC 5802 §5 and RFC 7677 §3: user `user`, password `pencil`. */
const vectors = [
  {
    name: "SHA-1",
    salt: "QSXCR+Q6sek8bf92",
    nonce: "fyko+d2lbbFgONRv9qkxdawL",
    ours: "3rfcNHYJY1ZVvWVs7j",
    proof: "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
    signature: "rmF9pqV8S7suAoZWja4dJRkFsKQ=",
  },
  {
    name: "SHA-256",
    salt: "W22ZaJ0SNY7soEsUEjb6gQ==",
    nonce: "rOprNGfwEbeRWgbNEkqO",
    ours: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
    proof: "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    signature: "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
  },
] as const;

describe.each(vectors)("SCRAM-$name of the RFC", ({ name, salt, nonce, ours, proof, signature }) => {
  function exchange() {
    const first = parseClientFirst(`n,,n=user,r=${nonce}`);
    const kept = scramVerifier(name as ScramName, "pencil", Buffer.from(salt, "base64"));
    const verifier = parseVerifier(kept, saslCrypto);
    return new ScramExchange(name as ScramName, first!, verifier!, ours, saslCrypto);
  }
  const final = `c=biws,r=${nonce}${ours}`;

  test("its messages come out", () => {
    const scram = exchange();
    expect(scram.challenge).toBe(`r=${nonce}${ours},s=${salt},i=4096`);
    expect(scram.finish(`${final},p=${proof}`)).toEqual({ ok: true, value: `v=${signature}` });
  });

  test.each([
    [`${final},p=${proof.replace(/^./, "A")}`, "wrong"],
    [`c=biws,r=${nonce},p=${proof}`, "wrong"],
    [`c=eSws,r=${nonce}${ours},p=${proof}`, "wrong"],
    [`${final},p=AAAA`, "malformed"],
    [`${final},p=${proof}x`, "malformed"],
    [`r=${nonce}${ours},p=${proof}`, "malformed"],
    ["", "malformed"],
  ])("refuses %p", (message, error) => {
    expect(exchange().finish(message)).toMatchObject({ ok: false, error });
  });
});

describe("a client's first message", () => {
  test("has names with commas and equals signs, and somebody to act for", () => {
    expect(parseClientFirst("y,a=b=2Cc,n=a=2Cb=3Dc,r=x")).toMatchObject({
      header: "y,a=b=2Cc,",
      authzid: "b,c",
      username: "a,b=c",
      nonce: "x",
    });
  });

  test.each([
    "p=tls-unique,,n=user,r=x",
    "n,,m=x,n=user,r=x",
    "n,,n=us=er,r=x",
    "n,,n=user",
    "n,,n=,r=x",
    "n,,n=user,r=",
    "n,n=user,r=x",
    "n,,n=user,r=a b",
    "",
  ])("%p is none", (message) => {
    expect(parseClientFirst(message)).toBeUndefined();
  });
});
