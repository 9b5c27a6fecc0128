import type { MediaSender } from "../../src/media/forward/ports.ts";
import type { AgreedCodec, CodecName, PublishedTrack, ViewedTrack } from "../../src/media/negotiated.ts";
import { srtpCrypto } from "../../src/net/srtp-crypto.ts";
import { readU16, readU32, writeU16, writeU32 } from "../../src/wire/bytes.ts";
import { findExtension, writeExtensions } from "../../src/wire/rtp/extensions.ts";
import { parseRtp, writeFixedHeader } from "../../src/wire/rtp/packet.ts";
import { parseRtcp, type RtcpPacket } from "../../src/wire/rtp/rtcp.ts";
import { extendSequence, timestampDistance } from "../../src/wire/rtp/sequence.ts";
import { parseVp8 } from "../../src/wire/rtp/vp8.ts";
import { srtpKeySize, srtpProfile } from "../../src/wire/srtp/profile.ts";
import { type OpenedRtp, SrtpReceiver } from "../../src/wire/srtp/receiver.ts";
import { type SealedPayload, SrtpSender } from "../../src/wire/srtp/sender.ts";

/** A codec with all feedback, RTX under the next payload type. */
export function codec(name: CodecName, payloadType: number, more: Partial<AgreedCodec> = {}): AgreedCodec {
  const audio = name === "opus";
  return {
    ...{ name, payloadType, clockRate: audio ? 48_000 : 90_000, parameters: "" },
    ...{ nack: !audio, pli: !audio, fir: false, remb: true, transportFeedback: false },
    ...(audio ? {} : { repair: payloadType + 1 }),
    ...more,
  };
}

export interface SimulatedLayer {
  readonly rid: string;
  readonly ssrc: number;
  /** Bytes of payload of one frame, and of a keyframe. */
  readonly frameBytes: number;
  readonly keyBytes: number;
  readonly height: number;
}

const packetBytes = 1_000;
const ids = { mid: 1, rid: 2, repairedRid: 3, transportSequence: 4 };

export interface PublisherOptions {
  readonly layers?: readonly SimulatedLayer[];
  readonly codec?: AgreedCodec;
  readonly temporalLayers?: number;
  /** Where the NTP clock of its sender reports begins, in ms. */
  readonly ntp?: number;
  /** Index of the first packet of each layer. */
  readonly firstIndex?: number;
}

export const threeLayers: readonly SimulatedLayer[] = [
  { rid: "l", ssrc: 101, frameBytes: 500, keyBytes: 3_000, height: 180 },
  { rid: "m", ssrc: 102, frameBytes: 2_000, keyBytes: 10_000, height: 360 },
  { rid: "h", ssrc: 103, frameBytes: 6_000, keyBytes: 30_000, height: 720 },
];

/** A browser that publishes VP8 in layers and Opus, as far as packets go: it answers PLI with keyframes and NACK with RTX. */
export class SimulatedPublisher {
  readonly tracks: readonly PublishedTrack[];
  readonly sender: MediaSender;
  readonly received: RtcpPacket[] = [];
  readonly #layers: readonly SimulatedLayer[];
  readonly #codec: AgreedCodec;
  readonly #temporal: number;
  readonly #ntp: number;
  readonly #states = new Map<
    number,
    { index: number; repair: number; picture: number; tl0: number; frame: number }
  >();
  readonly #history = new Map<string, Uint8Array>();
  readonly #keys = new Set<number>();
  #audioIndex: number;
  #transport = 0;
  /** Rids that are switched off. */
  readonly off = new Set<string>();
  /** Takes what is sent; may lose it. */
  deliver: (packet: OpenedRtp, now: number) => void = () => {};
  /** Keyframes it made for requests, by SSRC. */
  readonly keyframes = new Map<number, number>();
  now = 0;

