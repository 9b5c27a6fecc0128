import { channelHeaderBytes, isChannelData } from "./channel-data.ts";
import { headerBytes, magicCookie, readU16, readU32 } from "./message.ts";

/** The longest message there can be: 64 KiB behind a STUN header. */
const longest = headerBytes + 0xffff;

/**
 * Cuts a byte stream into STUN and ChannelData messages (RFC 8656 §12.5: ChannelData is padded to 4 bytes there; the padding is
 * cut off). It keeps at most one incomplete message, and its work is in proportion to the bytes whatever their chunks.
 */
export class StreamSplitter {
  /** Holds the incomplete message; its length is its capacity. */
  #buffer: Uint8Array = none;
  #pending = 0;
  #broken = false;

  /** Bytes of the incomplete message. */
  get pending(): number {
    return this.#pending;
  }

  /**
   * Gives each message that is complete now to `take`, as a view that is never written to again. False when the stream
   * can't be understood any more, which is final; it ends in the same way when `take` answers false.
   */
  push(chunk: Uint8Array, take: (message: Uint8Array) => boolean): boolean {
    if (this.#broken) return false;
    const bytes = this.#pending === 0 ? chunk : this.#append(chunk);
    let at = 0;
    while (at < bytes.length) {
      const size = messageSize(bytes, at);
      if (size === undefined) return this.#fail();
      const { length, padded } = size;
      if (at + padded > bytes.length || length === 0) break;
      if (!take(bytes.subarray(at, at + length))) return this.#fail();
      at += padded;
    }
    if (this.#pending === 0 || at > 0) this.#buffer = bytes.slice(at);
    this.#pending = bytes.length - at;
    return true;
  }

  /** What is pending and the chunk, in one piece. */
  #append(chunk: Uint8Array): Uint8Array {
    const length = this.#pending + chunk.length;
    if (length > this.#buffer.length) {
      const bigger = new Uint8Array(Math.max(length, this.#buffer.length * 2));
      bigger.set(this.#buffer.subarray(0, this.#pending));
      this.#buffer = bigger;
    }
    this.#buffer.set(chunk, this.#pending);
    return this.#buffer.subarray(0, length);
  }

  #fail(): boolean {
    this.#broken = true;
    this.#buffer = none;
    this.#pending = 0;
    return false;
  }
}

const none = new Uint8Array(0);

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
