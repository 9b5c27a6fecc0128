import { writeU16, writeU32 } from "../bytes.ts";
import { headerBytes, magicCookie } from "./message.ts";
import { type MessageClass, messageType } from "./message-type.ts";

/** Builds one message: attributes in the order of the calls, padded with zeros. */
export class MessageWriter {
  #bytes: Uint8Array;
  #length = headerBytes;

  /**
   * The transaction id has 12 bytes, or 16 of a message without a cookie (RFC 3489). `room` is a guess of the final size; it
   * grows where that is too small.
   */
  constructor(ofMethod: number, ofClass: MessageClass, transactionId: Uint8Array, room = 256) {
    this.#bytes = new Uint8Array(room);
    writeU16(this.#bytes, 0, messageType(ofMethod, ofClass));
    writeU32(this.#bytes, 4, magicCookie);
    this.#bytes.set(transactionId, headerBytes - transactionId.length);
  }

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  add(type: number, value: Uint8Array): this {
    this.reserve(type, value.length).set(value);
    return this;
  }

  /** Adds an attribute of so many bytes and gives its value to be filled in. */
  reserve(type: number, length: number): Uint8Array {
    const start = this.#length + 4;
    const end = (start + length + 3) & ~3;
    if (end > this.#bytes.length) this.#grow(end);
    writeU16(this.#bytes, this.#length, type);
    writeU16(this.#bytes, this.#length + 2, length);
    this.#length = end;
    writeU16(this.#bytes, 2, end - headerBytes);
    return this.#bytes.subarray(start, start + length);
  }

  /** The message as it is now: a view that the next attribute may leave behind. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(least: number): void {
    const bigger = new Uint8Array(Math.max(least, this.#bytes.length * 2));
    bigger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = bigger;
  }
}
