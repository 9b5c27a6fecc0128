import { mostIndexes } from "../rtp/sequence.ts";

const none = new Uint32Array(0);

/**
 * Which packets of one SSRC were sealed under one key, and with what. With GCM two different packets under one nonce give the
 * authentication key away (RFC 7714 §8.4), so each (SSRC, index) is sealed with the same bytes or not at all.
 */
export class SealedIndexes {
  readonly #span: number;
  /** Two words of each slot: the lower half of the index that it holds, and its content. */
  readonly #slots: Uint32Array;
  #highest = -1;

  /**
   * `span`: how many packets behind the newest may still be sealed, for reordering and repeats: a power of two, or 0 where indexes only rise. Throws
   * a RangeError for another one.
   */
  constructor(span: number) {
    if (span !== 0 && !(span >= 2 && span <= 0x10000 && (span & (span - 1)) === 0))
      throw new RangeError(`a span is 0 or a power of two from 2 to 65,536, not ${span}`);
    this.#span = span;
    this.#slots = span === 0 ? none : new Uint32Array(2 * span);
    // An index whose place is another slot: none that is looked for here.
    for (let slot = 0; slot < span; slot++) this.#slots[2 * slot] = slot ^ 1;
  }

  /** False where indexes only rise. */
  get repeats(): boolean {
    return this.#span > 0;
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
    const rises = index > this.#highest;
    if (!rises && index <= this.#highest - this.#span) return false;
    if (this.#span > 0) {
      const at = 2 * (index % this.#span);
      // One that lies 2^32 packets behind is taken for this one, and refused: that is safe.
      if (this.#slots[at] === index >>> 0) {
        if (this.#slots[at + 1] !== content >>> 0) return false;
      } else {
        this.#slots[at] = index;
        this.#slots[at + 1] = content;
      }
    }
    if (rises) this.#highest = index;
    return true;
  }
}
