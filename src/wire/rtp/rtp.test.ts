import { describe, expect, test } from "bun:test";
import { isAv1Key, parseDependencyDescriptor } from "./av1.ts";
import { findExtension, findTextExtension, transportSequence, writeExtensions } from "./extensions.ts";
import { isH264Key } from "./h264.ts";
import { h264Size } from "./h264-size.ts";
import { fixedHeaderBytes, isRtcp, parseRtp, writeFixedHeader } from "./packet.ts";
import { extendSequence, sequenceDistance, timestampDistance } from "./sequence.ts";
import { parseVp8, rewritePictureId } from "./vp8.ts";
import { parseVp9 } from "./vp9.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

function packetWith(
  extensions: readonly { id: number; value: Uint8Array }[],
  payload: Uint8Array,
): Uint8Array {
  const packet = new Uint8Array(200);
  const header = { payloadType: 96, marker: true, sequence: 65_535, timestamp: 0xffffffff, ssrc: 0x80000001 };
  writeFixedHeader(packet, 0, header, extensions.length > 0);
  let at = fixedHeaderBytes;
  if (extensions.length > 0) at += writeExtensions(packet, at, extensions);
  packet.set(payload, at);
  return packet.subarray(0, at + payload.length);
}

describe("RTP packets", () => {
  test("a header that was written is read", () => {
    const packet = packetWith(
      [
        { id: 4, value: text("hi") },
        { id: 9, value: bytes(1, 2, 3) },
      ],
      text("payload"),
    );
    const header = parseRtp(packet)!;
    expect(header).toMatchObject({ payloadType: 96, marker: true, sequence: 65_535, timestamp: 0xffffffff });
    expect(header.ssrc).toBe(0x80000001);
    expect(new TextDecoder().decode(packet.subarray(header.length))).toBe("payload");
    expect(header.payloadBytes).toBe(7);
    expect(findTextExtension(packet, header, 4)).toBe("hi");
    expect(findExtension(packet, header, 9)).toEqual(bytes(1, 2, 3));
    expect(findExtension(packet, header, 5)).toBeUndefined();
    expect(transportSequence(bytes(0xff, 0xfe))).toBe(0xfffe);
  });

  test("padding counts, and padding that leaves the packet is refused (RFC 3550 A.1)", () => {
    const packet = packetWith([], bytes(7, 7, 0, 2));
    packet[0] = 0xa0;
    expect(parseRtp(packet)?.payloadBytes).toBe(2);
    for (const padding of [0, 5, 255]) {
      packet[packet.length - 1] = padding;
      expect(parseRtp(packet)).toBeUndefined();
    }
  });

  test("a CSRC list or an extension that leaves the packet is refused, and so is another version", () => {
    const packet = packetWith([], text("x"));
    for (const first of [0x8f, 0x90, 0x40, 0xc0]) {
      packet[0] = first;
      expect(parseRtp(packet)).toBeUndefined();
    }
    expect(parseRtp(packet.subarray(0, 11))).toBeUndefined();
  });

  test("elements of two bytes are read, and malformed ones are none (RFC 8285 §4.3)", () => {
    const packet = bytes(0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0x10, 0, 0, 2, 0, 7, 2, 65, 66, 9, 200, 1);
    const header = parseRtp(packet)!;
    expect(findTextExtension(packet, header, 7)).toBe("AB");
    expect(findExtension(packet, header, 9)).toBeUndefined();
  });

  test("RTCP is told from RTP by its type (RFC 5761 §4)", () => {
    expect([192, 200, 206, 223].every((type) => isRtcp(bytes(0x80, type)))).toBe(true);
    expect([96, 0, 191, 224].some((type) => isRtcp(bytes(0x80, type)))).toBe(false);
  });
});

test("sequence numbers are extended over the wrap, forward and back", () => {
  expect(extendSequence(2, 65_534)).toBe(65_538);
  expect(extendSequence(65_535, 65_538)).toBe(65_535);
  expect(extendSequence(65_535, 0)).toBe(-1);
  expect(extendSequence(5, 2 ** 40 + 3)).toBe(2 ** 40 + 5);
  expect([sequenceDistance(1, 65_535), sequenceDistance(65_535, 1)]).toEqual([2, -2]);
  expect(timestampDistance(1, 0xffffffff)).toBe(2);
});

