import { mostIndexes } from "../rtp/sequence.ts";

/**
 * Which packets of one SSRC were sealed under one key, and with what. With GCM two different packets under one nonce give the
 * authentication key away (RFC 7714 §8.4), so each (SSRC, index) is sealed with the same bytes or not at all.
 */
export class SealedIndexes {
  readonly #span: number;
  /** The index that a slot holds; −1 for none. */
  readonly #indexes: Float64Array;
  readonly #contents: Uint32Array;
  #highest = -1;

  /** `span`: how many packets behind the newest may still be sealed, for reordering and repeats. */
  constructor(span: number) {
    this.#span = span;
    this.#indexes = new Float64Array(span).fill(-1);
    this.#contents = new Uint32Array(span);
  }

  /** The highest index that was sealed; −1 before the first. */
  get highest(): number {
    return this.#highest;
  }

  /**
   * True when a packet of this content may be sealed under the index, and takes note of it. `content`: a number that differs where the bytes
   * differ.
   */
  admit(index: number, content: number): boolean {
    if (!Number.isInteger(index) || index < 0 || index >= mostIndexes) return false;
    if (index <= this.#highest - this.#span) return false;
    const slot = index % this.#span;
    if (this.#indexes[slot] === index) return this.#contents[slot] === content >>> 0;
    this.#indexes[slot] = index;
    this.#contents[slot] = content;
    if (index > this.#highest) this.#highest = index;
    return true;
  }
}
