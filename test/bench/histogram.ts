/** Times in ms, in buckets of 2 % width: a percentile is right to 2 %, and recording costs no memory. */
export class Histogram {
  readonly #buckets = new Uint32Array(1_200);
  count = 0;

  record(ms: number): void {
    const bucket = ms <= floor ? 0 : Math.ceil(Math.log(ms / floor) / logWidth);
    const index = Math.min(bucket, this.#buckets.length - 1);
    this.#buckets[index] = (this.#buckets[index] ?? 0) + 1;
    this.count += 1;
  }

  /** The time that this share (0 to 1) of all recorded stays below. */
  percentile(share: number): number {
    let left = Math.ceil(this.count * share);
    for (let index = 0; index < this.#buckets.length; index++) {
      left -= this.#buckets[index] ?? 0;
      if (left <= 0) return floor * Math.exp(index * logWidth);
    }
    return Number.POSITIVE_INFINITY;
  }

  clear(): void {
    this.#buckets.fill(0);
    this.count = 0;
  }
}

/** The smallest time that is told apart: 1 µs. */
const floor = 0.001;
const logWidth = Math.log(1.02);
