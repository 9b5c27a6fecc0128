import { expect, test } from "bun:test";
import type { Layer } from "../../src/media/forward/layer.ts";
import { SenderClock } from "../../src/media/forward/sender-clock.ts";
import { StoredPacket } from "../../src/media/forward/stored-packet.ts";
import type { CodecName } from "../../src/media/negotiated.ts";
import { AdtsReader } from "../../src/media/package/adts.ts";
import { boxesIn, fragmentTracks } from "../../src/media/package/box-reader.ts";
import { Interleaver } from "../../src/media/package/interleaver.ts";
import { Recording } from "../../src/media/package/recording.ts";
import { timescales } from "../../src/media/package/sample-format.ts";
import { Segmenter } from "../../src/media/package/segmenter.ts";
import { StreamClock } from "../../src/media/package/stream-clock.ts";
import { AudioReader, type TimedFrame, VideoReader } from "../../src/media/package/track-reader.ts";
import { PackagerFrames, packagerFrame } from "../../src/media/packager/frames.ts";
import { keyframePayloads, slicePayloads } from "../support/h264-pictures.ts";
import { codec } from "../support/simulated-media.ts";
import { anyBytes, brokenBytes } from "./byte-mutation.ts";
import type { Random } from "./random.ts";
import { chance, fuzzRounds, rounds } from "./target.ts";

const names: readonly CodecName[] = ["h264", "vp8", "vp9", "av1"];
/** Packets of one stream. */
const steps = 100;
const streams = fuzzRounds(10, steps);

/** The payloads of a picture, some of them broken. */
function picture(random: Random, name: CodecName): Uint8Array[] {
  const key = random.chance(0.3);
  let payloads = [anyBytes(random, 60)];
  if (name === "h264") payloads = key ? keyframePayloads(60) : slicePayloads(30);
  if (name === "vp8")
    payloads = [Uint8Array.of(0x10, key ? 0 : 1, 0, 0, 0x9d, 1, 0x2a, 64, 1, random.pick([240, 0]), 0, 7)];
  if (name === "vp9" && random.chance(0.8))
    payloads = [
      Uint8Array.of(key ? 0x0a : 0x4a, ...(key ? [0x10, 1, 64, 0, 240] : []), 0x82, 0x49, 0x83, 0x42, 7),
    ];
  if (name === "av1" && random.chance(0.8))
    payloads = key
      ? [
          Uint8Array.of(
            0x28,
            13,
            0x0a,
            0x0b,
            0,
            0,
            0,
            4,
            0x3c,
            0xff,
            0xbc,
            0xff,
            0xe4,
            0,
            0x80,
            0x32,
            1,
            0x10,
          ),
        ]
      : [Uint8Array.of(0x10, 0x32, 1, 0x30)];
  return payloads.map((one) => (random.chance(0.1) ? brokenBytes(random, one) : one));
}

/** The reader's side of a layer. */
function layerOf(rate: number): Layer {
  const ignore = (): void => {};
  return {
    clock: new SenderClock(rate),
    attach: ignore,
    detach: ignore,
    wantKeyframe: ignore,
  } as unknown as Layer;
}

