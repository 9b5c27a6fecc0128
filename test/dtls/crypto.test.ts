import assert from "node:assert/strict";
import { constants, generateKeyPairSync, sign, X509Certificate } from "node:crypto";
import { describe, test } from "node:test";
import { generateCertificate } from "../../src/net/dtls-certificate.ts";
import { dtlsCrypto } from "../../src/net/dtls-crypto.ts";
import { publicKeyOf } from "../../src/wire/dtls/certificate.ts";
import type { DtlsCrypto } from "../../src/wire/dtls/crypto.ts";
import { prf } from "../../src/wire/dtls/key-schedule.ts";
import { hex } from "./support/pair.ts";

// Also that it fits the port.
const crypto: DtlsCrypto = dtlsCrypto;
const bytes = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ""), "hex"));

describe("the port on node:crypto", () => {
  test("AES-GCM seals and opens the vectors of the specification (McGrew and Viega, cases 4 and 16)", () => {
    const plaintext = bytes(
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
    );
    const additional = bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    const nonce = bytes("cafebabefacedbaddecaf888");
    for (const [key, sealed] of [
      [
        "feffe9928665731c6d6a8f9467308308",
        "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091 5bc94fbc3221a5db94fae95ae7121a47",
      ],
      [
        "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662 76fc6ece0f4e1768cddf8853bb2d551b",
      ],
    ] as const) {
      assert.equal(hex(crypto.seal(bytes(key), nonce, additional, plaintext)), hex(bytes(sealed)));
      assert.equal(
        hex(crypto.open(bytes(key), nonce, additional, bytes(sealed)) ?? bytes("")),
        hex(plaintext),
      );
    }
  });

  test("AES-GCM opens nothing that was changed by a bit", () => {
    const [key, nonce, additional] = [crypto.random(16), crypto.random(12), crypto.random(13)];
    const sealed = crypto.seal(key, nonce, additional, crypto.random(24));
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = sealed.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(crypto.open(key, nonce, additional, changed), undefined);
    }
    for (let length = 0; length < sealed.length; length++)
      assert.equal(crypto.open(key, nonce, additional, sealed.subarray(0, length)), undefined);
    assert.equal(crypto.open(key, nonce, crypto.random(13), sealed), undefined);
    assert.ok(crypto.open(key, nonce, additional, sealed));
  });

  test("the PRF gives the known vectors for SHA-256 and SHA-384", () => {
    const run = (hash: "sha256" | "sha384", secret: string, seed: string, length: number) =>
      hex(prf(crypto, hash, bytes(secret), Buffer.from("test label"), bytes(seed), length));
    assert.equal(
      run("sha256", "9bbe436ba940f017b17652849a71db35", "a0ba9f936cda311827a6f796ffd5198c", 100),
      "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66",
    );
    assert.equal(
      run("sha384", "b80b733d6ceefcdc71566ea48e5567df", "cd665cf6a8447dd6ff8b27555edb7465", 148),
      "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f82b1233c9146a0e534cb400fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d9184259b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e0990703d73e56f",
    );
  });

  for (const [group, size] of [
    ["x25519", 32],
    ["p256", 65],
  ] as const)
    test(`${group}: both sides agree; what is no key of the group is refused`, () => {
      const [one, other] = [crypto.keyShare(group), crypto.keyShare(group)];
      assert.equal(one.publicKey.length, size);
      const secret = one.agree(other.publicKey);
      assert.ok(secret);
      assert.equal(hex(secret), hex(other.agree(one.publicKey) ?? bytes("")));
      assert.notEqual(hex(one.publicKey), hex(other.publicKey));
      const { publicKey } = other;
      const wrong = [
        new Uint8Array(0),
        publicKey.subarray(1),
        Buffer.concat([publicKey, Buffer.alloc(1)]),
        new Uint8Array(size),
      ];
      if (group === "p256") {
        const off = publicKey.slice();
        off[40] = (off[40] ?? 0) ^ 1;
        const odd = (publicKey.at(-1) ?? 0) & 1;
        // Infinity, and the compressed and the hybrid form of a right key.
        wrong.push(off, Uint8Array.of(0));
        wrong.push(Uint8Array.of(2 + odd, ...publicKey.subarray(1, 33)));
        wrong.push(Uint8Array.of(6 + odd, ...publicKey.subarray(1)));
      } else {
        // Points of small order (RFC 7748 §6.1).
        wrong.push(Uint8Array.of(1, ...new Uint8Array(31)));
        wrong.push(bytes("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"));
      }
      for (const key of wrong) assert.equal(one.agree(key), undefined, hex(key));
    });

  test("signatures of P-256 and RSA verify, by their own scheme only", () => {
    const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const data = [crypto.random(100), crypto.random(33)];
    const all = Buffer.concat(data);
    const pss = { key: rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
    const signed = {
      ecdsaP256: { key: ec.publicKey, signature: sign("sha256", all, ec.privateKey) },
      rsaPss: { key: rsa.publicKey, signature: sign("sha256", all, pss) },
      rsaPkcs1: { key: rsa.publicKey, signature: sign("sha256", all, rsa.privateKey) },
    };
    for (const [scheme, { key, signature }] of Object.entries(signed)) {
      const spki = new Uint8Array(key.export({ type: "spki", format: "der" }));
      for (const other of ["ecdsaP256", "rsaPss", "rsaPkcs1"] as const)
        assert.equal(crypto.verify(other, spki, data, signature), other === scheme, `${scheme} as ${other}`);
      assert.equal(crypto.verify(scheme as "rsaPss", spki, [all], signature), true);
      assert.equal(crypto.verify(scheme as "rsaPss", spki, [all, Uint8Array.of(0)], signature), false);
      assert.equal(crypto.verify(scheme as "rsaPss", spki, data, signature.subarray(1)), false);
      assert.equal(crypto.verify(scheme as "rsaPss", spki, data, new Uint8Array(0)), false);
      assert.equal(crypto.verify(scheme as "rsaPss", spki.subarray(1), data, signature), false);
    }
  });

  test("equal compares content, and takes any lengths", () => {
    assert.equal(crypto.equal(bytes("0102"), bytes("0102")), true);
    assert.equal(crypto.equal(bytes("0102"), bytes("0103")), false);
    assert.equal(crypto.equal(bytes("0102"), bytes("010203")), false);
  });

  test("rule 26: whatever it gives has memory of its own", () => {
    const given = [
      crypto.random(32),
      crypto.digest("sha256", [bytes("01")]),
      crypto.hmac("sha256", bytes("01"), [bytes("02")]),
      crypto.seal(bytes("00".repeat(16)), bytes("00".repeat(12)), bytes(""), bytes("0102")),
      crypto.keyShare("p256").agree(crypto.keyShare("p256").publicKey),
      crypto.keyShare("x25519").agree(crypto.keyShare("x25519").publicKey),
    ];
    for (const one of given) assert.equal(one?.buffer.byteLength, one?.length);
  });
});

describe("rule 4: our certificate", () => {
  const now = new Date("2031-02-03T04:05:06Z");

  test("is valid X.509, self-signed, and new each time", () => {
    const [one, other] = [generateCertificate(now), generateCertificate(now)];
    const parsed = new X509Certificate(one.der);
    assert.equal(parsed.verify(parsed.publicKey), true);
    assert.equal(parsed.publicKey.asymmetricKeyDetails?.namedCurve, "prime256v1");
    assert.equal(parsed.subject, "CN=WebRTC");
    assert.equal(parsed.issuer, parsed.subject);
    assert.equal(new Date(parsed.validFrom).toISOString(), "2031-02-02T04:05:06.000Z");
    assert.equal(new Date(parsed.validTo).toISOString(), "2031-03-05T04:05:06.000Z");
    assert.notEqual(hex(one.der), hex(other.der));
    assert.ok(one.der.length < 300, `${one.der.length} bytes`);
  });

  test("signs with its own key", () => {
    const { der, sign: signs } = generateCertificate(now);
    const key = publicKeyOf(der);
    assert.equal(key?.type, "p256");
    const data = [bytes("0102"), bytes("03")];
    assert.ok(key && crypto.verify("ecdsaP256", key.spki, data, signs(data)));
  });
});
