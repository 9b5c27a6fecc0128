import { expect, test } from "bun:test";
import { Stream } from "../../src/media/forward/stream.ts";
import type { CodecName } from "../../src/media/negotiated.ts";
import { readU32, writeU32 } from "../../src/wire/bytes.ts";
import { layersOf, parseDependencyStructure } from "../../src/wire/rtp/dependency-structure.ts";
import { codec, SimulatedViewer } from "../support/simulated-media.ts";
import { anyBytes } from "./byte-mutation.ts";
import type { Random } from "./random.ts";
import { chance, fuzzRounds, rounds } from "./target.ts";

const count = fuzzRounds(3_000);
/** What happens to one stream: packets, feedback, time that passes. */
const steps = 40;
const streams = fuzzRounds(2_000, steps);

const ssrcs = [1, 2, 3, SimulatedViewer.ssrc.video, SimulatedViewer.ssrc.audio];
const payloadTypes = [96, 97, 98, 99, 100, 101, 102, 103, 111, 63, 7];

/** A packet as an authentic publisher may send it: a true header, extensions that may lie, any payload. */
function publisherPacket(random: Random) {
  const ssrc = random.pick(ssrcs);
  const index = random.pick([
    ...[random.int(0, 40), random.int(0, 40), random.int(0, 70_000), random.int(0, 70_000)],
    ...[65_535, 65_536, 2 ** 40, 2 ** 48 - 1],
  ]);
  const first = random.pick([0x80, 0x90, 0xa0, 0xb0, 0x81]);
  const words = (first & 0x10) === 0 ? -1 : random.int(0, 10);
  const length = 12 + (words < 0 ? 0 : 4 + 4 * words) + random.int(0, 60);
  const packet = anyBytes(random, length, length);
  packet.set([first, random.pick(payloadTypes), (index >> 8) & 0xff, index & 0xff]);
  writeU32(packet, 4, random.pick([0, 3_000, 6_000, 0xffffffff]));
  writeU32(packet, 8, ssrc);
  if (words >= 0) packet.set([0xbe, 0xde, 0, words], 12);
  return { packet, ssrc, index };
}

/** A compound of feedback that fits the SSRCs, with any body. */
function feedback(random: Random): Uint8Array {
  const packets = Array.from({ length: random.int(0, 6) }, () => {
    const words = random.int(0, 12);
    const packet = anyBytes(random, 12 + 4 * words, 12 + 4 * words);
    packet.set([0x80 | random.pick([1, 4, 15, 0, 31]), random.pick([200, 201, 203, 205, 206]), 0, 2 + words]);
    writeU32(packet, 4, 9);
    writeU32(packet, 8, random.pick(ssrcs));
    return packet;
  });
  return new Uint8Array(Buffer.concat(packets));
}

/** Some bitrates are no bitrates. */
const bitrates = [
  0,
  -1,
  1,
  1e300,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  5e-324,
  300_000,
];

const names: readonly CodecName[] = ["vp8", "vp9", "h264", "av1"];

test("any packets of a publisher and any feedback of viewers: nothing throws, an index is used once, and what is kept is bounded", () => {
  const { tracks: viewed } = new SimulatedViewer({ codecs: names.map((name, n) => codec(name, 96 + 2 * n)) });
  const random = chance(1);
  for (const _ of rounds(streams, steps)) {
    const simulcast = random.chance(0.5);
    const stream = new Stream();
    let now = 0;
    const extensions = { mid: 1, rid: 2, repairedRid: 3, transportSequence: 4, dependencyDescriptor: 5 };
    const declared = simulcast
      ? { rids: ["a", "b"], ssrcs: [], repairs: [] }
      : { rids: [], ssrcs: [1, 2], repairs: [[1, 3] as const] };
    const video = {
      kind: "video",
      mid: "1",
      codecs: names.map((name, n) => codec(name, 96 + 2 * n, { transportFeedback: true })),
    } as const;
    const audio = {
      kind: "audio",
      mid: "0",
      codecs: [codec("opus", 111, { red: 63 })],
      rids: [],
      ssrcs: [],
      repairs: [],
    } as const;
    const nobody = { buffered: 0, rtp: () => true, rtcp: () => {} };
    stream.setPublisher(
      [
        { ...video, ...declared, extensions },
        { ...audio, extensions },
      ],
      nobody,
      now,
    );
    const used = new Set<string>();
    let most = 0;
    const rtp = (
      header: Uint8Array,
      headerBytes: number,
      { length }: { length: number },
      index: number,
    ): boolean => {
      expect(headerBytes).toBeGreaterThanOrEqual(12);
      expect(headerBytes).toBeLessThan(320);
      expect(index).toBeGreaterThanOrEqual(0);
      used.add(`${readU32(header, 8)} ${index}`);
      most++;
      expect(length).toBeLessThanOrEqual(2_002);
      return true;
    };
    const viewer = stream.addViewer(viewed, { buffered: 0, rtp, rtcp: () => {} }, now);
    for (let left = steps; left > 0; left--) {
      const kind = random.int(0, 15);
      if (kind < 6) stream.publisherRtp(publisherPacket(random), now);
      else if (kind < 9) stream.viewerRtcp(viewer, feedback(random), now);
      else if (kind < 10) stream.viewerRtcp(viewer, anyBytes(random, 80), now);
      else if (kind < 12) stream.publisherRtcp(feedback(random), now);
      else if (kind < 13)
        stream.prefer(
          viewer,
          { bitrate: random.chance(0.5) ? random.pick(bitrates) : random.int(0, 5e6), rid: "a" },
          now,
        );
      else {
        now += random.int(0, 1_500);
        stream.tick(now);
      }
    }
    stream.end();
    // All viewers take RTX: no index is used twice, not even for a repeat.
    expect(used.size).toBe(most);
    expect(most).toBeLessThan(3_000);
  }
});

test("a structure of a dependency descriptor is read without throwing, and has 64 templates at most", () => {
  const random = chance(2);
  for (const _ of rounds(count)) {
    const bytes = anyBytes(random, 60);
    if (bytes.length > 3) bytes[3] = 0x80 | (bytes[3] ?? 0);
    const structure = parseDependencyStructure(bytes);
    if (structure === undefined) continue;
    expect(structure.temporalLayers.length).toBeLessThanOrEqual(64);
    expect(layersOf(structure, random.int(0, 255)).temporal).toBeGreaterThanOrEqual(0);
  }
});
