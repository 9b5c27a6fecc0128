import { describe, expect, test } from "bun:test";
import { keyframePayloads, slicePayloads } from "../../../test/support/h264-pictures.ts";
import { codec, SimulatedViewer } from "../../../test/support/simulated-media.ts";
import { readU16, readU32 } from "../../wire/bytes.ts";
import { writeFixedHeader } from "../../wire/rtp/packet.ts";
import { parseRtcp } from "../../wire/rtp/rtcp.ts";
import { timestampDistance } from "../../wire/rtp/sequence.ts";
import type { OpenedRtp } from "../../wire/srtp/receiver.ts";
import type { CodecName } from "../negotiated.ts";
import { Stream } from "./stream.ts";

const ssrc = 11;
const h264 = codec("h264", 96);

function packet(
  index: number,
  timestamp: number,
  marker: boolean,
  payload: Uint8Array,
  of = ssrc,
): OpenedRtp {
  const bytes = new Uint8Array(12 + payload.length);
  const header = { payloadType: 96, marker, sequence: index & 0xffff, timestamp, ssrc: of };
  writeFixedHeader(bytes, 0, header, false);
  bytes.set(payload, 12);
  return { packet: bytes, ssrc: of, index };
}

/** A publisher of one layer of 320 × 240, an encoder that makes what is wanted of it 60 ms later, and a viewer. */
class World {
  now = 1_000_000;
  wanted: readonly number[] = [];
  /** False for an encoder of which nothing comes. */
  works = true;
  keyframes = 0;
  readonly stream = new Stream({
    renditionsWanted: (heights) => {
      this.wanted = heights;
    },
  });
  readonly viewer = new SimulatedViewer({ codecs: [h264] });
  readonly leg;
  #asked = true;
  #index = 50;
  /** Of the encoder: indexes, and the sizes that have begun. */
  readonly indexes = new Map<number, number>();
  readonly #begun = new Set<number>();
  readonly #late: { at: number; timestamp: number; key: boolean }[] = [];

  constructor(name: CodecName = "h264", rids: readonly string[] = []) {
    const rtcp = (compound: Uint8Array): void => {
      for (const { type } of parseRtcp(compound) ?? []) if (type === "pli") this.#asked = true;
    };
    const track = { kind: "video", mid: "1", codecs: [codec(name, 96)], rids, ssrcs: [ssrc] } as const;
    const tracks = [{ ...track, repairs: [], extensions: {} }];
    this.stream.setPublisher(tracks, { buffered: 0, rtp: () => false, rtcp }, this.now, [720, 180, 120]);
    this.leg = this.stream.addViewer(this.viewer.tracks, this.viewer.sender, this.now);
  }

