import { StreamBuffer } from "../../shared/stream-buffer.ts";
import type { AudioFormat } from "./sample-format.ts";

/** Samples of a frame of AAC. */
export const aacSamples = 1_024;
const headBytes = 7;

/** Cuts ADTS (ISO/IEC 13818-7 §6.2) into frames of AAC. */
export class AdtsReader {
  readonly #buffer = new StreamBuffer();
  #format: AudioFormat | undefined;

  /** Gives each whole frame to `take`. False for what is no ADTS: there is no way on. */
  push(chunk: Uint8Array, take: (frame: Uint8Array, format: AudioFormat) => void): boolean {
    const bytes = this.#buffer.with(chunk);
    let at = 0;
    while (at + headBytes <= bytes.length) {
      const [sync, second = 0, third = 0, fourth = 0, fifth = 0, sixth = 0] = bytes.subarray(
        at,
        at + headBytes,
      );
      const length = ((fourth & 3) << 11) | (fifth << 3) | (sixth >>> 5);
      const head = (second & 1) === 0 ? headBytes + 2 : headBytes;
      if (sync !== 0xff || (second & 0xf6) !== 0xf0 || length <= head) {
        this.#buffer.clear();
        return false;
      }
      if (at + length > bytes.length) break;
      this.#format ??= formatOf(third, fourth);
      take(bytes.slice(at + head, at + length), this.#format);
      at += length;
    }
    this.#buffer.keep(bytes, at);
    return true;
  }
}

/** AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1) from the fixed part of the header. */
function formatOf(third: number, fourth: number): AudioFormat {
  const type = (third >>> 6) + 1;
  const rate = (third >>> 2) & 0x0f;
  const channels = ((third & 1) << 2) | (fourth >>> 6);
  const configuration = Uint8Array.of((type << 3) | (rate >>> 1), ((rate & 1) << 7) | (channels << 3));
  return { kind: "audio", codec: "aac", channels, configuration, name: `mp4a.40.${type}` };
}
