/** Lateness that is kept at most, between two readings. */
const most = 512;

/** How late a timer is, which says how long this thread was busy with other things. Pure. */
export class LagMeter {
  readonly #interval: number;
  #last: number | undefined;
  #late: number[] = [];

  /** `interval`: of the timer that calls {@link tick}, in ms. */
  constructor(interval: number) {
    this.#interval = interval;
  }

  tick(now: number): void {
    if (this.#last !== undefined && this.#late.length < most)
      this.#late.push(Math.max(0, now - this.#last - this.#interval));
    this.#last = now;
  }

  /** The 99th percentile since the last reading, in ms. */
  read(): number {
    const sorted = this.#late.sort((one, other) => one - other);
    this.#late = [];
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))] ?? 0;
  }
}
