import { expect, test } from "bun:test";
import fc from "fast-check";
import { Stream } from "../../src/media/forward/stream.ts";
import type { Viewer } from "../../src/media/forward/viewer.ts";
import type { CodecName } from "../../src/media/negotiated.ts";
import { layersOf, parseDependencyStructure } from "../../src/wire/rtp/dependency-structure.ts";
import { codec, SimulatedViewer } from "../support/simulated-media.ts";

const numRuns = Number(process.env.FUZZ_RUNS ?? 3_000);

const ssrcs = [1, 2, 3, SimulatedViewer.ssrc.video, SimulatedViewer.ssrc.audio];
const ssrc = fc.constantFrom(...ssrcs);
const words = (value: number): number[] => [
  value >>> 24,
  (value >>> 16) & 0xff,
  (value >>> 8) & 0xff,
  value & 0xff,
];

/** A packet as an authentic publisher may send it: a true header, extensions that may lie, any payload. */
const publisherPacket = fc
  .record({
    ssrc,
    payloadType: fc.constantFrom(96, 97, 98, 99, 100, 101, 102, 103, 111, 63, 7),
    index: fc.oneof(fc.nat(40), fc.nat(70_000), fc.constantFrom(65_535, 65_536, 2 ** 40, 2 ** 48 - 1)),
    timestamp: fc.constantFrom(0, 3_000, 6_000, 0xffffffff),
    first: fc.constantFrom(0x80, 0x90, 0xa0, 0xb0, 0x81),
    extension: fc.uint8Array({ maxLength: 40 }),
    payload: fc.uint8Array({ maxLength: 60 }),
  })
  .map(({ first, payloadType, index, timestamp, extension, payload, ...more }) => {
    const wordCount = Math.ceil(extension.length / 4);
    const body =
      (first & 0x10) === 0
        ? []
        : [0xbe, 0xde, 0, wordCount, ...extension, ...new Array(4 * wordCount - extension.length).fill(0)];
    const packet = Uint8Array.from([
      first,
      payloadType,
      (index >> 8) & 0xff,
      index & 0xff,
      ...words(timestamp),
      ...words(more.ssrc),
      ...body,
      ...payload,
    ]);
    return { packet, ssrc: more.ssrc, index };
  });

/** A compound of feedback that fits the SSRCs, with any body. */
const feedback = fc
  .array(
    fc.tuple(
      fc.constantFrom(1, 4, 15, 0, 31),
      fc.constantFrom(200, 201, 203, 205, 206),
      ssrc,
      fc.uint8Array({ maxLength: 48 }),
    ),
    { maxLength: 6 },
  )
  .map((packets) =>
    Uint8Array.from(
      packets.flatMap(([count, type, media, body]) => {
        const bodyWords = Math.floor(body.length / 4);
        return [
          0x80 | count,
          type,
          0,
          2 + bodyWords,
          0,
          0,
          0,
          9,
          ...words(media),
          ...body.subarray(0, 4 * bodyWords),
        ];
      }),
    ),
  );

const step = fc.oneof(
  { weight: 6, arbitrary: publisherPacket.map((packet) => ({ do: "packet" as const, packet })) },
  { weight: 3, arbitrary: feedback.map((bytes) => ({ do: "feedback" as const, bytes })) },
  {
    weight: 1,
    arbitrary: fc.uint8Array({ maxLength: 80 }).map((bytes) => ({ do: "feedback" as const, bytes })),
  },
  { weight: 2, arbitrary: feedback.map((bytes) => ({ do: "reports" as const, bytes })) },
  { weight: 3, arbitrary: fc.nat(1_500).map((ms) => ({ do: "time" as const, ms })) },
  { weight: 1, arbitrary: fc.double().map((bitrate) => ({ do: "prefer" as const, bitrate })) },
);

const names: readonly CodecName[] = ["vp8", "vp9", "h264", "av1"];

test("any packets of a publisher and any feedback of viewers: nothing throws, an index is used once, and what is kept is bounded", () => {
  const { tracks: viewed } = new SimulatedViewer({ codecs: names.map((name, n) => codec(name, 96 + 2 * n)) });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), fc.boolean(), (steps, simulcast) => {
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
      const viewers: Viewer[] = [];
      const rtp = (
        header: Uint8Array,
        headerBytes: number,
        { length }: { length: number },
        index: number,
      ): boolean => {
        expect(headerBytes).toBeGreaterThanOrEqual(12);
        expect(headerBytes).toBeLessThan(320);
        expect(index).toBeGreaterThanOrEqual(0);
        used.add(`${header.subarray(8, 12).join()} ${index}`);
        most++;
        expect(length).toBeLessThanOrEqual(2_002);
        return true;
      };
      viewers.push(stream.addViewer(viewed, { buffered: 0, rtp, rtcp: () => {} }, now));
      for (const one of steps) {
        const [viewer] = viewers;
        if (viewer === undefined) break;
        if (one.do === "packet") stream.publisherRtp(one.packet, now);
        else if (one.do === "feedback") stream.viewerRtcp(viewer, one.bytes, now);
        else if (one.do === "reports") stream.publisherRtcp(one.bytes, now);
        else if (one.do === "prefer") stream.prefer(viewer, { bitrate: one.bitrate, rid: "a" }, now);
        else {
          now += one.ms;
          stream.tick(now);
        }
      }
      stream.end();
      // All viewers take RTX: no index is used twice, not even for a repeat.
      expect(used.size).toBe(most);
      expect(most).toBeLessThan(3_000);
    }),
    { numRuns },
  );
}, 600_000);

test("a structure of a dependency descriptor is read without throwing, and has 64 templates at most", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(255), (bytes, template) => {
      if (bytes.length > 3) bytes[3] = 0x80 | (bytes[3] ?? 0);
      const structure = parseDependencyStructure(bytes);
      if (structure === undefined) return;
      expect(structure.temporalLayers.length).toBeLessThanOrEqual(64);
      expect(layersOf(structure, template).temporal).toBeGreaterThanOrEqual(0);
    }),
    { numRuns },
  );
});
