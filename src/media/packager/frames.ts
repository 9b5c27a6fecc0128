import { StreamBuffer } from "../../shared/stream-buffer.ts";
import { readU32 } from "../../wire/bytes.ts";
import { concat, u32 } from "../package/boxes.ts";
import type { FromPackager } from "../packaging.ts";

const headBytes = 8;
/** The longest message: a part of a second of the fastest publisher. */
const longest = 64 << 20;
const [encoder, decoder] = [new TextEncoder(), new TextDecoder()];

/** A message as it stands on the socket: the length of its head and of its bytes, the head as JSON, the bytes. */
export function packagerFrame(message: FromPackager, bytes: Uint8Array): Uint8Array {
  const head = encoder.encode(JSON.stringify(message));
  return concat([u32(head.length, bytes.length), head, bytes]);
}

/** Cuts what the packager writes into messages. */
export class PackagerFrames {
  readonly #buffer = new StreamBuffer();

  /** Gives each whole message to `take`. False for nonsense: the stream is to be closed. */
  push(chunk: Uint8Array, take: (message: FromPackager, bytes: Uint8Array) => void): boolean {
    const bytes = this.#buffer.with(chunk);
    let at = 0;
    while (at + headBytes <= bytes.length) {
      const [head, body] = [readU32(bytes, at), readU32(bytes, at + 4)];
      if (head + body > longest) {
        this.#buffer.clear();
        return false;
      }
      const start = at + headBytes;
      const end = start + head + body;
      if (end > bytes.length) break;
      let message: FromPackager;
      try {
        message = JSON.parse(decoder.decode(bytes.subarray(start, start + head)));
      } catch {
        this.#buffer.clear();
        return false;
      }
      take(message, bytes.slice(start + head, end));
      at = end;
    }
    this.#buffer.keep(bytes, at);
    return true;
  }
}
