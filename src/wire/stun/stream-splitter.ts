import { StreamBuffer } from "../../shared/stream-buffer.ts";
import { readU16, readU32 } from "../bytes.ts";
import { channelHeaderBytes, isChannelData } from "./channel-data.ts";
import { headerBytes, magicCookie } from "./message.ts";

/** The longest message there can be: 64 KiB behind a STUN header. */
const longest = headerBytes + 0xffff;

/**
 * Cuts a byte stream into STUN and ChannelData messages (RFC 8656 §12.5: ChannelData is padded to 4 bytes there; the padding is
 * cut off). It keeps at most one incomplete message, and its work is in proportion to the bytes whatever their chunks.
 */
export class StreamSplitter {
  readonly #buffer = new StreamBuffer();
  #broken = false;

  /** Bytes of the incomplete message. */
  get pending(): number {
    return this.#buffer.length;
  }

  /**
   * Gives each message that is complete now to `take`, as a view that is never written to again. False when the stream
   * can't be understood any more, which is final; it ends in the same way when `take` answers false.
   */
  push(chunk: Uint8Array, take: (message: Uint8Array) => boolean): boolean {
    if (this.#broken) return false;
    const bytes = this.#buffer.with(chunk);
    let at = 0;
    while (at < bytes.length) {
      const size = messageSize(bytes, at);
      if (size === undefined) return this.#fail();
      const { length, padded } = size;
      if (at + padded > bytes.length || length === 0) break;
      if (!take(bytes.subarray(at, at + length))) return this.#fail();
      at += padded;
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

/** Size of the message that starts here; zeros while that can't be told; undefined when it is none. */
function messageSize(
  bytes: Uint8Array,
  at: number,
): { readonly length: number; readonly padded: number } | undefined {
  const first = bytes[at] ?? 0;
  const left = bytes.length - at;
  if (isChannelData(first)) {
    if (left < channelHeaderBytes) return { length: 0, padded: longest };
    const length = channelHeaderBytes + readU16(bytes, at + 2);
    return { length, padded: (length + 3) & ~3 };
  }
  if (first > 3) return undefined;
  if (left < 8) return { length: 0, padded: longest };
  const length = readU16(bytes, at + 2);
  if (readU32(bytes, at + 4) !== magicCookie || length % 4 !== 0) return undefined;
  return { length: headerBytes + length, padded: headerBytes + length };
}
