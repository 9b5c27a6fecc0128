import { describe, expect, test } from "bun:test";
import { openSrtpCrypto } from "../../net/open-srtp-crypto.ts";
import { srtpCrypto as portableCrypto } from "../../net/srtp-crypto.ts";
import { writeFixedHeader } from "../rtp/packet.ts";
import { noBytes, type SrtpCrypto } from "./crypto.ts";
import { IvMaker } from "./iv.ts";
import { type SrtpProfile, srtpKeySize, srtpProfile } from "./profile.ts";
import { SrtpReceiver } from "./receiver.ts";
import { SealedIndexes } from "./sealed-indexes.ts";
import { type SealedPayload, SrtpSender } from "./sender.ts";

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
const profiles = Object.values(srtpProfile);
const fastest = await openSrtpCrypto();
/** Whatever holds for one of them must hold for the other. */
const implementations: readonly (readonly [name: string, crypto: SrtpCrypto])[] = [
  [portableCrypto.name, portableCrypto],
  ...(fastest === portableCrypto ? [] : [[fastest.name, fastest] as const]),
];

test("without acceleration, node:crypto seals", async () => {
  expect((await openSrtpCrypto(true)).name).toBe("node:crypto");
});

function secret(profile: SrtpProfile, first = 1) {
  const { key, salt } = srtpKeySize[profile];
  return {
    key: Uint8Array.from({ length: key }, (_, n) => first + n),
    salt: Uint8Array.from({ length: salt }, (_, n) => 100 + first + n),
  };
}

const payload = (text: string, id = 1): SealedPayload => {
  const bytes = new TextEncoder().encode(text);
  return { bytes, at: 0, length: bytes.length, id };
};

/** A sealed packet, or undefined where the sender refuses. */
function seal(sender: SrtpSender, index: number, of: SealedPayload, ssrc = 7): Uint8Array | undefined {
  const target = new Uint8Array(12 + of.length + 16);
  const header = { payloadType: 96, marker: false, sequence: index & 0xffff, timestamp: 9, ssrc };
  writeFixedHeader(target, 0, header, false);
  const length = sender.protect(target, 0, 12, of, index);
  return length === undefined ? undefined : target.subarray(0, length);
}

