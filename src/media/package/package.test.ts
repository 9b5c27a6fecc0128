import { describe, expect, test } from "bun:test";
import { keyframePayloads, pps, slicePayloads, sps } from "../../../test/support/h264-pictures.ts";
import { av1Units } from "./av1.ts";
import { boxesIn, fragmentTracks, moveFragment, timescalesIn } from "./box-reader.ts";
import { concat } from "./boxes.ts";
import { fragment } from "./fragment.ts";
import { H264Pictures, h264Format } from "./h264.ts";
import { initSegment } from "./init-segment.ts";
import { opusFormat, opusGap, opusSamples } from "./opus.ts";
import { Recording } from "./recording.ts";
import type { VideoFormat } from "./sample-format.ts";
import { type Part, Segmenter } from "./segmenter.ts";
import { StreamClock, TrackClock } from "./stream-clock.ts";

const video = h264Format(sps, pps) as VideoFormat;
const unknownClock = { known: false, ntpOf: () => 0 };

describe("H.264", () => {
  test("a picture becomes a sample without parameter sets, which tell its size", () => {
    const pictures = new H264Pictures();
    expect(pictures.take(slicePayloads())).toBeUndefined();
    const picture = pictures.take(keyframePayloads(300));
    expect(picture).toMatchObject({ key: true, format: { width: 320, height: 240, name: "avc1.42c015" } });
    expect([...(picture?.data.subarray(0, 5) ?? [])]).toEqual([0, 0, 1, 45, 0x65]);
    expect(picture?.data.length).toBe(4 + 1 + 300);
    expect(pictures.take(slicePayloads(10))).toMatchObject({ key: false });
  });

  test("fragments without a beginning, without an end, or with something between them are no picture", () => {
    const [stap, first, last] = keyframePayloads() as [Uint8Array, Uint8Array, Uint8Array];
    for (const payloads of [
      [stap, last],
      [stap, first],
      [stap, first, slicePayloads()[0] as Uint8Array, last],
    ])
      expect(new H264Pictures().take(payloads)).toBeUndefined();
    expect(new H264Pictures().take([Uint8Array.of(0x78, 0xff, 0xff, 1)])).toBeUndefined();
    expect(h264Format(sps.subarray(0, 5), pps)).toBeUndefined();
  });
});

describe("AV1", () => {
  test("OBUs that were cut over packets are put together", () => {
    const payloads = [Uint8Array.of(0x50, 0x08, 1, 2), Uint8Array.of(0x90, 3, 4)];
    expect(av1Units(payloads)).toEqual([Uint8Array.of(0x08, 1, 2, 3, 4)]);
    const two = [Uint8Array.of(0x20, 2, 0x08, 1, 0x30, 5, 6)];
    expect(av1Units(two)).toEqual([Uint8Array.of(0x08, 1), Uint8Array.of(0x30, 5, 6)]);
    expect(av1Units([Uint8Array.of(0x90, 1)])).toBeUndefined();
    expect(av1Units([Uint8Array.of(0x50, 1)])).toBeUndefined();
    expect(av1Units([Uint8Array.of(0x20, 9, 1)])).toBeUndefined();
  });
});

describe("Opus", () => {
  test("a packet tells how long it is, and what takes its place", () => {
    expect(opusSamples(Uint8Array.of(0xfc, 1, 2))).toBe(960);
    expect(opusSamples(Uint8Array.of(0x78, 1, 2))).toBe(960);
    expect(opusSamples(Uint8Array.of(0xff, 0x03))).toBe(2_880);
    expect(opusSamples(Uint8Array.of(0xff, 0x3f))).toBeUndefined();
    expect(opusSamples(new Uint8Array())).toBeUndefined();
    expect(opusGap(0xff)).toEqual({ data: Uint8Array.of(0xfc), samples: 960 });
  });
});

describe("boxes", () => {
  test("an init segment and a fragment are read as they were written", () => {
    const init = initSegment([video, opusFormat]);
    const boxes = boxesIn(init);
    expect(boxes.map(({ type }) => type)).toEqual(["ftyp", "moov"]);
    const moov = boxes[1] as (typeof boxes)[number];
    expect([...timescalesIn(init, moov)]).toEqual([
      [1, 90_000],
      [2, 48_000],
    ]);
    const sample = { data: Uint8Array.of(1, 2, 3), duration: 3_000, key: true, time: 2 ** 33 };
    const bytes = fragment(7, [
      { track: 1, samples: [sample, { ...sample, key: false, time: 2 ** 33 + 3_000 }] },
      { track: 2, samples: [{ ...sample, duration: 960, time: 0 }] },
    ]);
    expect(boxesIn(bytes).map(({ type }) => type)).toEqual(["moof", "mdat"]);
    expect(fragmentTracks(bytes)).toMatchObject([
      { track: 1, time: 2 ** 33, duration: 6_000, key: true },
      { track: 2, time: 0, duration: 960, key: true },
    ]);
    moveFragment(bytes, (track) => (track === 1 ? 90 : -10));
    expect(fragmentTracks(bytes).map(({ time }) => time)).toEqual([2 ** 33 + 90, 0]);
  });
});

