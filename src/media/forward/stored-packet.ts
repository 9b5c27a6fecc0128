import { isAv1Key } from "../../wire/rtp/av1.ts";
import { isH264Key } from "../../wire/rtp/h264.ts";
import { h264Size } from "../../wire/rtp/h264-size.ts";
import { parseVp8 } from "../../wire/rtp/vp8.ts";
import { parseVp9 } from "../../wire/rtp/vp9.ts";
import type { SealedPayload } from "../../wire/srtp/sender.ts";
import type { AgreedCodec } from "../negotiated.ts";

export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

let lastId = 0;

/** A number for a payload that no other payload of this process has, up to 2^32 of them. */
export function nextPayloadId(): number {
  lastId = (lastId + 1) >>> 0;
  return lastId;
}

/** What stands in the header of a packet that a publisher sent, beside its payload. */
export interface PacketFacts {
  readonly codec: AgreedCodec;
  readonly payloadType: number;
  readonly marker: boolean;
  readonly timestamp: number;
  readonly arrival: number;
  /** Header extensions that go on to viewers: their values, or undefined. */
  readonly dependency: Uint8Array | undefined;
  readonly orientation: number | undefined;
  readonly audioLevel: number | undefined;
}

/** A packet of a publisher, stored in the clear once for all viewers. It is the payload that is sealed for each of them. */
export class StoredPacket implements SealedPayload {
  readonly bytes: Uint8Array;
  readonly at = 0;
  readonly length: number;
  readonly id = nextPayloadId();
  readonly codec: AgreedCodec;
  readonly payloadType: number;
  readonly marker: boolean;
  readonly timestamp: number;
  readonly arrival: number;
  readonly dependency: Uint8Array | undefined;
  readonly orientation: number | undefined;
  readonly audioLevel: number | undefined;
  /** Its place in the layer, and the number of its frame there; the layer counts them. */
  number = 0;
  frame = 0;
  /** True for the first packet of a frame, and of a frame from which decoding can start. */
  begin = false;
  keyframe = false;
  /** True for a payload that says that its frame is a keyframe. */
  key = false;
  temporal = 0;
  /** The layer of its frame among those of one picture that are sent under one SSRC, and true for the last packet of that frame. */
  spatial = 0;
  end = false;
  /** True where a viewer of lower temporal layers may go up: to this one (VP8), or to the next one behind it (VP9). */
  sync = false;
  pictureIdAt = -1;
  longPictureId = false;
  pictureId = 0;
  tl0At = -1;
  tl0 = 0;
  /** The size of the picture, where a keyframe says it; and of each of its spatial layers. */
  width = 0;
  height = 0;
  sizes: readonly PictureSize[] = [];

  /** `bytes`: the payload; the packet owns it from now on. */
  constructor(bytes: Uint8Array, facts: PacketFacts) {
    this.bytes = bytes;
    this.length = bytes.length;
    this.codec = facts.codec;
    this.payloadType = facts.payloadType;
    this.marker = facts.marker;
    this.timestamp = facts.timestamp;
    this.arrival = facts.arrival;
    this.dependency = facts.dependency;
    this.orientation = facts.orientation;
    this.audioLevel = facts.audioLevel;
    this.#inspect();
  }

  #inspect(): void {
    switch (this.codec.name) {
      case "vp8": {
        const descriptor = parseVp8(this.bytes);
        if (descriptor === undefined) return;
        this.key = descriptor.key;
        this.temporal = descriptor.temporalLayer;
        this.sync = descriptor.layerSync;
        this.pictureIdAt = descriptor.pictureIdAt;
        this.longPictureId = descriptor.longPictureId;
        this.pictureId = descriptor.pictureId;
        this.tl0At = descriptor.tl0At;
        this.tl0 = descriptor.tl0;
        if (descriptor.key) this.#vp8Size(descriptor.length);
        return;
      }
      case "vp9": {
        const descriptor = parseVp9(this.bytes);
        if (descriptor === undefined) return;
        this.key = descriptor.key;
        this.temporal = descriptor.temporalLayer;
        this.spatial = descriptor.spatialLayer;
        this.end = descriptor.end;
        this.sync = descriptor.switchUp;
        this.pictureIdAt = descriptor.pictureIdAt;
        this.longPictureId = descriptor.longPictureId;
        this.pictureId = descriptor.pictureId;
        this.tl0At = descriptor.tl0At;
        this.tl0 = descriptor.tl0;
        this.#sized(descriptor.sizes);
        return;
      }
      case "h264": {
        this.key = isH264Key(this.bytes);
        const size = this.key ? h264Size(this.bytes) : undefined;
        if (size !== undefined) this.#sized([size]);
        return;
      }
      case "av1":
        this.key = isAv1Key(this.bytes);
    }
  }

  /** Sizes of the spatial layers, the largest last. */
  #sized(sizes: readonly PictureSize[]): void {
    const largest = sizes.at(-1);
    if (largest === undefined) return;
    this.width = largest.width;
    this.height = largest.height;
    this.sizes = sizes;
  }

  /** What the dependency descriptor says, for codecs whose payload doesn't say it. */
  describe(temporal: number, spatial: number, end: boolean, sizes: readonly PictureSize[]): void {
    this.temporal = temporal;
    this.spatial = spatial;
    this.end = end;
    this.#sized(sizes);
  }

  /** The frame header of a key frame: a tag of three bytes, a start code, width and height of 14 bits (RFC 6386 §9.1). */
  #vp8Size(at: number): void {
    const { bytes } = this;
    if (bytes.length < at + 10 || bytes[at + 3] !== 0x9d || bytes[at + 4] !== 0x01 || bytes[at + 5] !== 0x2a)
      return;
    this.width = ((bytes[at + 6] ?? 0) | ((bytes[at + 7] ?? 0) << 8)) & 0x3fff;
    this.height = ((bytes[at + 8] ?? 0) | ((bytes[at + 9] ?? 0) << 8)) & 0x3fff;
  }
}
