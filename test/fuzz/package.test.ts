import { describe, expect, test } from "bun:test";
import { av1Format, av1Units } from "../../src/media/package/av1.ts";
import { boxesIn, fragmentTracks, moveFragment, timescalesIn } from "../../src/media/package/box-reader.ts";
import { ascii, concat, u8, u32 } from "../../src/media/package/boxes.ts";
import { FlvReader } from "../../src/media/package/flv-reader.ts";
import { fragment } from "../../src/media/package/fragment.ts";
import { H264Pictures, h264Format } from "../../src/media/package/h264.ts";
import { h264Payloads } from "../../src/media/package/h264-payloads.ts";
import { initSegment } from "../../src/media/package/init-segment.ts";
import { opusFormat, opusSamples } from "../../src/media/package/opus.ts";
import type { VideoFormat } from "../../src/media/package/sample-format.ts";
import { Vp8Pictures } from "../../src/media/package/vp8.ts";
import { Vp9Pictures } from "../../src/media/package/vp9.ts";
import { videoConfiguration, videoFrame } from "../../src/media/rtmp/flv.ts";
import { keyframePayloads, pps, slicePayloads, sps } from "../support/h264-pictures.ts";
import { brokenBytes } from "./byte-mutation.ts";
import { chance, fuzzRounds, rounds } from "./target.ts";

const count = fuzzRounds(2_000);
const format = h264Format(sps, pps) as VideoFormat;
const sample = { data: Uint8Array.of(1, 2, 3), duration: 3_000, key: true, time: 12_345 };
const file = concat([
  initSegment([format, opusFormat]),
  fragment(1, [
    { track: 1, samples: [sample, sample] },
    { track: 2, samples: [sample] },
  ]),
]);

function tag(time: number, body: Uint8Array): Uint8Array {
  const { length } = body;
  const head = u8(9, length >>> 16, length >>> 8, length, time >>> 16, time >>> 8, time, 0, 0, 0, 0);
  return concat([head, body, u32(length + 11)]);
}

const flv = concat([
  ...[ascii("FLV"), u8(1, 1), u32(9, 0), tag(0, videoConfiguration(format))],
  ...[0, 40, 80].map((time) => tag(time, videoFrame(Uint8Array.of(0, 0, 0, 1, 0x65), time === 0))),
]);

test("FLV that an encoder could write: whole, in pieces, and broken, nothing throws", () => {
  const random = chance(1);
  for (const n of rounds(count)) {
    const bytes = n === 0 ? flv : brokenBytes(random, flv);
    const reader = new FlvReader();
    const seen: number[] = [];
    for (let at = 0, step = 1; at < bytes.length; at += step) {
      step = random.int(1, 60);
      if (!reader.push(bytes.slice(at, at + step), (_, time) => seen.push(time))) break;
    }
    expect(seen.length).toBeLessThanOrEqual(8);
    if (n === 0) expect(seen).toEqual([0, 40, 80]);
  }
});

test("pictures that an encoder could write as packets: never throws, and no payload is longer than a datagram carries", () => {
  const random = chance(2);
  const unit = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(0x65);
  for (const _ of rounds(count)) {
    const units = Array.from({ length: random.int(1, 5) }, () => unit(random.int(1, 4_000)));
    const data = concat(units.flatMap((one) => [u32(one.length), one]));
    const whole = random.int(0, 3) === 0;
    const configuration =
      random.int(0, 3) === 0 ? brokenBytes(random, format.configuration) : format.configuration;
    const payloads = h264Payloads({
      ...{ key: true, data: whole ? data : brokenBytes(random, data) },
      format: { ...format, configuration },
    });
    let sum = 0;
    for (const { length } of payloads) {
      expect(length).toBeGreaterThan(0);
      expect(length).toBeLessThanOrEqual(1_150);
      sum += length;
    }
    expect(sum).toBeLessThanOrEqual(data.length + configuration.length + 100);
    if (whole && configuration === format.configuration)
      expect(new H264Pictures().take(payloads)?.data).toEqual(data);
  }
});

describe("packets of a publisher and boxes of a file that mean harm", () => {
  test("are a picture, or none: nothing throws, and nothing grows beyond what came", () => {
    const random = chance(3);
    const sequence = Uint8Array.of(0x0a, 0x0b, 0, 0, 0, 4, 0x3c, 0xff, 0xbc, 0xff, 0xe4, 0, 0x80);
    for (const _ of rounds(count)) {
      const payloads = random
        .pick([keyframePayloads, slicePayloads])(40)
        .map((one) => (random.chance(0.6) ? brokenBytes(random, one) : one));
      const size = payloads.reduce((sum, { length }) => sum + length, 0);
      const pictures = new H264Pictures();
      const picture = pictures.take(payloads);
      if (picture !== undefined) {
        expect(picture.data.length).toBeLessThanOrEqual(size * 5);
        expect(picture.format.width).toBeGreaterThan(0);
        initSegment([picture.format]);
      }
      for (const unit of av1Units(payloads) ?? []) expect(unit.length).toBeLessThanOrEqual(size);
      new Vp8Pictures().take(payloads);
      new Vp9Pictures().take(payloads);
      av1Format(brokenBytes(random, sequence));
      h264Format(brokenBytes(random, sps), pps);
      const samples = opusSamples(payloads[0] ?? new Uint8Array());
      if (samples !== undefined) expect(samples).toBeLessThanOrEqual(5_760);
    }
  });

  test("are boxes that lie where they say, or none", () => {
    const random = chance(4);
    for (const _ of rounds(count)) {
      const bytes = brokenBytes(random, file);
      const boxes = boxesIn(bytes);
      let end = 0;
      for (const box of boxes) {
        expect(box.at).toBe(end);
        end = box.end;
        if (box.type === "moov") timescalesIn(bytes, box);
        if (box.type === "moof") {
          const moof = bytes.slice(box.at, box.end);
          for (const { time, duration } of fragmentTracks(moof)) {
            expect(Number.isFinite(time)).toBe(true);
            expect(duration).toBeGreaterThanOrEqual(0);
          }
          moveFragment(moof, () => random.int(-1e9, 1e9));
        }
      }
      expect(end).toBeLessThanOrEqual(bytes.length);
    }
  });
});