describe("the time of a track", () => {
  test("goes on over a wrap of the timestamps, and begins anew after a jump of hours", () => {
    const clock = new TrackClock(new StreamClock(), 90_000);
    const at = (timestamp: number, arrival: number) =>
      clock.at(timestamp >>> 0, unknownClock, arrival, false);
    expect(at(2 ** 32 - 3_000, 1_000)).toBe(900_000);
    expect(at(0, 1_033)).toBe(903_000);
    expect(at(90_000 * 7_200, 1_066)).toBe(Math.round(10.066 * 90_000));
    expect(at(90_000 * 7_200 - 3_000, 1_099)).toBeUndefined();
  });

  test("runs no more than 10 s ahead of the arrival, however fast the timestamps are", () => {
    const clock = new TrackClock(new StreamClock(), 48_000);
    for (let packet = 0; packet < 100; packet++) {
      const time = clock.at((packet * 9 * 48_000) >>> 0, unknownClock, packet * 20, true) ?? 0;
      expect(time / 48_000).toBeLessThanOrEqual(10 + packet * 0.02 + 10);
    }
  });

  test("brings sound and picture together by the publisher's clock", () => {
    const stream = new StreamClock();
    const reported = (offset: number, rate: number) => ({
      known: true,
      ntpOf: (timestamp: number) => offset + (timestamp / rate) * 1_000,
    });
    const [picture, sound] = [new TrackClock(stream, 90_000), new TrackClock(stream, 48_000)];
    expect(picture.at(0, reported(5_000, 90_000), 1_000, true)).toBe(900_000);
    // Captured 40 ms later, and here 100 ms later.
    expect(sound.at(0, reported(5_040, 48_000), 1_100, true)).toBe(Math.round(10.04 * 48_000));
  });
});

/** Parts of pictures, a keyframe each `group` s, of `rate` frames a second that come up to `jitter` s early or late. */
function cut(rate: number, group: number, seconds: number, jitter = 0): Part[] {
  const parts: Part[] = [];
  const segmenter = new Segmenter("video", { format: () => {}, part: (part) => parts.push(part) });
  for (let n = 0; n < rate * seconds; n++) {
    const time = Math.round((10 + n / rate + jitter * Math.sin(n * 12.9)) * 90_000);
    // As the packager asks for them: half a second after the first one, and then regularly.
    const key = n === 0 || (n - Math.round(rate / 2)) % Math.round(rate * group) === 0;
    segmenter.add({ data: Uint8Array.of(n), key, format: video, time });
  }
  return parts;
}

describe("parts and segments", () => {
  test("every part but a segment's last one has the same length, at any frame rate and with jitter", () => {
    for (const [rate, jitter] of [
      [30, 0],
      [30, 0.01],
      [25, 0.012],
      [60, 0.005],
      [24, 0],
      [15, 0.02],
      [10, 0],
      [10, 0.03],
      [7, 0],
    ] as const)
      for (const { duration, last, segment } of cut(rate, 2, 20, jitter)) {
        expect(duration).toBeLessThan(0.2001);
        if (!last)
          expect({ rate, segment, duration: Math.round(duration * 1_000) }).toMatchObject({ duration: 200 });
      }
  });

  test("segments begin with keyframes, follow each other without a gap, and are whole without keyframes too", () => {
    const parts = cut(30, 2, 20);
    for (const part of parts) expect(part.independent).toBe(part.part === 0);
    let end = parts[0]?.start ?? 0;
    for (const { start, duration } of parts) {
      expect(start).toBeCloseTo(end, 4);
      end = start + duration;
    }
    const lengths = new Map<number, number>();
    for (const { segment, duration } of cut(30, 1_000, 20))
      lengths.set(segment, (lengths.get(segment) ?? 0) + duration);
    expect(Math.max(...lengths.values())).toBeLessThan(3.5);
  });

  test("another size of picture ends the segment, and has an init segment of its own", () => {
    const inits: number[] = [];
    const parts: Part[] = [];
    const segmenter = new Segmenter("video", {
      format: (_, init) => inits.push(init),
      part: (part) => parts.push(part),
    });
    for (let n = 0; n < 40; n++) {
      const format = n < 20 ? video : { ...video, width: 640, height: 480 };
      segmenter.add({ data: Uint8Array.of(n), key: n % 20 === 0, format, time: 900_000 + n * 3_000 });
    }
    segmenter.interrupt();
    expect(inits).toEqual([0, 1]);
    expect(parts.filter(({ last }) => last)).toHaveLength(2);
    expect(parts.at(-1)).toMatchObject({ init: 1, discontinuity: false });
    segmenter.add({ data: Uint8Array.of(1), key: true, format: video, time: 2_000_000 });
    segmenter.interrupt();
    expect(parts.at(-1)).toMatchObject({ discontinuity: true, segment: 2, part: 0 });
  });
});

describe("a recording", () => {
  test("has all frames, and each beginning of it is a whole file of fragments", () => {
    const first = { data: Uint8Array.of(1), key: true, format: video, time: 900_000 };
    const recording = new Recording(first, true);
    const pieces = [recording.header];
    for (let n = 0; n < 100; n++) {
      const picture = recording.picture({ ...first, key: n % 50 === 0, time: 900_000 + n * 3_000 });
      if (picture !== undefined) pieces.push(picture);
      const time = 480_000 + n * 1_600;
      const sound = recording.sound({ data: Uint8Array.of(2), key: true, format: opusFormat, time });
      if (sound !== undefined) pieces.push(sound);
    }
    pieces.push(recording.finish() ?? new Uint8Array());
    expect(recording.finish()).toBeUndefined();
    const bytes = concat(pieces);
    expect(boxesIn(bytes).map(({ type }) => type)).toEqual([
      "ftyp",
      "moov",
      ...Array(4).fill(["moof", "mdat"]).flat(),
    ]);
    expect(boxesIn(bytes).at(-1)?.end).toBe(bytes.length);
    const cutOff = boxesIn(bytes.subarray(0, bytes.length - 3));
    expect(cutOff.at(-1)?.type).toBe("moof");
    expect(recording.seconds).toBeCloseTo(3.3, 1);
  });
});
