import { StreamBuffer } from "../../shared/stream-buffer.ts";
import { readU16, readU32, writeU16, writeU32 } from "../../wire/bytes.ts";
import type { OpenedRtp } from "../../wire/srtp/receiver.ts";

/**
 * What two processes of a machine say to each other about one stream, each frame with its length ahead:
 *
 *     u32 length | u8 type | body
 *     subscribe   the stream's name, the first frame of a connection
 *     observe     the same, and the last sender report of each source is wanted at once
 *     rtp         u48 index | the publisher's packet, in the clear
 *     rtcp        a compound packet, from the publisher or for it
 *     rendition   u16 height | u48 index | a packet of a smaller size, which an encoder made: from whoever has it to the publisher's worker,
 *                 and on from there
 */
export const frameType = { subscribe: 0, rtp: 1, rtcp: 2, observe: 3, rendition: 4 } as const;

const headBytes = 5;
const [indexBytes, heightBytes] = [6, 2];
/** The longest frame: a datagram, and what stands ahead of it. */
const longest = 70_000;
const startBytes = 65_536;

/** One frame. The body is a view that is never written to again. */
export interface RelayFrame {
  readonly type: number;
  readonly body: Uint8Array;
}

/** Gathers frames, to be written in one piece. */
export class FrameWriter {
  #bytes = new Uint8Array(startBytes);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  frame(type: number, body: Uint8Array): void {
    const at = this.#grow(headBytes + body.length);
    this.#head(at, type, body.length);
    this.#bytes.set(body, at + headBytes);
  }

  rtp(packet: Pick<OpenedRtp, "packet" | "index">): void {
    const length = indexBytes + packet.packet.length;
    const at = this.#grow(headBytes + length);
    this.#head(at, frameType.rtp, length);
    this.#packet(at + headBytes, packet);
  }

  rendition(height: number, packet: Pick<OpenedRtp, "packet" | "index">): void {
    const length = heightBytes + indexBytes + packet.packet.length;
    const at = this.#grow(headBytes + length);
    this.#head(at, frameType.rendition, length);
    writeU16(this.#bytes, at + headBytes, height);
    this.#packet(at + headBytes + heightBytes, packet);
  }

  /** All frames so far, in memory of their own; from then on there are none. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }

  #packet(at: number, { packet, index }: Pick<OpenedRtp, "packet" | "index">): void {
    writeU16(this.#bytes, at, Math.floor(index / 0x100000000));
    writeU32(this.#bytes, at + 2, index % 0x100000000);
    this.#bytes.set(packet, at + indexBytes);
  }

  #head(at: number, type: number, length: number): void {
    writeU32(this.#bytes, at, length);
    this.#bytes[at + 4] = type;
  }

  #grow(by: number): number {
    const at = this.#length;
    this.#length += by;
    if (this.#length > this.#bytes.length) {
      const bigger = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length));
      bigger.set(this.#bytes.subarray(0, at));
      this.#bytes = bigger;
    }
    return at;
  }
}

/** Cuts a stream into frames. */
export class RelayReader {
  readonly #buffer = new StreamBuffer();

  /** Gives each whole frame to `take`. False when the stream is no relay's: it is to be closed. */
  push(chunk: Uint8Array, take: (frame: RelayFrame) => void): boolean {
    const bytes = this.#buffer.with(chunk);
    let at = 0;
    while (at + headBytes <= bytes.length) {
      const length = readU32(bytes, at);
      if (length > longest) {
        this.#buffer.clear();
        return false;
      }
      const start = at + headBytes;
      if (start + length > bytes.length) break;
      take({ type: bytes[at + 4] ?? 0, body: bytes.subarray(start, start + length) });
      at = start + length;
    }
    this.#buffer.keep(bytes, at);
    return true;
  }
}

/** The packet of an `rtp` frame; undefined where that is too short for one. */
export function packetOf(body: Uint8Array): OpenedRtp | undefined {
  const packet = body.subarray(indexBytes);
  if (packet.length < 12) return undefined;
  const index = readU16(body, 0) * 0x100000000 + readU32(body, 2);
  return { packet, ssrc: readU32(packet, 8), index };
}

/** What a `rendition` frame holds; undefined where that is too short. */
export function renditionOf(body: Uint8Array): { height: number; packet: OpenedRtp } | undefined {
  const packet = packetOf(body.subarray(heightBytes));
  return packet === undefined ? undefined : { height: readU16(body, 0), packet };
}
