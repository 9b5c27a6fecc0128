import { StreamBuffer } from "../../shared/stream-buffer.ts";
import { readU24, readU32 } from "../../wire/bytes.ts";
import { concat, u8, u32 } from "../package/boxes.ts";

/** A message of RTMP (§6.1 of the specification of Adobe). Time in ms. */
export interface RtmpMessage {
  readonly type: number;
  readonly stream: number;
  readonly time: number;
  readonly body: Uint8Array;
}

/** The size of chunks until somebody sets another one. */
const firstChunkSize = 128;
/** A server's message is no longer than this, and it has so many chunk streams. */
const [longestMessage, mostStreams] = [1 << 20, 64];
const extended = 0xffffff;

/** A message cut into chunks, each with a whole header or none (§5.3). `channel`: the chunk stream, from 2 to 63. */
export function rtmpChunks(channel: number, message: RtmpMessage, chunkSize: number): Uint8Array {
  const { type, stream, time, body } = message;
  const late = time >= extended;
  const shown = late ? extended : time;
  const long = late ? [u32(time)] : [];
  const pieces: Uint8Array[] = [
    u8(channel, shown >>> 16, shown >>> 8, shown, body.length >>> 16, body.length >>> 8, body.length, type),
    // The one number of RTMP that begins with its lowest byte.
    u8(stream, stream >>> 8, stream >>> 16, stream >>> 24),
    ...long,
  ];
  for (let at = 0; at < body.length; at += chunkSize) {
    if (at > 0) pieces.push(u8(0xc0 | channel), ...long);
    pieces.push(body.subarray(at, at + chunkSize));
  }
  return concat(pieces);
}

interface ChunkStream {
  time: number;
  delta: number;
  length: number;
  type: number;
  stream: number;
  /** Its timestamps have 32 bits. */
  late: boolean;
  pieces: Uint8Array[];
  received: number;
}

/** Puts a server's chunks together to messages. */
export class RtmpChunkReader {
  /** What the server has set. */
  chunkSize = firstChunkSize;
  readonly #buffer = new StreamBuffer();
  readonly #streams = new Map<number, ChunkStream>();

  /** Gives each whole message to `take`, which may change {@link chunkSize}. False for what is no RTMP: there is no way on. */
  push(chunk: Uint8Array, take: (message: RtmpMessage) => void): boolean {
    const bytes = this.#buffer.with(chunk);
    let at = 0;
    for (;;) {
      const next = this.#chunk(bytes, at, take);
      if (next === undefined) {
        this.#buffer.clear();
        return false;
      }
      if (next === at) break;
      at = next;
    }
    this.#buffer.keep(bytes, at);
    return true;
  }

  /** The server gives up a message that it has begun. */
  abort(channel: number): void {
    const stream = this.#streams.get(channel);
    if (stream === undefined) return;
    stream.pieces = [];
    stream.received = 0;
  }

  /** Reads one chunk. Answers where the next one begins, the same place where this one is not whole, undefined for nonsense. */
  #chunk(bytes: Uint8Array, from: number, take: (message: RtmpMessage) => void): number | undefined {
    const first = bytes[from];
    if (first === undefined) return from;
    const format = first >>> 6;
    const wide = (first & 0x3f) < 2 ? (first & 0x3f) + 1 : 0;
    const headBytes = [11, 7, 3, 0][format] ?? 0;
    let at = from + 1 + wide;
    if (at + headBytes > bytes.length) return from;
    const channel =
      wide === 0
        ? first & 0x3f
        : 64 + (bytes[from + 1] ?? 0) + 256 * (wide === 2 ? (bytes[from + 2] ?? 0) : 0);
    const known = this.#streams.get(channel);
    if (known === undefined && (format !== 0 || this.#streams.size >= mostStreams)) return undefined;
    const stream = known ?? newStream();
    // The header of a message stands in its first chunk only.
    if (stream.received > 0 && format !== 3) return undefined;
    const late = headBytes > 0 ? readU24(bytes, at) === extended : stream.late;
    const total = headBytes + (late ? 4 : 0);
    if (at + total > bytes.length) return from;
    const length = headBytes >= 7 ? readU24(bytes, at + 3) : stream.length;
    if (length > longestMessage) return undefined;
    const piece = Math.min(this.chunkSize, length - stream.received);
    if (at + total + piece > bytes.length) return from;
    if (headBytes > 0) {
      const step = late ? readU32(bytes, at + headBytes) : readU24(bytes, at);
      stream.late = late;
      stream.length = length;
      if (headBytes >= 7) stream.type = bytes[at + 6] ?? 0;
      if (headBytes === 11)
        stream.stream = readU32(Uint8Array.from(bytes.subarray(at + 7, at + 11)).reverse(), 0);
      stream.time = headBytes === 11 ? step : stream.time + step;
      stream.delta = headBytes === 11 ? 0 : step;
    } else if (stream.received === 0) stream.time += stream.delta;
    this.#streams.set(channel, stream);
    at += total;
    stream.pieces.push(bytes.subarray(at, at + piece));
    stream.received += piece;
    at += piece;
    if (stream.received === stream.length) {
      const { type, stream: id, time } = stream;
      const body = concat(stream.pieces);
      stream.pieces = [];
      stream.received = 0;
      take({ type, stream: id, time, body });
    }
    return at;
  }
}

function newStream(): ChunkStream {
  return { time: 0, delta: 0, length: 0, type: 0, stream: 0, late: false, pieces: [], received: 0 };
}