test("whatever a publisher sends, at whatever times: parts and files are boxes, their times are numbers that grow, and silence is bounded", () => {
  const random = chance(1);
  let parts = 0;
  for (const _ of rounds(streams, steps)) {
    let arrival = 1_000;
    let [cut, made] = [0, 0];
    const clock = new StreamClock();
    const [video, audio] = [layerOf(timescales.video), layerOf(timescales.audio)];
    const segmenters = { video: segmenter("video"), audio: segmenter("audio") };
    let recording: Recording | undefined;
    const interleaver = new Interleaver<TimedFrame>((frame, time) => expect(time).toBe(seconds(frame)));
    const last = { video: 0, audio: 0 };
    const take = (frame: TimedFrame): void => {
      const { kind } = frame.format;
      // Media time begins at 10 s, and silence is filled up to 10 s ahead of the arrival.
      expect(seconds(frame)).toBeLessThanOrEqual(10 + (arrival - 1_000) / 1_000 + 10);
      expect(seconds(frame)).toBeGreaterThanOrEqual(0);
      made++;
      segmenters[kind].add(frame);
      last[kind] = Math.max(last[kind], seconds(frame));
      if (seconds(frame) === last[kind]) interleaver.add(kind, seconds(frame), frame);
      if (kind === "video" && frame.key && recording?.fits(frame) !== true) {
        whole(recording?.finish());
        recording = new Recording(frame, true);
      }
      if (kind === "audio") whole(recording?.sound(frame));
      else if (recording?.fits(frame) === true) whole(recording.picture(frame));
    };
    const readers = {
      video: new VideoReader(video, clock, take, () => {}),
      audio: new AudioReader(audio, clock, take),
    };
    function segmenter(kind: "audio" | "video"): Segmenter {
      let end = 0;
      return new Segmenter(kind, {
        format: () => {},
        part: ({ bytes, start, duration }) => {
          parts++;
          cut += bytes.length;
          expect(boxesIn(bytes).map(({ type }) => type)).toEqual(["moof", "mdat"]);
          for (const { time } of fragmentTracks(bytes)) expect(Number.isFinite(time)).toBe(true);
          expect(duration).toBeGreaterThan(0);
          expect(start).toBeGreaterThanOrEqual(0);
          end = start + duration;
          expect(Number.isFinite(end)).toBe(true);
        },
      });
    }
    /** What is added to an MP4 is a fragment. */
    function whole(bytes: Uint8Array | undefined): void {
      if (bytes === undefined) return;
      cut += bytes.length;
      if (recording?.container === "mp4")
        expect(boxesIn(bytes).map(({ type }) => type)).toEqual(["moof", "mdat"]);
    }
    let sent = 0;
    let name = random.pick(names);
    const numbers = { video: 0, audio: 0 };
    const timestamps = { video: random.int(0, 0xffffffff), audio: random.int(0, 0xffffffff) };
    for (let left = steps; left > 0; ) {
      const kind = random.pick(["video", "audio"] as const);
      const step = random.chance(0.9)
        ? 3_000
        : random.pick([0, -3_000, 90_000, 400_000, 800_000, 9e8, random.int(0, 0xffffffff)]);
      timestamps[kind] = (timestamps[kind] + step) >>> 0;
      arrival += random.chance(0.97) ? 20 : random.int(0, 5_000);
      if (random.chance(0.02)) name = random.pick(names);
      if (random.chance(0.02)) clock.anotherPublisher();
      if (random.chance(0.05))
        random
          .pick([video, audio])
          .clock.report(...[random.int(0, 0xffffffff), random.int(0, 0xffffffff), timestamps[kind], arrival]);
      const payloads =
        kind === "video"
          ? picture(random, name)
          : [
              random.chance(0.8)
                ? Uint8Array.of(random.pick([0xfc, 0x78, 0xe0]), 1, 2)
                : anyBytes(random, 20),
            ];
      for (const [at, payload] of payloads.entries()) {
        const packet = new StoredPacket(payload, {
          codec: kind === "video" ? codec(name, 96) : codec("opus", 111, { red: 63 }),
          payloadType: kind === "video" ? 96 : random.pick([111, 111, 63]),
          marker: at === payloads.length - 1 && random.chance(0.95),
          timestamp: timestamps[kind],
          arrival,
          ...{ dependency: undefined, orientation: undefined, audioLevel: undefined },
        });
        numbers[kind] += random.chance(0.95) ? 1 : random.int(0, 3);
        packet.number = numbers[kind];
        readers[kind].forward(packet);
        sent += payload.length;
        left--;
      }
      if (random.chance(0.01)) segmenters[kind].interrupt();
    }
    whole(recording?.finish());
    expect(cut).toBeLessThan(12 * sent + 400 * made);
  }
  expect(parts).toBeGreaterThan(streams);
});

function seconds({ time, format }: TimedFrame): number {
  return time / timescales[format.kind];
}

test("ADTS and messages of the packager: whole, in pieces, and broken, nothing throws", () => {
  const random = chance(2);
  const frame = (length: number) =>
    Uint8Array.of(
      0xff,
      0xf1,
      0x4c,
      0x80 | (length >> 11),
      (length >> 3) & 0xff,
      ((length & 7) << 5) | 0x1f,
      0xfc,
    );
  for (const _ of rounds(fuzzRounds(1_000))) {
    const sounds = Array.from({ length: random.int(1, 5) }, () => anyBytes(random, 60, 1));
    const adts = new Uint8Array(Buffer.concat(sounds.flatMap((one) => [frame(one.length + 7), one])));
    const message = packagerFrame(
      { type: "fault", take: 1, fault: "codec", codec: "x" },
      anyBytes(random, 60),
    );
    const broken = random.chance(0.6);
    const readers = [
      { reader: new AdtsReader(), bytes: adts, count: sounds.length },
      { reader: new PackagerFrames(), bytes: message, count: 1 },
    ] as const;
    for (const { reader, bytes, count } of readers) {
      const given = broken ? brokenBytes(random, bytes) : bytes;
      let heard = 0;
      for (let at = 0, end = 0; at < given.length; at = end) {
        end = at + random.int(1, 60);
        if (!reader.push(given.slice(at, end), () => heard++)) break;
      }
      if (broken) expect(heard).toBeLessThanOrEqual(16);
      else expect(heard).toBe(count);
    }
  }
});
