import { describe, expect, test } from "bun:test";
import {
  codec,
  extension,
  SimulatedPublisher,
  SimulatedViewer,
} from "../../../test/support/simulated-media.ts";
import { oneLayer, SimulatedStream } from "../../../test/support/simulated-stream.ts";
import { type ExtensionElement, writeExtensions } from "../../wire/rtp/extensions.ts";
import { parseRtp, writeFixedHeader } from "../../wire/rtp/packet.ts";
import { genericNack, receiverReport } from "../../wire/rtp/rtcp-writer.ts";
import type { OpenedRtp } from "../../wire/srtp/receiver.ts";
import type { AgreedCodec } from "../negotiated.ts";
import { matchCodec } from "./codec-match.ts";
import { Stream } from "./stream.ts";

const videoSsrc = SimulatedViewer.ssrc.video;
const descriptorId = 9;

/** A stream of one video track whose payloads the test makes. */
class RawStream {
  readonly stream = new Stream();
  readonly viewer: SimulatedViewer;
  readonly publisher = new SimulatedPublisher();
  #index = 1;
  now = 0;

  constructor(sent: AgreedCodec, taken: AgreedCodec) {
    this.viewer = new SimulatedViewer({ codecs: [taken] });
    const track = { kind: "video", mid: "1", codecs: [sent], rids: [], ssrcs: [5], repairs: [] } as const;
    this.stream.setPublisher(
      [{ ...track, extensions: { dependencyDescriptor: descriptorId } }],
      this.publisher.sender,
      0,
    );
  }

  join() {
    return this.stream.addViewer(this.viewer.tracks, this.viewer.sender, this.now);
  }

