import { parseVp8 } from "../../wire/rtp/vp8.ts";
import { concat } from "./boxes.ts";
import type { VideoFormat, VideoFrame } from "./sample-format.ts";

/** Pictures of VP8 (RFC 7741): the payloads without their descriptors. */
export class Vp8Pictures {
  #format: VideoFormat | undefined;

  /** Undefined for one that can't be put together, or before the first keyframe. */
  take(payloads: readonly Uint8Array[]): VideoFrame | undefined {
    const pieces: Uint8Array[] = [];
    let key = false;
    for (const payload of payloads) {
      const descriptor = parseVp8(payload);
      if (descriptor === undefined) return undefined;
      if (descriptor.key) key = true;
      pieces.push(payload.subarray(descriptor.length));
    }
    const data = concat(pieces);
    if (key) this.#read(data);
    return this.#format === undefined || data.length === 0 ? undefined : { data, key, format: this.#format };
  }

  /** The size in the header of a keyframe (RFC 6386 §9.1). */
  #read(data: Uint8Array): void {
    if (data[3] !== 0x9d || data[4] !== 0x01 || data[5] !== 0x2a) return;
    const width = ((data[6] ?? 0) | ((data[7] ?? 0) << 8)) & 0x3fff;
    const height = ((data[8] ?? 0) | ((data[9] ?? 0) << 8)) & 0x3fff;
    if (width === this.#format?.width && height === this.#format.height) return;
    this.#format = {
      kind: "video",
      codec: "vp8",
      width,
      height,
      configuration: new Uint8Array(),
      name: "vp8",
    };
  }
}