  constructor({ layers = threeLayers, codec: video = codec("vp8", 96), ...more }: PublisherOptions = {}) {
    this.#layers = layers;
    this.#codec = video;
    this.#temporal = more.temporalLayers ?? 1;
    this.#ntp = more.ntp ?? 3_900_000_000_000;
    this.#audioIndex = more.firstIndex ?? 1_000;
    for (const { ssrc } of layers) {
      this.#states.set(ssrc, {
        index: (more.firstIndex ?? 100) + ssrc,
        ...{ repair: ssrc * 3, picture: (ssrc * 777) & 0x7fff, tl0: ssrc & 0xff, frame: 0 },
      });
      this.#keys.add(ssrc);
    }
    const single = layers.length === 1;
    this.tracks = [
      {
        ...{ kind: "audio", mid: "0", codecs: [codec("opus", 111, { red: 63 })] },
        ...{
          rids: [],
          ssrcs: [],
          repairs: [],
          extensions: { mid: ids.mid, transportSequence: ids.transportSequence },
        },
      },
      {
        ...{ kind: "video", mid: "1", codecs: [video], ssrcs: [], repairs: [] },
        ...{ rids: single ? [] : layers.map(({ rid }) => rid), extensions: ids },
      },
    ];
    this.sender = {
      buffered: 0,
      rtp: () => false,
      rtcp: (compound) => this.#rtcp(compound),
    };
  }

  /** Sends one frame of each layer, taken at `now`. */
  frame(now: number): void {
    this.now = now;
    for (const layer of this.#layers) if (!this.off.has(layer.rid)) this.#frame(layer, now);
  }

  audio(now: number, payload = Uint8Array.of(0xfc, 1, 2, 3), payloadType = 111): void {
    const index = this.#audioIndex;
    this.#audioIndex++;
    this.deliver(
      this.#packet(99, payloadType, index, true, (now * 48) >>> 0, payload, "0", undefined, false),
      now,
    );
  }

  /** A packet of padding alone on a layer. */
  padding(ssrc: number, now: number): void {
    const state = this.#state(ssrc);
    const packet = this.#packet(
      ssrc,
      this.#codec.payloadType,
      state.index,
      false,
      this.#timestamp(ssrc, now),
      Uint8Array.of(0, 0, 3),
      "1",
      undefined,
      false,
    );
    packet.packet[0] = (packet.packet[0] ?? 0) | 0x20;
    state.index++;
    this.deliver(packet, now);
  }

  /** The compound with a sender report of every source. */
  report(now: number): Uint8Array {
    const bytes = new Uint8Array(28 * (this.#layers.length + 1));
    [99, ...this.#layers.map(({ ssrc }) => ssrc)].forEach((ssrc, n) => {
      const at = 28 * n;
      const ntp = (this.#ntp + now) / 1_000;
      bytes.set([0x80, 200, 0, 6], at);
      writeU32(bytes, at + 4, ssrc);
      writeU32(bytes, at + 8, Math.floor(ntp));
      writeU32(bytes, at + 12, Math.floor((ntp % 1) * 2 ** 32));
      writeU32(bytes, at + 16, ssrc === 99 ? (now * 48) >>> 0 : this.#timestamp(ssrc, now));
    });
    return bytes;
  }

  #timestamp(ssrc: number, now: number): number {
    return (ssrc * 0x1234567 + Math.round(now * 90)) >>> 0;
  }

  #state(ssrc: number) {
    const state = this.#states.get(ssrc);
    if (state === undefined) throw new Error("no such layer");
    return state;
  }

  #frame({ ssrc, rid, frameBytes, keyBytes, height }: SimulatedLayer, now: number): void {
    const state = this.#state(ssrc);
    const key = this.#keys.delete(ssrc);
    if (key) this.keyframes.set(ssrc, (this.keyframes.get(ssrc) ?? 0) + 1);
    if (key) state.frame = 0;
    // Temporal layers 0 1 0 1, or 0 2 1 2.
    const temporal =
      key || this.#temporal === 1
        ? 0
        : ((this.#temporal === 2 ? [0, 1] : [0, 2, 1, 2])[state.frame % (this.#temporal === 2 ? 2 : 4)] ?? 0);
    state.frame++;
    state.picture = (state.picture + 1) & 0x7fff;
    if (temporal === 0) state.tl0 = (state.tl0 + 1) & 0xff;
    const size = key ? keyBytes : frameBytes;
    const parts = Math.ceil(size / packetBytes);
    for (let part = 0; part < parts; part++) {
      const payload = new Uint8Array(Math.min(packetBytes, size - part * packetBytes) + 16);
      payload.set([0x80 | (part === 0 ? 0x10 : 0), 0xe0, 0, 0, state.tl0, (temporal << 6) | 0x20]);
      writeU16(payload, 2, 0x8000 | state.picture);
      payload.set(
        [key ? 0 : 1, 0, 0, 0x9d, 0x01, 0x2a, height & 0xff, height >> 8, height & 0xff, height >> 8],
        6,
      );
      const packet = this.#packet(
        ssrc,
        this.#codec.payloadType,
        state.index,
        part === parts - 1,
        this.#timestamp(ssrc, now),
        payload,
        "1",
        rid,
        false,
      );
      this.#history.set(`${ssrc} ${state.index & 0xffff}`, packet.packet);
      state.index++;
      this.deliver(packet, now);
    }
  }

  #packet(
    ssrc: number,
    payloadType: number,
    index: number,
    marker: boolean,
    timestamp: number,
    payload: Uint8Array,
    mid: string,
    rid: string | undefined,
    repair: boolean,
  ): OpenedRtp {
    const packet = new Uint8Array(payload.length + 60);
    const header = { payloadType, marker, sequence: index & 0xffff, timestamp, ssrc };
    writeFixedHeader(packet, 0, header, true);
    const text = (value: string) => new TextEncoder().encode(value);
    const sequence = Uint8Array.of(this.#transport >> 8, this.#transport);
    this.#transport = (this.#transport + 1) & 0xffff;
    const length =
      12 +
      writeExtensions(packet, 12, [
        { id: ids.mid, value: text(mid) },
        { id: ids.transportSequence, value: sequence },
        ...(rid === undefined || this.#layers.length === 1
          ? []
          : [{ id: repair ? ids.repairedRid : ids.rid, value: text(rid) }]),
      ]);
    packet.set(payload, length);
    return { packet: packet.slice(0, length + payload.length), ssrc, index };
  }

  #rtcp(compound: Uint8Array): void {
    for (const packet of parseRtcp(compound) ?? []) {
      this.received.push(packet);
      if (packet.type === "pli") this.#keys.add(packet.media);
      if (packet.type === "fir") for (const ssrc of packet.media) this.#keys.add(ssrc);
      if (packet.type === "nack") for (const sequence of packet.lost) this.#repeat(packet.media, sequence);
    }
  }

  #repeat(ssrc: number, sequence: number): void {
    const original = this.#history.get(`${ssrc} ${sequence}`);
    const layer = this.#layers.find((one) => one.ssrc === ssrc);
    const header = original && parseRtp(original);
    if (original === undefined || header === undefined || layer === undefined) return;
    const state = this.#state(ssrc);
    const payload = new Uint8Array(2 + header.payloadBytes);
    writeU16(payload, 0, sequence);
    payload.set(original.subarray(header.length), 2);
    const { repair = 0 } = this.#codec;
    const { marker, timestamp } = header;
    const packet = this.#packet(
      ssrc + 1_000,
      repair,
      state.repair,
      marker,
      timestamp,
      payload,
      "1",
      layer.rid,
      true,
    );
    state.repair++;
    this.deliver(packet, this.now);
  }
}