  /** One frame, a packet for each payload. */
  frame(payloads: readonly Uint8Array[], descriptor?: Uint8Array): void {
    this.now += 33;
    payloads.forEach((payload, n) => {
      const packet = new Uint8Array(200 + payload.length);
      const marker = n === payloads.length - 1;
      const timestamp = this.now * 90;
      const header = { payloadType: 96, marker, sequence: this.#index, timestamp, ssrc: 5 };
      const elements: ExtensionElement[] =
        descriptor === undefined ? [] : [{ id: descriptorId, value: descriptor }];
      writeFixedHeader(packet, 0, header, elements.length > 0);
      let at = 12;
      if (descriptor !== undefined && descriptor.length > 16) {
        // The form with two bytes a head (RFC 8285 §4.3).
        const words = Math.ceil((2 + descriptor.length) / 4);
        packet.set([0x10, 0, 0, words, descriptorId, descriptor.length, ...descriptor], 12);
        at += 4 + 4 * words;
      } else if (elements.length > 0) at += writeExtensions(packet, 12, elements);
      packet.set(payload, at);
      const index = this.#index++;
      this.stream.publisherRtp({ packet: packet.subarray(0, at + payload.length), ssrc: 5, index }, this.now);
    });
    this.stream.tick(this.now);
  }

  /** The payloads that came, in order. */
  payloads(): number[][] {
    return [...this.viewer.video.values()].map((packet) => [...packet.subarray(parseRtp(packet)?.length)]);
  }
}

describe("a viewer begins with a keyframe of", () => {
  const cases: [AgreedCodec["name"], { key: number[][]; delta: number[] }][] = [
    [
      "h264",
      {
        key: [
          [0x67, 1, 2],
          [0x68, 1],
          [0x65, 1, 2],
        ],
        delta: [0x41, 9],
      },
    ],
    ["vp9", { key: [[0x8c, 1, 7]], delta: [0xcc, 2, 8] }],
    ["av1", { key: [[0x18, 0x0a, 1]], delta: [0x10, 0x32, 2] }],
    ["vp8", { key: [[0x10, 0, 1, 2]], delta: [0x10, 1, 1, 2] }],
  ];
  for (const [name, { key, delta }] of cases)
    test(`${name}, and gets no packet ahead of it`, () => {
      const raw = new RawStream(codec(name, 96), codec(name, 120));
      const [keys, deltas] = [key.map((one) => Uint8Array.from(one)), [Uint8Array.from(delta)]];
      raw.frame(deltas);
      raw.join();
      raw.frame(deltas);
      expect(raw.payloads()).toEqual([]);
      raw.frame(keys);
      raw.frame(deltas);
      expect(raw.payloads()).toEqual([...key, delta]);
      expect([...raw.viewer.video.values()].every((packet) => ((packet[1] ?? 0) & 0x7f) === 120)).toBe(true);
    });

  test("the codec that it has; where it has none, it gets sound alone", () => {
    const world = new SimulatedStream({ layers: oneLayer });
    const { viewer } = world.join(new SimulatedViewer({ codecs: [codec("av1", 45)] }));
    world.run(500);
    expect(viewer.video.size).toBe(0);
    expect(viewer.audio.length).toBe(25);
  });
});

test("codecs of one name are told apart by their profile, whatever the level", () => {
  const h264 = (payloadType: number, parameters: string) => codec("h264", payloadType, { parameters });
  const taken = [
    h264(1, "packetization-mode=1;profile-level-id=640c1f"),
    h264(2, "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f"),
    h264(3, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42E01F"),
  ];
  expect(matchCodec(h264(96, "profile-level-id=42e034;packetization-mode=1"), taken)?.payloadType).toBe(3);
  expect(matchCodec(h264(96, "profile-level-id=4d0034;packetization-mode=1"), taken)?.payloadType).toBe(1);
  expect(matchCodec(codec("vp9", 96), taken)).toBeUndefined();
});

describe("dependency descriptors", () => {
  /** Structure present; ids from 0; two decode targets; templates of temporal layers 0, 1, 1. */
  const structure = Uint8Array.of(0xc0, 0, 1, 0x80, 0b00001_010, 0b00_11_0000, ...new Array(20).fill(5));

  test("a structure of more than 16 bytes goes on whole, in the form that has room for it", () => {
    const raw = new RawStream(codec("av1", 96), codec("av1", 120));
    raw.join();
    raw.frame([Uint8Array.of(0x10, 0x32, 1)], structure);
    const [packet = new Uint8Array()] = raw.viewer.video.values();
    expect(parseRtp(packet)?.extensionProfile).toBe(0x1000);
    expect(extension(packet, 4)).toEqual(structure);
    expect(extension(packet, 1)).toEqual(Uint8Array.of("v".charCodeAt(0)));
  });

  test("say the temporal layers of H.264, which are dropped from the top", () => {
    // Ids from 0, one target, templates of layers 0 and 1: 000000 00000 01 11.
    const two = Uint8Array.of(0xc0, 0, 1, 0b1000_0000, 0b0000_0000, 0b0111_0000, 0);
    const raw = new RawStream(codec("h264", 96), codec("h264", 120));
    const leg = raw.join();
    raw.stream.prefer(leg, { temporal: 0 }, 0);
    const frame = (n: number) => [Uint8Array.of(n === 0 ? 0x65 : 0x41, n)];
    for (let n = 0; n < 40; n++) raw.frame(frame(n), n === 0 ? two : Uint8Array.of(0xc0 | (n % 2), 0, n));
    const late = raw
      .payloads()
      .slice(-5)
      .map(([, n]) => n);
    expect(late).toEqual([30, 32, 34, 36, 38]);
    expect(raw.viewer.missing()).toEqual([]);
  });
});

describe("spatial layers of one SSRC", () => {
  /** A picture of two layers, each in one packet: with a picture id of 15 bits, and sizes in keyframes. */
  const picture = (id: number, key: boolean, temporal: number): Uint8Array[] =>
    [0, 1].map((spatial) => {
      const sizes = key && spatial === 0 ? [0x30, 1, 64, 0, 240, 2, 128, 1, 224] : [];
      const first = 0xac | (key ? 0 : 0x40) | (sizes.length > 0 ? 2 : 0);
      // The upper layer goes back to no picture where the lower one doesn't.
      return Uint8Array.of(
        first,
        0x80 | (id >> 8),
        id & 0xff,
        (temporal << 5) | (spatial << 1),
        7,
        ...sizes,
        99,
      );
    });
  const shown = (raw: RawStream) =>
    [...raw.viewer.video.values()].map((packet) => {
      const at = parseRtp(packet)?.length ?? 0;
      const spatial = ((packet[at + 3] ?? 0) >> 1) & 7;
      return {
        picture: ((packet[at + 1] ?? 0) & 0x7f) * 256 + (packet[at + 2] ?? 0),
        spatial,
        marker: (packet[1] ?? 0) >> 7,
      };
    });

  test("of VP9: a viewer of the lower one gets whole pictures, and the upper one from a keyframe on", () => {
    const raw = new RawStream(codec("vp9", 96), codec("vp9", 120));
    const leg = raw.join();
    let id = 0x1ffd;
    const run = (count: number, keyAt = -1): void => {
      for (let n = 0; n < count; n++) raw.frame(picture(id++ & 0x7fff, n === keyAt, 0));
    };
    run(20, 0);
    expect(raw.stream.layers()).toMatchObject([{ width: 640, height: 480 }]);
    expect(new Set(shown(raw).map(({ spatial }) => spatial))).toEqual(new Set([0, 1]));
    raw.stream.prefer(leg, { height: 240 }, raw.now);
    const before = raw.viewer.video.size;
    run(10);
    const lower = shown(raw).slice(before);
    expect(lower).toEqual(
      Array.from({ length: 10 }, (_, n) => ({ picture: 0x1ffd + 20 + n, spatial: 0, marker: 1 })),
    );
    raw.stream.prefer(leg, {}, raw.now);
    // Longer than a viewer must have it good before it gets more.
    run(200);
    expect(
      shown(raw)
        .slice(before)
        .every(({ spatial }) => spatial === 0),
    ).toBe(true);
    run(4, 0);
    expect(
      shown(raw)
        .slice(-8)
        .map(({ spatial, marker }) => [spatial, marker]),
    ).toEqual(Array.from({ length: 8 }, (_, n) => [n % 2, n % 2]));
    expect(raw.viewer.missing()).toEqual([]);
  });

  test("of AV1: one who takes no dependency descriptor gets the lowest", () => {
    const structure = Uint8Array.fromHex(
      "c00001800514853aaaa8018004004002a02a0060010015d34514174d144c700874321651118543276809f8077813f80ef8",
    );
    const raw = new RawStream(codec("av1", 96), codec("av1", 120));
    const plain = new SimulatedViewer({ codecs: [codec("av1", 120)] });
    const [video] = plain.tracks.filter(({ kind }) => kind === "video");
    if (video === undefined) throw new Error("there is no video");
    raw.join();
    raw.stream.addViewer([{ ...video, extensions: {} }], plain.sender, raw.now);
    for (let n = 0; n < 30; n++) {
      raw.frame([Uint8Array.of(0x10, 0x32, 0)], n === 0 ? structure : Uint8Array.of(0xc1, 0, 2 * n));
      raw.now -= 33;
      raw.frame([Uint8Array.of(0x10, 0x32, 1)], Uint8Array.of(0xc6, 0, 2 * n + 1));
    }
    expect(raw.stream.layers()).toMatchObject([{ width: 640, height: 480 }]);
    const layers = (viewer: SimulatedViewer) => [...viewer.video.values()].map((packet) => packet.at(-1));
    expect(new Set(layers(raw.viewer))).toEqual(new Set([0, 1]));
    expect(new Set(layers(plain))).toEqual(new Set([0]));
    expect([...plain.video.values()].every((packet) => (packet[1] ?? 0) >> 7 === 1)).toBe(true);
  });
});

describe("header extensions", () => {
  test("mid and playout delay in the first packets, until the viewer reports; abs-send-time in all", () => {
    const world = new SimulatedStream({ layers: oneLayer });
    const { viewer, leg } = world.join();
    world.run(300);
    const packets = () => [...viewer.video.values()];
    expect(packets().every((packet) => extension(packet, 1)?.[0] === "v".charCodeAt(0))).toBe(true);
    // From 0 to 1,000 ms, in units of 10.
    expect(extension(packets()[0] ?? new Uint8Array(), 3)).toEqual(Uint8Array.of(0, 0, 100));
    const block = { ssrc: videoSsrc, fractionLost: 0, lost: 0, highest: 0, jitter: 0, lastReport: 0 };
    world.stream.viewerRtcp(leg, receiverReport(1, [{ ...block, sinceLastReport: 0 }]), world.now);
    const before = viewer.video.size;
    world.run(300);
    const later = packets().slice(before);
    expect(later.length).toBeGreaterThan(10);
    for (const packet of later) {
      expect(extension(packet, 1)).toBeUndefined();
      expect(extension(packet, 3)).toBeUndefined();
      expect(extension(packet, 2)?.length).toBe(3);
    }
    // 6.18 bits of seconds.
    const [time = 0, more = 0, least = 0] = extension(later.at(-1) ?? new Uint8Array(), 2) ?? [];
    expect(Math.abs((time * 65_536 + more * 256 + least) / 2 ** 18 - 0.6)).toBeLessThan(0.04);
  });
});

describe("sound", () => {
  const red = Uint8Array.of(0x80 | 111, 0x0f, 0x00, 2, 111, 9, 9, 1, 2, 3);

  test("redundant audio names the viewer's payload types; a viewer without it gets the primary block", () => {
    const world = new SimulatedStream({ layers: oneLayer });
    const [other, same, without] = [
      world.join(new SimulatedViewer({ audioCodecs: [codec("opus", 100, { red: 101 })] })).viewer,
      world.join(new SimulatedViewer({ audioCodecs: [codec("opus", 111, { red: 64 })] })).viewer,
      world.join(new SimulatedViewer({ audioCodecs: [codec("opus", 100)] })).viewer,
    ];
    world.publisher.audio(0, red, 63);
    const got = (viewer: SimulatedViewer) =>
      viewer.audio.map(({ payloadType, payload }) => [payloadType, ...payload]);
    expect(got(other)).toEqual([[101, 0x80 | 100, 0x0f, 0x00, 2, 100, 9, 9, 1, 2, 3]]);
    expect(got(same)).toEqual([[64, ...red]]);
    expect(got(without)).toEqual([[100, 1, 2, 3]]);
    // A block that leaves the payload: nothing that could be made of it.
    world.publisher.audio(20, Uint8Array.of(0x80 | 111, 0, 3, 255, 111, 1), 63);
    expect(got(without).length).toBe(1);
    expect(got(other).length).toBe(1);
  });

  test("silence that isn't sent (DTX) stays in the timestamps", () => {
    const world = new SimulatedStream({ layers: oneLayer });
    const { viewer } = world.join();
    world.publisher.audio(0);
    world.publisher.audio(400);
    const [first, second] = viewer.audio;
    expect((second?.index ?? 0) - (first?.index ?? 0)).toBe(1);
    expect((second?.timestamp ?? 0) - (first?.timestamp ?? 0)).toBe(400 * 48);
  });

  test("a packet that comes late goes on late, under its own number", () => {
    const world = new SimulatedStream({ layers: oneLayer });
    const { viewer } = world.join();
    world.network = ({ ssrc, index }) => (ssrc === 99 && index % 5 === 0 ? 50 : 0);
    world.run(1_000);
    const indexes = viewer.audio.map(({ index }) => index);
    expect(indexes.some((index, n) => n > 0 && index < (indexes[n - 1] ?? 0))).toBe(true);
    expect(new Set(indexes).size).toBe(indexes.length);
    const sorted = indexes.toSorted((one, other) => one - other);
    expect(sorted.at(-1)).toBe((sorted[0] ?? 0) + sorted.length - 1);
    for (const { index, timestamp } of viewer.audio)
      expect(timestamp - (viewer.audio[0]?.timestamp ?? 0)).toBe(960 * (index - (indexes[0] ?? 0)));
    expect(viewer.refused).toBe(0);
  });

  test("a late packet never takes an index of the publisher before", () => {
    const world = new SimulatedStream({ layers: oneLayer, firstIndex: 0 });
    const { viewer } = world.join();
    world.run(200);
    world.publish(new SimulatedPublisher({ layers: oneLayer, firstIndex: 8 }));
    // The first two come late: under their numbers the publisher before sent its last ones.
    world.network = ({ index }) => (index < 10 ? 60 : 0);
    world.run(200);
    const indexes = viewer.audio.map(({ index }) => index);
    expect(new Set(indexes).size).toBe(indexes.length);
    expect(viewer.refused).toBe(0);
  });

  test("a packet goes on once, though what was stored of it is gone", () => {
    const world = new SimulatedStream({ layers: oneLayer });
    const { viewer } = world.join();
    const came: OpenedRtp[] = [];
    world.publisher.deliver = (packet) => void came.push(packet);
    world.publisher.audio(0);
    const [packet] = came;
    if (packet === undefined) throw new Error("no packet");
    // This viewer gets nothing for the second one: it holds redundant audio without a primary block.
    const far = { ...packet, index: packet.index + 5_000, packet: Uint8Array.from(packet.packet) };
    far.packet[1] = 63;
    for (const one of [packet, far, packet]) world.stream.publisherRtp(one, world.now);
    expect(viewer.audio.length).toBe(1);
    expect(viewer.refused).toBe(0);
  });

  test("is repeated with the same bytes where the viewer asks for that", () => {
    const world = new SimulatedStream({ layers: oneLayer });
    const { viewer, leg } = world.join(
      new SimulatedViewer({ audioCodecs: [codec("opus", 100, { nack: true })] }),
    );
    world.run(1_000);
    const { index = 0 } = viewer.audio.at(-3) ?? {};
    world.stream.viewerRtcp(leg, genericNack(1, SimulatedViewer.ssrc.audio, [index & 0xffff]), world.now);
    expect(world.stream.counters.repeated).toBe(1);
    expect(viewer.refused).toBe(0);
  });
});