  run(ms: number): void {
    for (const end = this.now + ms; this.now < end; this.now += 10) {
      this.viewer.now = this.now;
      if (this.now % 40 === 0) this.#picture();
      while ((this.#late[0]?.at ?? Number.POSITIVE_INFINITY) <= this.now) this.#encoded(this.#late.shift());
      this.stream.tick(this.now);
    }
  }

  get rids(): string[] {
    return this.stream.layers().map(({ rid }) => rid);
  }

  #picture(): void {
    const key = this.#asked;
    const timestamp = (this.now * 90) >>> 0;
    this.#asked = false;
    if (key) this.keyframes++;
    const payloads = key ? keyframePayloads(900) : slicePayloads(900);
    for (const [n, payload] of payloads.entries())
      this.stream.publisherRtp(
        packet(this.#index++, timestamp, n === payloads.length - 1, payload),
        this.now,
      );
    this.#late.push({ at: this.now + 60, timestamp, key });
    // An encoder that begins asks for a keyframe.
    const starts = this.works && this.wanted.some((height) => !this.#begun.has(height));
    if (starts && !this.#late.some(({ key: begins }) => begins)) this.#asked = true;
  }

  #encoded(picture: { timestamp: number; key: boolean } | undefined): void {
    for (const height of this.#begun) if (!this.wanted.includes(height)) this.#begun.delete(height);
    if (picture === undefined || !this.works) return;
    const { timestamp, key } = picture;
    for (const height of this.wanted) {
      if (key) this.#begun.add(height);
      if (!this.#begun.has(height)) continue;
      const payloads = key ? keyframePayloads(height) : slicePayloads(height);
      for (const [n, payload] of payloads.entries()) {
        const index = this.indexes.get(height) ?? 0;
        this.indexes.set(height, index + 1);
        this.stream.rendition(height, packet(index, timestamp, n === payloads.length - 1, payload), this.now);
      }
    }
  }

  /** What the viewer got follows one another: no index is missing, and no picture is earlier than the one before. */
  sound(longestGap = 45_000): void {
    expect(this.viewer.missing()).toEqual([]);
    expect(this.viewer.refused).toBe(0);
    const packets = [...this.viewer.video].sort(([one], [other]) => one - other).map(([, bytes]) => bytes);
    expect(packets.length).toBeGreaterThan(50);
    for (let n = 1; n < packets.length; n++) {
      const [before, bytes] = [packets[n - 1] ?? new Uint8Array(12), packets[n] ?? new Uint8Array(12)];
      expect((readU16(bytes, 2) - readU16(before, 2)) & 0xffff).toBe(1);
      const step = timestampDistance(readU32(bytes, 4), readU32(before, 4));
      expect(step).toBeGreaterThanOrEqual(0);
      expect(step).toBeLessThan(longestGap);
    }
  }
}

describe("smaller sizes of a publisher's only layer", () => {
  test("are offered below its own, and made while somebody takes them", () => {
    const world = new World();
    world.run(3_000);
    expect(world.rids).toEqual(["", "180p", "120p"]);
    expect(world.wanted).toEqual([]);
    expect(world.leg.rid).toBe("");
    const before = world.keyframes;
    world.stream.prefer(world.leg, { rid: "120p" }, world.now);
    world.run(100);
    expect(world.wanted).toEqual([120]);
    expect(world.leg.rid).toBe("");
    world.run(900);
    expect(world.leg.rid).toBe("120p");
    expect(world.keyframes).toBe(before + 1);
    expect(world.stream.layers()[2]).toMatchObject({ rid: "120p", height: 120, width: 160, rendition: true });
    world.run(5_000);
    world.stream.prefer(world.leg, { height: 200 }, world.now);
    world.run(7_000);
    expect(world.leg.rid).toBe("180p");
    world.stream.prefer(world.leg, {}, world.now);
    world.run(7_000);
    expect(world.leg.rid).toBe("");
    world.run(5_000);
    expect(world.wanted).toEqual([]);
    world.sound();
  });

  test("are not what a viewer waits for who has nothing yet", () => {
    const world = new World();
    world.works = false;
    world.stream.prefer(world.leg, { height: 120 }, world.now);
    world.run(2_000);
    expect(world.leg.rid).toBe("");
    expect(world.wanted).toEqual([120]);
    world.works = true;
    world.run(1_000);
    expect(world.leg.rid).toBe("120p");
    world.sound();
  });

  test("are left where the encoder falls silent, not offered for a while, and begin anew with its next pictures", () => {
    const world = new World();
    world.stream.prefer(world.leg, { height: 120 }, world.now);
    world.run(4_000);
    expect(world.leg.rid).toBe("120p");
    world.works = false;
    world.run(4_000);
    expect(world.leg.rid).toBe("");
    expect(world.rids).toEqual(["", "180p"]);
    // The next one that comes near to what is wished.
    expect(world.wanted).toEqual([180]);
    // It counts from the beginning again.
    world.works = true;
    world.indexes.clear();
    world.run(32_000);
    expect(world.leg.rid).toBe("120p");
    // The picture stood still for as long as the encoder was waited for.
    world.sound(3 * 90_000);
  });

  test("are given up where no encoder starts", () => {
    const world = new World();
    world.works = false;
    world.run(2_000);
    world.stream.prefer(world.leg, { height: 180 }, world.now);
    world.run(9_000);
    expect(world.wanted).toEqual([180]);
    world.run(3_000);
    expect(world.wanted.includes(180)).toBe(false);
    expect(world.leg.rid).toBe("");
    world.sound();
  });

  test("of other layers, of no layer and of nonsense are left out", () => {
    const world = new World();
    world.stream.prefer(world.leg, { height: 120 }, world.now);
    world.run(4_000);
    const count = world.viewer.video.size;
    for (const payload of keyframePayloads()) {
      world.stream.rendition(120, packet(9_000, 0, true, payload, 12), world.now);
      world.stream.rendition(121, packet(9_000, 0, true, payload), world.now);
    }
    world.stream.rendition(120, { ...packet(9_000, 0, true, new Uint8Array()) }, world.now);
    world.stream.rendition(120, packet(9_001, 0, true, new Uint8Array(2_500)), world.now);
    world.stream.rendition(120, { packet: Uint8Array.of(1, 2), ssrc, index: 3 }, world.now);
    expect(world.viewer.video.size).toBe(count);
    world.run(1_000);
    expect(world.leg.rid).toBe("120p");
    world.sound();
  });

  test("are none of VP8, nor of a publisher with simulcast", () => {
    for (const world of [new World("vp8"), new World("h264", ["l", "h"])]) {
      world.stream.prefer(world.leg, { height: 120 }, world.now);
      world.run(3_000);
      expect(world.rids.filter((rid) => rid.endsWith("p"))).toEqual([]);
      expect(world.wanted).toEqual([]);
    }
  });

  test("are not started for a worker that has too much to do", () => {
    const world = new World();
    world.run(2_000);
    world.stream.shed(0.5, world.now);
    world.run(3_000);
    expect(world.wanted).toEqual([]);
    expect(world.leg.rid).toBe("");
  });

  test("are wanted no longer once the publisher is gone", () => {
    const world = new World();
    world.stream.prefer(world.leg, { height: 120 }, world.now);
    world.run(4_000);
    expect(world.wanted).toEqual([120]);
    world.stream.publisherGone();
    expect(world.wanted).toEqual([]);
  });
});
