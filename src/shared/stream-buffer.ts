/**
 * What has come of a byte stream and is no whole message yet. Its work is in proportion to the bytes, whatever their chunks, and
 * it holds no more than the reader leaves.
 */
export class StreamBuffer {
  /** Its length is its capacity. */
  #bytes: Uint8Array = none;
  #length = 0;

  /** Bytes that wait. */
  get length(): number {
    return this.#length;
  }

  /** What waits and the chunk, in one piece. */
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
   * Of what `with` gave, the rest from `at` on waits. What was read before is never written to again: a reader may have handed
   * out views of it.
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
