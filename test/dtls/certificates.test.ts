import assert from "node:assert/strict";
import { generateKeyPairSync, randomInt, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { generateCertificate } from "../../src/net/dtls-certificate.ts";
import { dtlsCrypto } from "../../src/net/dtls-crypto.ts";
import { publicKeyOf } from "../../src/wire/dtls/certificate.ts";
import { hex } from "./support/pair.ts";
import { fileCertificate, has, p256, rsa2048 } from "./support/peer-program.ts";

const skip = !has("openssl");

function derOf(name: string, kind: readonly string[]): Uint8Array {
  return new Uint8Array(new X509Certificate(readFileSync(fileCertificate(name, kind).cert)).raw);
}

/** DER of one element. */
function element(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(content);
  const length = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...length), body]);
}

/** A certificate that is nothing but its structure, with this key. */
function around(spki: Uint8Array, ...more: readonly Uint8Array[]): Uint8Array {
  const empty = element(0x30);
  return element(
    0x30,
    element(0x30, element(2, Buffer.of(1)), empty, empty, empty, empty, spki, ...more),
    empty,
  );
}

/** An RSA key whose modulus has so many bits. */
function rsaKey(bits: number, exponent: readonly number[] = [1, 0, 1]): Uint8Array {
  const modulus = new Uint8Array(Math.ceil(bits / 8)).fill(0xff);
  modulus[0] = 0xff >> ((8 - (bits % 8)) % 8);
  const positive = bits % 8 === 0 ? Buffer.concat([Buffer.of(0), modulus]) : modulus;
  const numbers = element(0x30, element(2, positive), element(2, Uint8Array.from(exponent)));
  const algorithm = element(0x30, Buffer.from("06092a864886f70d0101010500", "hex"));
  return element(0x30, algorithm, element(3, Buffer.of(0), numbers));
}

describe("rule 18: certificates", { skip }, () => {
  const elliptic = (curve: string, encoding = "named_curve") => [
    "-newkey",
    "ec",
    "-pkeyopt",
    `ec_paramgen_curve:${curve}`,
    "-pkeyopt",
    `ec_param_enc:${encoding}`,
  ];
  const taken: Record<string, readonly string[]> = {
    "P-256": p256,
    "RSA of 2048 bits": rsa2048,
    "P-256, with long names": [...p256, "-subj", `/O=${"o".repeat(60)}/CN=${"n".repeat(60)}`],
  };
  for (const [name, kind] of Object.entries(taken))
    test(`${name} is taken, with the key that others find in it`, () => {
      const der = derOf("taken", kind);
      const key = publicKeyOf(der);
      const known = new X509Certificate(der).publicKey.export({ type: "spki", format: "der" });
      assert.equal(hex(key?.spki ?? new Uint8Array(0)), hex(known));
      assert.equal(key?.type, name.startsWith("RSA") ? "rsa" : "p256");
    });

  const refused: Record<string, readonly string[]> = {
    "P-384": elliptic("P-384"),
    secp256k1: elliptic("secp256k1"),
    "P-256 with explicit parameters": elliptic("P-256", "explicit"),
    Ed25519: ["-newkey", "ed25519"],
    "RSA of 1024 bits": ["-newkey", "rsa:1024"],
    "RSA-PSS": ["-newkey", "rsa-pss"],
  };
  for (const [name, kind] of Object.entries(refused))
    test(`${name} is refused`, () => assert.equal(publicKeyOf(derOf("refused", kind)), undefined));

  test("RSA of 2048 to 4096 bits with the exponent 65537 is taken, and no other", () => {
    for (const bits of [2048, 3072, 4096]) assert.equal(publicKeyOf(around(rsaKey(bits)))?.type, "rsa");
    for (const bits of [512, 2040, 2047, 4097, 4104, 16384])
      assert.equal(publicKeyOf(around(rsaKey(bits))), undefined);
    for (const exponent of [[3], [1, 0, 3], [0, 1, 0, 1], [1, 0, 0, 0, 1], []])
      assert.equal(publicKeyOf(around(rsaKey(2048, exponent))), undefined);
  });

  test("dates and versions mean nothing", () => {
    assert.equal(publicKeyOf(generateCertificate(new Date("2001-01-01")).der)?.type, "p256");
  });

  test("a key that ends elsewhere than it says is refused", () => {
    const spki = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({
      type: "spki",
      format: "der",
    });
    assert.equal(publicKeyOf(around(spki))?.type, "p256");
    assert.equal(publicKeyOf(around(spki, element(0xa3, element(0x30))))?.type, "p256");
    assert.equal(publicKeyOf(around(spki.subarray(0, -1))), undefined);
    assert.equal(publicKeyOf(Buffer.concat([around(spki), Buffer.of(0)])), undefined);
    assert.equal(publicKeyOf(around(spki).subarray(0, -1)), undefined);
  });

  test("PEM, an empty one and lengths that are not the shortest are refused", () => {
    const { cert } = fileCertificate("pem", p256);
    assert.equal(publicKeyOf(readFileSync(cert)), undefined);
    assert.equal(publicKeyOf(new Uint8Array(0)), undefined);
    assert.equal(publicKeyOf(Uint8Array.of(0x30, 0x80, 0, 0)), undefined);
    assert.equal(publicKeyOf(Uint8Array.of(0x30, 0x81, 0x02, 0x30, 0)), undefined);
    assert.equal(publicKeyOf(Uint8Array.of(0x30, 0x83, 0, 0, 2, 0x30, 0)), undefined);
  });

  test("a certificate that is changed at random never throws, nor does its key", () => {
    const seeds = [generateCertificate(new Date()).der, derOf("seed", rsa2048)];
    let found = 0;
    for (let n = 0; n < 4_000; n++) {
      const der = (seeds[n & 1] as Uint8Array).slice();
      for (let times = 1 + (n & 3); times > 0; times--) der[randomInt(der.length)] = randomInt(256);
      const key = publicKeyOf(der);
      if (key === undefined) continue;
      found++;
      assert.ok(key.spki.length === 91 || key.spki.length >= 290);
      if (n % 20 > 1) continue;
      const scheme = key.type === "p256" ? "ecdsaP256" : "rsaPss";
      assert.equal(dtlsCrypto.verify(scheme, key.spki, [der], der.subarray(0, 70)), false);
    }
    assert.ok(found > 1_000);
  });
});
