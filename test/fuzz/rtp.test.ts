import { describe, expect, test } from "bun:test";
import fc from "fast-check";
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

const numRuns = Number(process.env.FUZZ_RUNS ?? 3_000);

/** Any bytes, or a header of version 2 with anything behind it. */
const almostRtp = fc.tuple(fc.boolean(), fc.uint8Array({ maxLength: 120 })).map(([whole, bytes]) => {
  if (whole && bytes.length > 0) bytes[0] = 0x80 | ((bytes[0] ?? 0) & 0x3f);
  return bytes;
});

/** A compound of packets with true and lying lengths. */
const almostRtcp = fc
  .array(
    fc.tuple(
      fc.integer({ min: 0, max: 31 }),
      fc.integer({ min: 198, max: 208 }),
      fc.uint8Array({ maxLength: 60 }),
      fc.integer({ min: -1, max: 1 }),
    ),
    { maxLength: 6 },
  )
  .map((packets) => {
    const parts = packets.map(([count, type, body, lie]) => {
      const words = Math.floor(body.length / 4);
      const length = Math.max(0, words + (lie === 0 ? 0 : lie));
      return Uint8Array.of(0x80 | count, type, length >> 8, length, ...body.subarray(0, 4 * words));
    });
    return Uint8Array.from(parts.flatMap((part) => [...part]));
  });

describe("RTP", () => {
  test("takes any bytes without throwing, and what it finds lies inside the packet", () => {
    fc.assert(
      fc.property(almostRtp, fc.integer({ min: 1, max: 255 }), (bytes, id) => {
        const header = parseRtp(bytes);
        if (header === undefined) return;
        expect(header.length + header.payloadBytes).toBeLessThanOrEqual(bytes.length);
        expect(header.payloadBytes).toBeGreaterThanOrEqual(0);
        const value = findExtension(bytes, header, id);
        if (value !== undefined)
          expect(value.byteOffset + value.length).toBeLessThanOrEqual(bytes.byteOffset + bytes.length);
        findTextExtension(bytes, header, id);
      }),
      { numRuns },
    );
  });

  test("payloads of every codec are read without throwing, and no descriptor is longer than its payload", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (payload) => {
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
      }),
      { numRuns },
    );
  });
});

test("RTCP takes any bytes without throwing, and what it answers is bounded", () => {
  fc.assert(
    fc.property(fc.oneof(almostRtcp, fc.uint8Array({ maxLength: 200 })), (bytes) => {
      const packets = parseRtcp(bytes);
      expect(packets?.length ?? 0).toBeLessThanOrEqual(32);
      for (const packet of packets ?? [])
        if (packet.type === "nack") expect(packet.lost.length).toBeLessThan(1_100);
    }),
    { numRuns },
  );
});

test("SRTP opens nothing that was changed or made up, never throws, and goes on with what is authentic", () => {
  const profiles = Object.values(srtpProfile).map((profile) => {
    const { key, salt } = srtpKeySize[profile];
    const secret = { key: new Uint8Array(key).fill(3), salt: new Uint8Array(salt).fill(4) };
    const sender = new SrtpSender(srtpCrypto, profile, secret);
    return { sender, receiver: new SrtpReceiver(srtpCrypto, profile, secret), index: 0 };
  });
  fc.assert(
    fc.property(
      fc.constantFrom(...profiles),
      almostRtp,
      fc.array(fc.tuple(fc.nat(200), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 3 }),
      (one, bytes, changes) => {
        expect(typeof one.receiver.unprotect(bytes)).toBe("string");
        expect(typeof one.receiver.unprotectRtcp(bytes)).toBe("string");
        const target = new Uint8Array(12 + bytes.length + 16);
        target.set([0x80, 96, one.index >> 8, one.index, 0, 0, 0, 0, 0, 0, 0, 7]);
        const payload = { bytes, at: 0, length: bytes.length, id: one.index };
        const length = one.sender.protect(target, 0, 12, payload, one.index) ?? 0;
        const sealed = target.subarray(0, length);
        const changed = sealed.slice();
        for (const [at, by] of changes) changed[at % length] = (changed[at % length] ?? 0) ^ by;
        if (!Buffer.from(changed).equals(sealed))
          expect(typeof one.receiver.unprotect(changed)).toBe("string");
        expect(one.receiver.unprotect(sealed)).toMatchObject({ index: one.index });
        one.index++;
      },
    ),
    { numRuns },
  );
});
