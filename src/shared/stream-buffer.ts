/**
 * The bytes of a stream that are not a whole message yet. Its work is proportional to the bytes, however they are split into
 * chunks, and it keeps no more than the reader leaves.
 */
export class StreamBuffer {
  /** The buffer; its length is the capacity. */
  #bytes: Uint8Array = none;
  #length = 0;

  /** The number of bytes that wait. */
  get length(): number {
    return this.#length;
  }

  /** The waiting bytes and the chunk, in one piece. */
  with(chunk: Uint8Array): Uint8Array {
    if (this.#length === 0) return chunk;
    const length = this.#length + chunk.length;
    if (length > this.#bytes.length) {
      const bigger = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      bigger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = bigger;
    }
    this.#bytes.set(chunk, this.#length);
    return this.#bytes.subarray(0, length);
  }

  /**
   * Keeps what `with` gave, from `at` on. The bytes before are never written to again, because the reader may have handed out views
   * of them.
   */
  keep(bytes: Uint8Array, at: number): void {
    if (this.#length === 0 || at > 0) this.#bytes = bytes.slice(at);
    this.#length = bytes.length - at;
  }

  clear(): void {
    this.#bytes = none;
    this.#length = 0;
  }
}

const none = new Uint8Array(0);
