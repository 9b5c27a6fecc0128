/** Ms of one reading. */
const window = 500;

/** Measures a rate in bit/s: the mean of the last two readings of half a second. Pure: times in ms come in with each call. */
export class RateMeter {
  #bytes = 0;
  #count = 0;
  #since = -1;
  #last = -1;
  #rate = 0;
  #countRate = 0;

  /** Bits per second. */
  get rate(): number {
    return this.#rate;
  }

  /** Calls of `count` per second. */
  get countRate(): number {
    return this.#countRate;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }

  count(): void {
    this.#count++;
  }

  /** Takes a reading when it is time for one. Call it often. */
  tick(now: number): void {
    if (this.#since < 0) this.#since = now;
    const elapsed = now - this.#since;
    if (elapsed < window) return;
    const rate = (8_000 * this.#bytes) / elapsed;
    const countRate = (1_000 * this.#count) / elapsed;
    const first = this.#last < 0;
    this.#rate = first ? rate : (rate + this.#last) / 2;
    this.#countRate = first ? countRate : (countRate + this.#countRate) / 2;
    this.#last = rate;
    this.#bytes = 0;
    this.#count = 0;
    this.#since = now;
  }
}
