const size = 64;

/**
 * Which of the last 64 record sequence numbers were received (RFC 6347 §4.1.2.6). `fresh` is asked before a record is authenticated,
 * `mark` is called after, so a forged record moves nothing.
 */
export class ReplayWindow {
  /** The highest number marked. */
  #last = -1;
  /** Bit n is set when `#last - n` was marked. */
  #seen = 0n;

  /** False for numbers that were marked, or that are too old to tell. */
  fresh(sequence: number): boolean {
    const age = this.#last - sequence;
    return age < 0 || (age < size && ((this.#seen >> BigInt(age)) & 1n) === 0n);
  }

  mark(sequence: number): void {
    const age = this.#last - sequence;
    if (age >= size) return;
    if (age >= 0) {
      this.#seen |= 1n << BigInt(age);
      return;
    }
    this.#seen = -age >= size ? 1n : BigInt.asUintN(size, (this.#seen << BigInt(-age)) | 1n);
    this.#last = sequence;
  }
}
