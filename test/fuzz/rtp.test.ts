import { describe, expect, test } from "bun:test";
import { srtpCrypto } from "../../src/net/srtp-crypto.ts";
import { isAv1Key, parseDependencyDescriptor } from "../../src/wire/rtp/av1.ts";
import { findExtension, findTextExtension } from "../../src/wire/rtp/extensions.ts";
import { isH264Key } from "../../src/wire/rtp/h264.ts";
import { h264Size } from "../../src/wire/rtp/h264-size.ts";
import { parseRtp } from "../../src/wire/rtp/packet.ts";
import { parseRtcp } from "../../src/wire/rtp/rtcp.ts";
import { parseVp8 } from "../../src/wire/rtp/vp8.ts";
import { parseVp9 } from "../../src/wire/rtp/vp9.ts";
import { srtpKeySize, srtpProfile } from "../../src/wire/srtp/profile.ts";
import { SrtpReceiver } from "../../src/wire/srtp/receiver.ts";
import { SrtpSender } from "../../src/wire/srtp/sender.ts";
import { anyBytes } from "./byte-mutation.ts";
import type { Random } from "./random.ts";
import { chance, fuzzRounds, rounds } from "./target.ts";

const count = fuzzRounds(3_000);

/** Any bytes, or a header of version 2 with anything behind it. */
function almostRtp(random: Random): Uint8Array {
  const bytes = anyBytes(random, 120);
  if (bytes.length > 0 && random.chance(0.5)) bytes[0] = 0x80 | ((bytes[0] ?? 0) & 0x3f);
  return bytes;
}

/** A compound of packets with true and lying lengths. */
function almostRtcp(random: Random): Uint8Array {
  const packets = Array.from({ length: random.int(0, 6) }, () => {
    const words = random.int(0, 15);
    const length = Math.max(0, words + random.int(-1, 1));
    const packet = anyBytes(random, 4 + 4 * words, 4 + 4 * words);
    packet.set([0x80 | random.int(0, 31), random.int(198, 208), length >> 8, length]);
    return packet;
  });
  return new Uint8Array(Buffer.concat(packets));
}

describe("RTP", () => {
  test("takes any bytes without throwing, and what it finds lies inside the packet", () => {
    const random = chance(1);
    for (const _ of rounds(count)) {
      const bytes = almostRtp(random);
      const header = parseRtp(bytes);
      if (header === undefined) continue;
      expect(header.length + header.payloadBytes).toBeLessThanOrEqual(bytes.length);
      expect(header.payloadBytes).toBeGreaterThanOrEqual(0);
      const id = random.int(1, random.pick([15, 255]));
      const value = findExtension(bytes, header, id);
      if (value !== undefined)
        expect(value.byteOffset + value.length).toBeLessThanOrEqual(bytes.byteOffset + bytes.length);
      findTextExtension(bytes, header, id);
    }
  });

  test("payloads of every codec are read without throwing, and no descriptor is longer than its payload", () => {
    const random = chance(2);
    for (const _ of rounds(count)) {
      const payload = anyBytes(random, 40);
      const vp8 = parseVp8(payload);
      if (vp8 !== undefined) expect(vp8.length).toBeLessThan(payload.length);
      const vp9 = parseVp9(payload);
      for (const at of [vp9?.pictureIdAt ?? -1, vp9?.tl0At ?? -1]) expect(at).toBeLessThan(payload.length);
      expect(vp9?.sizes.length ?? 0).toBeLessThanOrEqual(8);
      isH264Key(payload);
      if (payload.length > 0) payload[0] = 0x67;
      const { width = 1, height = 1 } = h264Size(payload) ?? {};
      for (const length of [width, height]) {
        expect(length).toBeGreaterThan(0);
        expect(length).toBeLessThanOrEqual(16_384);
      }
      isAv1Key(payload);
      parseDependencyDescriptor(payload);
    }
  });
});

test("RTCP takes any bytes without throwing, and what it answers is bounded", () => {
  const random = chance(3);
  for (const _ of rounds(count)) {
    const packets = parseRtcp(random.chance(0.5) ? almostRtcp(random) : anyBytes(random, 200));
    expect(packets?.length ?? 0).toBeLessThanOrEqual(32);
    for (const packet of packets ?? [])
      if (packet.type === "nack") expect(packet.lost.length).toBeLessThan(1_100);
  }
});

test("SRTP opens nothing that was changed or made up, never throws, and goes on with what is authentic", () => {
  const random = chance(4);
  const profiles = Object.values(srtpProfile).map((profile) => {
    const { key, salt } = srtpKeySize[profile];
    const secret = { key: new Uint8Array(key).fill(3), salt: new Uint8Array(salt).fill(4) };
    const sender = new SrtpSender(srtpCrypto, profile, secret);
    return { sender, receiver: new SrtpReceiver(srtpCrypto, profile, secret), index: 0 };
  });
  for (const _ of rounds(count)) {
    const one = random.pick(profiles);
    const bytes = almostRtp(random);
    expect(typeof one.receiver.unprotect(bytes)).toBe("string");
    expect(typeof one.receiver.unprotectRtcp(bytes)).toBe("string");
    const target = new Uint8Array(12 + bytes.length + 16);
    target.set([0x80, 96, one.index >> 8, one.index, 0, 0, 0, 0, 0, 0, 0, 7]);
    const payload = { bytes, at: 0, length: bytes.length, id: one.index };
    const length = one.sender.protect(target, 0, 12, payload, one.index) ?? 0;
    const sealed = target.subarray(0, length);
    const changed = sealed.slice();
    for (let times = random.int(1, 3); times > 0; times--) {
      const at = random.int(0, length - 1);
      changed[at] = (changed[at] ?? 0) ^ random.int(1, 255);
    }
    if (!Buffer.from(changed).equals(sealed)) expect(typeof one.receiver.unprotect(changed)).toBe("string");
    expect(one.receiver.unprotect(sealed)).toMatchObject({ index: one.index });
    one.index++;
  }
});