export interface ViewerOptions {
  readonly codecs?: readonly AgreedCodec[];
  readonly audioCodecs?: readonly AgreedCodec[];
  readonly loses?: (bytes: Uint8Array) => boolean;
  /** The index that every SSRC begins with, where it isn't left to the sender; below 2^16. */
  readonly firstIndex?: number;
}

const viewerSsrc = { audio: 0x10000001, audioRepair: 0x10000002, video: 0x20000001, videoRepair: 0x20000002 };
const profile = srtpProfile.aeadAes128Gcm;
const sizes = srtpKeySize[profile];
const secret = { key: new Uint8Array(sizes.key).fill(7), salt: new Uint8Array(sizes.salt).fill(9) };

export interface ReceivedFrame {
  readonly timestamp: number;
  readonly at: number;
  readonly key: boolean;
  readonly height: number;
  readonly picture: number;
  readonly tl0: number;
  readonly temporal: number;
}

/** A viewer's end: seals with the real sender, opens with the real receiver, and puts frames together as a browser does. */
export class SimulatedViewer {
  readonly tracks: readonly ViewedTrack[];
  readonly sender: MediaSender & { buffered: number };
  /** Packets that the sealing side refused: none, ever (rule 1). */
  refused = 0;
  readonly rtcp: RtcpPacket[] = [];
  readonly compounds: Uint8Array[] = [];
  /** Indexes of video that came, and their packets. */
  readonly video = new Map<number, Uint8Array>();
  readonly audio: {
    index: number;
    timestamp: number;
    payload: Uint8Array;
    payloadType: number;
    at: number;
  }[] = [];
  bytes = 0;
  repairs = 0;
  /** What came last, unsealed. */
  last: Uint8Array | undefined;
  now = 0;
  readonly srtp = new SrtpSender(srtpCrypto, profile, secret);
  readonly #receiver = new SrtpReceiver(srtpCrypto, profile, secret);
  readonly #loses: (bytes: Uint8Array) => boolean;
  readonly #arrival = new Map<number, number>();
  readonly #codecs: readonly AgreedCodec[];
  #highest = -1;

