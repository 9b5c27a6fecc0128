import { StreamBuffer } from "../../shared/stream-buffer.ts";
import { headerKey } from "./header-name.ts";
import { parseCount } from "./header-values.ts";
import { messageLimits } from "./message-limits.ts";
import { headEnd } from "./parser.ts";

/** Gets the messages of a stream. */
export interface StreamTaker {
  /** A whole message: a view that is never written to again. */
  message(bytes: Uint8Array): void;
  /** CRLF CRLF between messages, to be answered with CRLF (RFC 5626 §3.5.1). */
  ping(): void;
}

/** Why a stream can't be parsed any more. Close it. */
export interface StreamFault {
  readonly reason: string;
  /** Start line and headers of the faulty message, for a 400. Undefined when it does not even have these. */
  readonly head: Uint8Array | undefined;
}

/**
 * Cuts a byte stream into messages by their Content-Length, which every message on a stream must have (RFC 3261 §18.3). It keeps
 * one incomplete message at most, and its work is proportional to the bytes, however they are split into chunks.
 */
export class StreamFraming {
  readonly #buffer = new StreamBuffer();
  /** Where to continue the search for the end of the headers. */
  #searched = 0;
  /** Length of the incomplete message, once its headers are there. */
  #length = 0;
  #fault: StreamFault | undefined;

  /** Bytes of the incomplete message. */
  get pending(): number {
    return this.#buffer.length;
  }

  /** Takes bytes of the stream. After a fault, take no more. */
  push(chunk: Uint8Array, taker: StreamTaker): StreamFault | undefined {
    if (this.#fault !== undefined) return this.#fault;
    const bytes = this.#buffer.with(chunk);
    let at = 0;
    while (at < bytes.length) {
      if (this.#length === 0) {
        const start = this.#skipLineEnds(bytes, at, taker);
        // A lone CR or CRLF may become a ping.
        if (start !== at) {
          at = start;
          continue;
        }
        if (isHalfPing(bytes, at)) break;
        const trouble = this.#measure(bytes, at);
        if (trouble !== undefined) return this.#fail(trouble);
        if (this.#length === 0) break;
      }
      if (at + this.#length > bytes.length) break;
      taker.message(bytes.subarray(at, at + this.#length));
      at += this.#length;
      this.#length = 0;
      this.#searched = 0;
    }
    this.#buffer.keep(bytes, at);
    return undefined;
  }

  /** Skips pings and stray line ends before a message (RFC 3261 §7.5). */
  #skipLineEnds(bytes: Uint8Array, at: number, taker: StreamTaker): number {
    let here = at;
    while (here + 4 <= bytes.length && isLineEnd(bytes, here) && isLineEnd(bytes, here + 2)) {
      taker.ping();
      here += 4;
    }
    if (here + 2 < bytes.length && isLineEnd(bytes, here) && bytes[here + 2] !== 0x0d) here += 2;
    return here;
  }

  /** Finds the length of the message at `at`, if its headers are there. */
  #measure(bytes: Uint8Array, at: number): StreamFault | undefined {
    const end = headEnd(bytes, at + this.#searched);
    const head = (end < 0 ? bytes.length : end) - at;
    if (head > messageLimits.head) return { reason: "headers too long", head: undefined };
    if (end < 0) {
      this.#searched = Math.max(0, head - 3);
      return undefined;
    }
    const whole = bytes.subarray(at, end + 4);
    const length = contentLength(whole);
    if (length === undefined) return { reason: "no usable Content-Length", head: whole.slice() };
    if (whole.length + length > messageLimits.message)
      return { reason: "message too long", head: whole.slice() };
    this.#length = whole.length + length;
    return undefined;
  }

  #fail(fault: StreamFault): StreamFault {
    this.#fault = fault;
    this.#buffer.clear();
    return fault;
  }
}

const lengthKey = headerKey("Content-Length");

function isLineEnd(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0x0d && bytes[at + 1] === 0x0a;
}

/** True for the beginning of a ping that ends with the bytes. */
function isHalfPing(bytes: Uint8Array, at: number): boolean {
  if (bytes.length - at > 3) return false;
  for (let here = at; here < bytes.length; here++)
    if (bytes[here] !== ((here - at) % 2 === 0 ? 0x0d : 0x0a)) return false;
  return true;
}

/** The Content-Length in a head that ends with its empty line. Undefined when it is missing, wrong, or there more than once. */
function contentLength(head: Uint8Array): number | undefined {
  let found: string | undefined;
  for (let at = head.indexOf(0x0a) + 1; at < head.length - 2; ) {
    let end = head.indexOf(0x0d, at);
    while (end >= 0 && (head[end + 2] === 0x20 || head[end + 2] === 0x09)) end = head.indexOf(0x0d, end + 1);
    if (end < 0) end = head.length;
    const first = (head[at] ?? 0) | 0x20;
    // Only names that begin with c or l can be Content-Length.
    if ((first === 0x63 || first === 0x6c) && end - at < 256) {
      const line = String.fromCharCode(...head.subarray(at, end));
      const colon = line.indexOf(":");
      if (colon > 0 && headerKey(line.slice(0, colon).trimEnd()) === lengthKey) {
        if (found !== undefined) return undefined;
        found = line.slice(colon + 1).trim();
      }
    }
    at = end + 2;
  }
  return parseCount(found);
}
