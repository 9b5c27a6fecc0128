import type { AgreedCodec, PublishedTrack, ViewedTrack } from "../../src/media/negotiated.ts";
import { writeU16 } from "../../src/wire/bytes.ts";
import { writeFixedHeader } from "../../src/wire/rtp/packet.ts";

/** LiveKit's shape of one viewer: 30 frames of 4 or 5 packets, and 50 packets of sound a second: 187 packets, 1.4 Mbit/s. */
export const shape = { frames: 30, videoBytes: 1_172, sounds: 50, soundBytes: 120 } as const;
export const videoSsrcs = { low: 1_001, high: 1_002 } as const;
export const soundSsrc = 1_003;

const feedback = { nack: true, pli: true, fir: false, remb: true, transportFeedback: false };
const noFeedback = { nack: false, pli: false, fir: false, remb: false, transportFeedback: false };
const vp8: AgreedCodec = {
  ...{ name: "vp8", payloadType: 96, clockRate: 90_000, parameters: "", repair: 97 },
  ...feedback,
};
const opus: AgreedCodec = {
  ...{ name: "opus", payloadType: 111, clockRate: 48_000, parameters: "" },
  ...noFeedback,
};

/** Two layers that are told apart by SSRC, and sound. */
export const publishedTracks: readonly PublishedTrack[] = [
  { kind: "audio", mid: "0", codecs: [opus], rids: [], ssrcs: [soundSsrc], repairs: [], extensions: {} },
  {
    ...{ kind: "video", mid: "1", codecs: [vp8], rids: ["l", "h"], ssrcs: [], repairs: [] },
    extensions: { rid: 2 },
  },
];

export const viewedTracks: readonly ViewedTrack[] = [
  { kind: "audio", mid: "0", codecs: [opus], ssrc: 2_001, repairSsrc: 2_002, extensions: {} },
  { kind: "video", mid: "1", codecs: [vp8], ssrc: 2_003, repairSsrc: 2_004, extensions: {} },
];

/** A packet of RTP in the clear, of a frame of VP8 or of sound. */
export interface SourcePacket {
  readonly packet: Uint8Array;
  readonly ssrc: number;
  readonly index: number;
  readonly headerBytes: number;
}

/** Makes what a publisher sends: a keyframe whenever one is asked for. */
export class MediaSource {
  readonly #indexes = new Map<number, number>();
  readonly #keys = new Set<number>([videoSsrcs.low, videoSsrcs.high]);
  #picture = 0;

  /** The next frame of that layer is a keyframe. */
  keyframe(ssrc: number): void {
    this.#keys.add(ssrc);
  }

  /** A frame of one layer in so many packets. `at`: ms. */
  frame(layer: keyof typeof videoSsrcs, packets: number, bytes: number, at: number): SourcePacket[] {
    const ssrc = videoSsrcs[layer];
    const key = this.#keys.delete(ssrc);
    this.#picture = (this.#picture + 1) & 0x7fff;
    return Array.from({ length: packets }, (_, part) => {
      const payload = new Uint8Array(bytes).fill(part);
      payload.set([0x80 | (part === 0 ? 0x10 : 0), 0x80]);
      writeU16(payload, 2, 0x8000 | this.#picture);
      const height = layer === "high" ? 720 : 360;
      payload.set(
        [key ? 0 : 1, 0, 0, 0x9d, 1, 0x2a, height & 0xff, height >> 8, height & 0xff, height >> 8],
        4,
      );
      // RFC 8285: rid, one letter.
      const rid = Uint8Array.of(0xbe, 0xde, 0, 1, 0x20, layer.charCodeAt(0), 0, 0);
      return this.#packet(ssrc, 96, part === packets - 1, Math.round(at * 90), payload, rid);
    });
  }

  sound(at: number): SourcePacket {
    const payload = new Uint8Array(shape.soundBytes).fill(0xfc);
    return this.#packet(soundSsrc, 111, false, Math.round(at * 48), payload, new Uint8Array(0));
  }

  #packet(
    ssrc: number,
    payloadType: number,
    marker: boolean,
    timestamp: number,
    payload: Uint8Array,
    extensions: Uint8Array,
  ): SourcePacket {
    const index = this.#indexes.get(ssrc) ?? 1_000;
    this.#indexes.set(ssrc, index + 1);
    const headerBytes = 12 + extensions.length;
    const packet = new Uint8Array(headerBytes + payload.length);
    const header = { payloadType, marker, sequence: index & 0xffff, timestamp: timestamp >>> 0, ssrc };
    writeFixedHeader(packet, 0, header, extensions.length > 0);
    packet.set(extensions, 12);
    packet.set(payload, headerBytes);
    return { packet, ssrc, index, headerBytes };
  }
}
