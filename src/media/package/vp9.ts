import { parseVp9 } from "../../wire/rtp/vp9.ts";
import { concat } from "./boxes.ts";
import type { VideoFormat, VideoFrame } from "./sample-format.ts";

/** Pictures of VP9 (RFC 9628): the payloads without their descriptors. Of several spatial layers it takes the lowest one, which needs no other. */
export class Vp9Pictures {
  #format: VideoFormat | undefined;

  /** Undefined for one that can't be put together, or before the first keyframe. */
  take(payloads: readonly Uint8Array[]): VideoFrame | undefined {
    const pieces: Uint8Array[] = [];
    let key = false;
    for (const payload of payloads) {
      const descriptor = parseVp9(payload);
      if (descriptor === undefined) return undefined;
      if (descriptor.spatialLayer > 0) continue;
      if (descriptor.key) key = true;
      const [size] = descriptor.sizes;
      if (size !== undefined) this.#use(size);
      pieces.push(payload.subarray(descriptor.length));
    }
    const data = concat(pieces);
    return this.#format === undefined || data.length === 0 ? undefined : { data, key, format: this.#format };
  }

  #use({ width, height }: { readonly width: number; readonly height: number }): void {
    if (width === 0 || height === 0) return;
    if (width === this.#format?.width && height === this.#format.height) return;
    const configuration = new Uint8Array();
    this.#format = { kind: "video", codec: "vp9", width, height, configuration, name: "vp09.00.10.08" };
  }
}