describe.each(implementations)("vectors, by %s", (_, srtpCrypto) => {
  test("RFC 3711 B.3: key derivation", () => {
    const key = hex("E1F97A0D3E018BE0D64FA32C06DE4139");
    const iv = (label: number) => {
      const bytes = hex("0EC675AD498AFEEBB6960B3AABE6 0000");
      bytes[7] = (bytes[7] ?? 0) ^ label;
      return bytes;
    };
    expect(srtpCrypto.keyStream(key, iv(0), 16)).toEqual(
      Buffer.from(hex("C61E7A93744F39EE10734AFE3FF7A087")),
    );
    expect(srtpCrypto.keyStream(key, iv(2), 14)).toEqual(Buffer.from(hex("30CBBC08863D8C85D49DB34A9AE1")));
    expect(srtpCrypto.keyStream(key, iv(1), 20)).toEqual(
      Buffer.from(hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4")),
    );
  });

  test("RFC 3711 B.2: AES in counter mode", () => {
    const key = hex("2B7E151628AED2A6ABF7158809CF4F3C");
    const stream = srtpCrypto.keyStream(key, hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000"), 32);
    expect(Buffer.from(stream).toString("hex").toUpperCase()).toBe(
      "E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB",
    );
  });

  test("RFC 7714 §16.1.1: a packet sealed with AES-128-GCM", () => {
    const packet = hex(`8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973
      20646976 69736120 696e2070 61727465 73207472 6573`);
    const salt = hex("51756964 2070726f 2071756f");
    const iv = new IvMaker({ salt, gcm: true }).rtp(0x5501a0b2, 0xf17b);
    expect(Buffer.from(iv).toString("hex")).toBe("51753c6580c2726f20718414");
    const target = new Uint8Array(packet.length + 16);
    target.set(packet.subarray(0, 12));
    const cipher = srtpCrypto.gcm(hex("000102030405060708090a0b0c0d0e0f"));
    cipher.seal(target, 0, 12, packet, 12, packet.length - 12, iv, noBytes);
    expect(Buffer.from(target).toString("hex")).toBe(
      hexText(`8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b
        36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce`),
    );
    expect(cipher.open(target, 12, iv, noBytes)).toEqual(packet);
  });
});

const cases = implementations.flatMap(([name, crypto]) =>
  profiles.map((profile) => [profile, name, crypto] as const),
);

describe.each(cases)("profile %d, by %s", (profile, _, srtpCrypto) => {
  const pair = () => ({
    sender: new SrtpSender(srtpCrypto, profile, secret(profile)),
    receiver: new SrtpReceiver(srtpCrypto, profile, secret(profile)),
  });

  test("opens what was sealed, over the wrap of the sequence number and back", () => {
    const { sender, receiver } = pair();
    for (const index of [65_530, 65_534, 65_537, 65_535, 65_540, 95_000]) {
      const sealed = seal(sender, index, payload(`packet ${index}`));
      const opened = receiver.unprotect(sealed!);
      if (typeof opened === "string") throw new Error(opened);
      expect(opened.index).toBe(index);
      expect(new TextDecoder().decode(opened.packet.subarray(12))).toBe(`packet ${index}`);
    }
  });

  test("a replayed packet, a forged one and another key's are refused, and harm nothing", () => {
    const { sender, receiver } = pair();
    const sealed = seal(sender, 5, payload("one"))!;
    expect(typeof receiver.unprotect(sealed)).toBe("object");
    expect(receiver.unprotect(sealed)).toBe("replayed");
    for (let at = 0; at < sealed.length; at++) {
      const forged = seal(sender, 6, payload("two"))!.slice();
      forged[at] = (forged[at] ?? 0) ^ 1;
      expect(typeof receiver.unprotect(forged)).toBe("string");
    }
    const other = new SrtpSender(srtpCrypto, profile, secret(profile, 2));
    expect(receiver.unprotect(seal(other, 6, payload("two"))!)).toBe("forged");
    expect(typeof receiver.unprotect(seal(sender, 6, payload("two"))!)).toBe("object");
  });

  test("RTCP goes through once, encrypted, and is refused with any bit changed", () => {
    const { sender, receiver } = pair();
    const report = hex("80c90001 00000007 81ca0003 00000007 0102616200000000");
    const sealed = sender.protectRtcp(report)!;
    expect(Buffer.from(sealed).includes(Buffer.from("ab"))).toBe(false);
    for (let at = 0; at < sealed.length; at++) {
      const forged = sealed.slice();
      forged[at] = (forged[at] ?? 0) ^ 1;
      expect(typeof receiver.unprotectRtcp(forged)).toBe("string");
    }
    expect(receiver.unprotectRtcp(sealed)).toEqual(report);
    expect(receiver.unprotectRtcp(sealed)).toBe("replayed");
    expect(receiver.unprotectRtcp(sender.protectRtcp(report)!)).toEqual(report);
  });

  test("closed, it seals and opens nothing, and closing again does nothing", () => {
    const { sender, receiver } = pair();
    const sealed = seal(sender, 5, payload("one"))!;
    const report = sender.protectRtcp(new Uint8Array(16))!;
    for (let time = 0; time < 2; time++) {
      sender.close();
      receiver.close();
      expect(seal(sender, 6, payload("two"))).toBeUndefined();
      expect(sender.protectRtcp(new Uint8Array(16))).toBeUndefined();
      expect(receiver.unprotect(sealed)).toBe("forged");
      expect(receiver.unprotectRtcp(report)).toBe("forged");
    }
  });

  test("sources are bounded, and none makes room for another", () => {
    const { receiver } = pair();
    for (let ssrc = 0; ssrc < 65; ssrc++) {
      const sender = new SrtpSender(srtpCrypto, profile, secret(profile));
      const opened = receiver.unprotect(seal(sender, 1, payload("x"), ssrc)!);
      expect(opened === "too many sources").toBe(ssrc === 64);
    }
    const forger = new SrtpReceiver(srtpCrypto, profile, secret(profile, 9));
    for (let ssrc = 0; ssrc < 200; ssrc++) {
      const sender = new SrtpSender(srtpCrypto, profile, secret(profile));
      expect(forger.unprotect(seal(sender, 1, payload("x"), ssrc)!)).toBe("forged");
    }
  });
});

describe("rules 1 and 27: nothing is sealed twice with different bytes", () => {
  const sender = () =>
    new SrtpSender(fastest, srtpProfile.aeadAes128Gcm, secret(srtpProfile.aeadAes128Gcm), 64);

  test("a repeat with the same bytes is the same packet; with others it is refused", () => {
    const s = sender();
    const first = seal(s, 10, payload("same", 1));
    expect(seal(s, 11, payload("next", 2))).toBeDefined();
    expect(seal(s, 10, payload("same", 1))).toEqual(first!);
    expect(seal(s, 10, payload("else", 3))).toBeUndefined();
    expect(seal(s, 10, payload("longer", 1))).toBeUndefined();
  });

  test("what was left out may still be sealed once; what is too old may not", () => {
    const s = sender();
    seal(s, 100, payload("newest", 1));
    expect(seal(s, 90, payload("late", 2))).toBeDefined();
    expect(seal(s, 90, payload("other", 3))).toBeUndefined();
    expect(seal(s, 100 - 64, payload("old", 4))).toBeUndefined();
  });

  test("an SSRC whose indexes only rise seals each once, also after a jump, and keeps nothing of them", () => {
    const s = sender();
    s.expect(0x1234, 0);
    const sealed = (index: number, id: number) => seal(s, index, payload("x", id), 0x1234);
    for (const index of [5, 6, 9, 70_000, 2 ** 33]) expect(sealed(index, index)).toBeDefined();
    for (const index of [5, 7, 8, 2 ** 33, 2 ** 33 - 1]) expect(sealed(index, index)).toBeUndefined();
    // What was sealed already is not forgotten by a wider span.
    s.expect(0x1234, 512);
    expect(sealed(2 ** 33 - 1, 1)).toBeUndefined();
    expect(sealed(2 ** 33 + 1, 1)).toBeDefined();
  });

  test("each SSRC has a span of its own; one that is no power of two is refused", () => {
    const s = sender();
    s.expect(1, 2);
    const sealed = (index: number, ssrc: number) => seal(s, index, payload("x", 1), ssrc);
    for (const ssrc of [1, 2]) sealed(200, ssrc);
    expect(sealed(199, 1)).toBeDefined();
    expect(sealed(198, 1)).toBeUndefined();
    expect(sealed(137, 2)).toBeDefined();
    for (const span of [1, 3, 600, -2, 0.5, 2 ** 17, Number.NaN])
      expect(() => new SealedIndexes(span)).toThrow(RangeError);
  });

  test("an index 2^32 packets on is never taken for one that was sealed with other bytes", () => {
    const indexes = new SealedIndexes(64);
    expect(indexes.admit(7, 1)).toBe(true);
    expect(indexes.admit(2 ** 32 + 7, 2)).toBe(false);
    expect(indexes.admit(2 ** 32 + 8, 2)).toBe(true);
    expect(indexes.admit(2 ** 32 + 8, 3)).toBe(false);
    expect(indexes.admit(2 ** 32 + 8, 2)).toBe(true);
  });

  test("an index of 2^48, a fraction and a negative one are refused", () => {
    for (const index of [2 ** 48, 0.5, -1, Number.NaN])
      expect(sender().protect(new Uint8Array(64), 0, 12, payload("x"), index)).toBeUndefined();
  });
});

function hexText(text: string): string {
  return text.replaceAll(/\s/g, "");
}