  constructor({
    codecs = [codec("vp8", 120)],
    audioCodecs = [codec("opus", 100)],
    loses = () => false,
    firstIndex,
  }: ViewerOptions = {}) {
    this.#loses = loses;
    this.#codecs = codecs;
    this.tracks = [
      {
        ...{ kind: "audio", mid: "a", codecs: audioCodecs, extensions: { mid: 1, absoluteSendTime: 2 } },
        ...{ ssrc: viewerSsrc.audio, repairSsrc: viewerSsrc.audioRepair },
      },
      {
        ...{ kind: "video", mid: "v", codecs, ssrc: viewerSsrc.video, repairSsrc: viewerSsrc.videoRepair },
        extensions: { mid: 1, absoluteSendTime: 2, playoutDelay: 3, dependencyDescriptor: 4 },
      },
    ];
    this.sender = {
      buffered: 0,
      rtp: (header, headerBytes, payload, index) => this.#sent(header, headerBytes, payload, index),
      rtcp: (compound) => {
        this.compounds.push(compound.slice());
        this.rtcp.push(...(parseRtcp(compound) ?? []));
      },
      highest: (ssrc) => Math.max(this.srtp.highest(ssrc), (firstIndex ?? 0) - 1),
      expect: (ssrc, packets) => this.srtp.expect(ssrc, packets),
    };
  }

  static readonly ssrc = viewerSsrc;

  /** Indexes of video between the first and the last that haven't come. */
  missing(): number[] {
    const indexes = [...this.video.keys()].sort((one, other) => one - other);
    const missing: number[] = [];
    for (let n = indexes[0] ?? 0; n < (indexes.at(-1) ?? 0); n++) if (!this.video.has(n)) missing.push(n);
    return missing;
  }

