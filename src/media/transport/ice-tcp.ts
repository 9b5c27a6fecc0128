import { StreamBuffer } from "../../shared/stream-buffer.ts";
import { readU16, writeU16 } from "../../wire/bytes.ts";

/** Bytes of the length ahead of each frame. */
export const frameHeaderBytes = 2;
/** The longest frame that is taken: nobody sends datagrams that are larger than a path can carry. */
const longestFrame = 8_192;

/** Cuts the stream of an ICE-TCP connection into its datagrams (RFC 4571, RFC 6544 §3). It keeps at most one incomplete frame. */
export class FrameReader {
  readonly #buffer = new StreamBuffer();
  #broken = false;

  /** Bytes of the incomplete frame. */
  get pending(): number {
    return this.#buffer.length;
  }

  /**
   * Gives each datagram that is complete now to `take`, as a view that is never written to again. Empty frames are skipped. False when a
   * frame is too long, or `take` answers false; that is final.
   */
  push(chunk: Uint8Array, take: (datagram: Uint8Array) => boolean): boolean {
    if (this.#broken) return false;
    const bytes = this.#buffer.with(chunk);
    let at = 0;
    while (at + frameHeaderBytes <= bytes.length) {
      const length = readU16(bytes, at);
      const start = at + frameHeaderBytes;
      if (length > longestFrame) return this.#fail();
      if (start + length > bytes.length) break;
      if (length > 0 && !take(bytes.subarray(start, start + length))) return this.#fail();
      at = start + length;
    }
    this.#buffer.keep(bytes, at);
    return true;
  }

  #fail(): boolean {
    this.#broken = true;
    this.#buffer.clear();
    return false;
  }
}

/** The first `length` bytes as one frame, in memory of its own. At most 65,535 bytes. */
export function frame(bytes: Uint8Array, length: number): Uint8Array {
  const framed = new Uint8Array(frameHeaderBytes + length);
  writeU16(framed, 0, length);
  framed.set(length === bytes.length ? bytes : bytes.subarray(0, length), frameHeaderBytes);
  return framed;
}
