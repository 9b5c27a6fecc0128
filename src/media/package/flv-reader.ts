import { StreamBuffer } from "../../shared/stream-buffer.ts";
import { readU16, readU24 } from "../../wire/bytes.ts";
import { h264Format } from "./h264.ts";
import type { Frame, VideoFormat } from "./sample-format.ts";

/** Bytes of the file's header, with the size of no tag behind it; of a tag's; and of its own size behind it. */
const [fileBytes, tagBytes, trailBytes] = [13, 11, 4];
/** The longest tag: a picture larger than this is none. */
const longest = 8 << 20;
const [videoTag, h264] = [9, 7];
const [configuration, media] = [0, 1];

/** Cuts FLV (Adobe Flash Video File Format §E) into pictures of H.264, with their times in ms. */
export class FlvReader {
  readonly #buffer = new StreamBuffer();
  #begun = false;
  #format: VideoFormat | undefined;

  /** Gives each whole picture to `take`. False for what is no FLV: there is no way on. */
  push(chunk: Uint8Array, take: (picture: Frame, time: number) => void): boolean {
    const bytes = this.#buffer.with(chunk);
    let at = 0;
    if (!this.#begun) {
      if (bytes.length >= 3 && (bytes[0] !== 0x46 || bytes[1] !== 0x4c || bytes[2] !== 0x56)) {
        this.#buffer.clear();
        return false;
      }
      if (bytes.length < fileBytes) {
        this.#buffer.keep(bytes, 0);
        return true;
      }
      this.#begun = true;
      at = fileBytes;
    }
    while (at + tagBytes <= bytes.length) {
      const length = readU24(bytes, at + 1);
      if (length > longest) {
        this.#buffer.clear();
        return false;
      }
      const start = at + tagBytes;
      if (start + length + trailBytes > bytes.length) break;
      const time = readU24(bytes, at + 4) + (bytes[at + 7] ?? 0) * 2 ** 24;
      if (bytes[at] === videoTag) this.#picture(bytes.subarray(start, start + length), time, take);
      at = start + length + trailBytes;
    }
    this.#buffer.keep(bytes, at);
    return true;
  }

  #picture(body: Uint8Array, time: number, take: (picture: Frame, time: number) => void): void {
    const [kind = 0, type] = body;
    if ((kind & 0x0f) !== h264 || body.length < 5) return;
    const content = body.slice(5);
    if (type === configuration) this.#format = formatOf(content) ?? this.#format;
    else if (type === media && this.#format !== undefined && content.length > 0)
      take({ data: content, key: kind >>> 4 === 1, format: this.#format }, time);
  }
}

/** The format of the first pair of parameter sets of an `avcC` (ISO/IEC 14496-15 §5.3.3.1); undefined for a malformed one. */
function formatOf(content: Uint8Array): VideoFormat | undefined {
  const spsBytes = readU16(content, 6);
  const spsEnd = 8 + spsBytes;
  const ppsBytes = readU16(content, spsEnd + 1);
  const ppsEnd = spsEnd + 3 + ppsBytes;
  // The lengths ahead of NAL units have four bytes in all that is made of pictures here.
  if (((content[4] ?? 0) & 3) !== 3) return undefined;
  if (spsBytes === 0 || ppsBytes === 0 || ppsEnd > content.length) return undefined;
  return h264Format(content.subarray(8, spsEnd), content.subarray(spsEnd + 3, ppsEnd));
}