describe("what begins a picture", () => {
  test("VP8: the descriptor, a key frame, and other numbers in it (RFC 7741 §4.2)", () => {
    const payload = bytes(0x90, 0xe0, 0x81, 0x23, 9, 0x60, 0x00, 1, 2);
    const descriptor = parseVp8(payload)!;
    expect(descriptor).toMatchObject({
      length: 6,
      pictureId: 0x123,
      tl0: 9,
      temporalLayer: 1,
      layerSync: true,
    });
    expect([descriptor.begin, descriptor.key]).toEqual([true, true]);
    rewritePictureId(payload, 0, descriptor, 0x7ffe, 255);
    expect(parseVp8(payload)).toMatchObject({ pictureId: 0x7ffe, tl0: 255, length: 6 });
    expect(parseVp8(bytes(0x10, 0x01))?.key).toBe(false);
    expect(parseVp8(bytes(0x00, 0x00))?.key).toBe(false);
    expect(parseVp8(bytes(0x90, 0x80))).toBeUndefined();
  });

  test("H.264: IDR and SPS, alone, aggregated and as a first fragment (RFC 6184)", () => {
    for (const key of [bytes(0x65), bytes(0x67), bytes(0x7c, 0x85), bytes(0x78, 0, 2, 0x67, 0, 0, 1, 0x68)])
      expect(isH264Key(key)).toBe(true);
    for (const other of [
      bytes(0x61),
      bytes(0x7c, 0x05),
      bytes(0x7c, 0x81),
      bytes(0x78, 0, 1, 0x61),
      bytes(0x78),
      bytes(),
    ])
      expect(isH264Key(other)).toBe(false);
  });

  test("VP9: layers and a key picture (RFC 9628 §4.2)", () => {
    expect(parseVp9(bytes(0xa8, 0x81, 0x02, 0x52, 0, 1))).toMatchObject({
      temporalLayer: 2,
      spatialLayer: 1,
      switchUp: true,
    });
    expect(parseVp9(bytes(0x08, 1))).toMatchObject({ key: true, begin: true });
    expect(parseVp9(bytes(0x48, 1))?.key).toBe(false);
    expect(parseVp9(bytes(0xa0, 0x80))).toBeUndefined();
    // Of Chromium, in flexible mode with two spatial layers; and in the other mode, with a short picture id and TL0PICIDX.
    const ofKey = Uint8Array.fromHex("ba9c971030014000f0028001e083498342");
    expect(parseVp9(ofKey)).toMatchObject({
      ...{ pictureIdAt: 1, longPictureId: true, pictureId: 0x1c97, tl0At: -1, key: true, end: false },
      sizes: [
        { width: 320, height: 240 },
        { width: 640, height: 480 },
      ],
    });
    const other = bytes(0xa0, 0x05, 0x20, 9, 1);
    expect(parseVp9(other)).toMatchObject({ pictureId: 5, longPictureId: false, tl0At: 3, tl0: 9 });
    rewritePictureId(
      other,
      0,
      parseVp9(other) ?? { pictureIdAt: -1, longPictureId: false, tl0At: -1 },
      6,
      10,
    );
    expect(other).toEqual(bytes(0xa0, 0x06, 0x20, 10, 1));
  });

  test("H.264: the size of a sequence parameter set, alone and aggregated", () => {
    // Of Chromium, and of x264 (ffmpeg): 1920 × 1088, of which 1080 rows are shown.
    const aggregated = Uint8Array.fromHex("7800126742c0158c8d40a0f9350606060784423500000468ce3c80");
    expect(h264Size(aggregated)).toEqual({ width: 320, height: 240 });
    const high = Uint8Array.fromHex("67640028acd940780227e5c05a808080a0000003002000000781e30632c0");
    expect(h264Size(high)).toEqual({ width: 1920, height: 1080 });
    expect(h264Size(aggregated.subarray(0, 7))).toBeUndefined();
    expect(h264Size(bytes(0x65, 1, 2))).toBeUndefined();
  });

  test("AV1: the N bit, a sequence header, and the dependency descriptor", () => {
    expect(isAv1Key(bytes(0x18, 0x0a))).toBe(true);
    expect(isAv1Key(bytes(0x10, 0x0a))).toBe(true);
    expect(isAv1Key(bytes(0x10, 0x32))).toBe(false);
    expect(isAv1Key(bytes(0x90, 0x0a))).toBe(false);
    expect(parseDependencyDescriptor(bytes(0xc5, 1, 2, 0x80))).toEqual({
      ...{ begin: true, end: true, template: 5, frame: 0x102, structure: true },
    });
    expect(parseDependencyDescriptor(bytes(0xc5, 1))).toBeUndefined();
  });
});