  /** Frames of which every packet came, in order of their packets. */
  frames(): ReceivedFrame[] {
    const frames: ReceivedFrame[] = [];
    let begun: { first: number; timestamp: number } | undefined;
    for (const [index, packet] of [...this.video].sort(([one], [other]) => one - other)) {
      const header = parseRtp(packet);
      if (header === undefined) continue;
      const payload = packet.subarray(header.length);
      const descriptor = parseVp8(payload);
      if (descriptor === undefined) continue;
      if (descriptor.begin) begun = { first: index, timestamp: header.timestamp };
      if (begun === undefined || begun.timestamp !== header.timestamp) begun = undefined;
      else if (header.marker) {
        let whole = true;
        for (let n = begun.first; n <= index; n++) whole &&= this.video.has(n);
        const first = this.video.get(begun.first) ?? packet;
        const firstHeader = parseRtp(first);
        const start = firstHeader && parseVp8(first.subarray(firstHeader.length));
        if (whole)
          frames.push({
            ...{ timestamp: header.timestamp, at: this.#arrival.get(index) ?? 0, key: start?.key ?? false },
            ...{
              height: readU16(Uint8Array.of(payload[15] ?? 0, payload[14] ?? 0), 0),
              picture: descriptor.pictureId,
            },
            ...{ tl0: descriptor.tl0, temporal: descriptor.temporalLayer },
          });
        begun = undefined;
      }
    }
    return frames;
  }

  #sent(header: Uint8Array, headerBytes: number, payload: SealedPayload, index: number): boolean {
    const target = new Uint8Array(headerBytes + payload.length + 16);
    target.set(header.subarray(0, headerBytes));
    if (readU16(target, 2) !== index % 0x10000) throw new Error("the sequence number is not the index's");
    const length = this.srtp.protect(target, 0, headerBytes, payload, index);
    if (length === undefined) {
      this.refused++;
      return false;
    }
    this.bytes += length;
    const opened = this.#receiver.unprotect(target.subarray(0, length));
    // A repeat with the same bytes that has come before is a replay to the receiver.
    if (opened === "replayed") return true;
    if (typeof opened === "string") throw new Error(`the receiver refuses a packet: ${opened}`);
    if (!this.#loses(opened.packet)) this.#came(opened.packet, opened.index);
    return true;
  }

  #came(packet: Uint8Array, index: number): void {
    const parsed = parseRtp(packet);
    if (parsed === undefined) throw new Error("malformed");
    this.last = packet;
    const payload = packet.subarray(parsed.length);
    if (parsed.ssrc === viewerSsrc.audio) {
      const { timestamp, payloadType } = parsed;
      this.audio.push({ index, timestamp, payload, payloadType, at: this.now });
    } else if (parsed.ssrc === viewerSsrc.video) {
      this.#highest = Math.max(this.#highest, index);
      this.#store(index, packet);
    } else if (parsed.ssrc === viewerSsrc.videoRepair) {
      this.repairs++;
      const original = extendSequence(readU16(payload, 0), this.#highest);
      const restored = new Uint8Array(12 + payload.length - 2);
      const codecOf = this.#codecs.find(({ repair }) => repair === parsed.payloadType);
      if (codecOf === undefined) throw new Error("RTX under a payload type that is none");
      const { payloadType } = codecOf;
      writeFixedHeader(
        restored,
        0,
        { ...parsed, payloadType, sequence: original & 0xffff, ssrc: viewerSsrc.video },
        false,
      );
      restored.set(payload.subarray(2), 12);
      this.#store(original, restored);
    }
  }

  #store(index: number, packet: Uint8Array): void {
    if (this.video.has(index)) return;
    this.video.set(index, packet);
    this.#arrival.set(index, this.now);
  }
}

/** What is wrong with a sequence of frames for a decoder: nothing, where all is well. */
export function faults(frames: readonly ReceivedFrame[]): string[] {
  const found: string[] = [];
  frames.forEach((frame, n) => {
    const before = frames[n - 1];
    if (before === undefined) {
      if (!frame.key) found.push("begins without a keyframe");
      return;
    }
    if (timestampDistance(frame.timestamp, before.timestamp) <= 0) found.push(`time goes back at frame ${n}`);
    // A frame that a change cut off has an id as well; a keyframe needs none of those before it.
    const pictures = (frame.picture - before.picture) & 0x7fff;
    if (pictures !== 1 && !(frame.key && pictures >= 1 && pictures < 100))
      found.push(`picture id jumps at frame ${n}`);
    const tl0 = frame.temporal === 0 ? (before.tl0 + 1) & 0xff : before.tl0;
    if (frame.tl0 !== tl0 && !frame.key) found.push(`TL0PICIDX jumps at frame ${n}`);
    if (frame.height !== before.height && !frame.key)
      found.push(`another layer without a keyframe at frame ${n}`);
  });
  return found;
}

/** The value of an extension of a packet that a viewer got. */
export function extension(packet: Uint8Array, id: number): Uint8Array | undefined {
  const header = parseRtp(packet);
  return header && findExtension(packet, header, id);
}

export function ssrcOf(packet: Uint8Array): number {
  return readU32(packet, 8);
}
