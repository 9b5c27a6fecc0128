/**
 * A rate with a burst: `burst` at once, and `perSecond` on average (both above 0). One bucket is one number, the
 * time at which it will be full again (the "generic cell rate algorithm", ITU-T I.371).
 */
export class TokenBucket {
  readonly #rate: Rate;
  #fullAt: number;

  constructor(perSecond: number, burst: number, now: number) {
    this.#rate = new Rate(perSecond, burst);
    this.#fullAt = now;
  }

  /** Takes one token; false when there is none. */
  take(now: number): boolean {
    const after = this.#rate.take(this.#fullAt, now);
    if (after === undefined) return false;
    this.#fullAt = after;
    return true;
  }

  /** Whole milliseconds until `take` will succeed. */
  retryAfter(now: number): number {
    return this.#rate.retryAfter(this.#fullAt, now);
  }
}

/**
 * A bucket for each key. Full buckets are forgotten as others are used, and of more than `max` keys the least recently used, so
 * that memory is bounded under any input.
 */
export class TokenBuckets {
  readonly #rate: Rate;
  readonly #max: number;
  /** By key: when the bucket will be full, in order of the last take. */
  readonly #fullAt = new Map<string, number>();

  constructor(perSecond: number, burst: number, max: number) {
    this.#rate = new Rate(perSecond, burst);
    this.#max = max;
  }

  get size(): number {
    return this.#fullAt.size;
  }

  /** Takes tokens from the key's bucket, at most a whole bucket. False when there are not enough. */
  take(key: string, now: number, tokens = 1): boolean {
    this.#forget(now);
    const after = this.#rate.take(this.#fullAt.get(key) ?? now, now, tokens);
    if (after === undefined) return false;
    this.#fullAt.delete(key);
    this.#fullAt.set(key, after);
    return true;
  }

  /** Whole milliseconds until `take` of the key will succeed. */
  retryAfter(key: string, now: number, tokens = 1): number {
    return this.#rate.retryAfter(this.#fullAt.get(key) ?? now, now, tokens);
  }

  /** Forgets up to two full buckets for each take, so that the map shrinks faster than it grows. */
  #forget(now: number): void {
    for (let left = 2; left > 0; left--) {
      const [first] = this.#fullAt;
      if (first === undefined || (first[1] > now && this.#fullAt.size < this.#max)) return;
      this.#fullAt.delete(first[0]);
    }
  }
}

/** A rate and its burst, for whoever keeps the one number of a bucket himself. */
export class Rate {
  /** Milliseconds that one token takes to come back. */
  readonly #cost: number;
  /** Milliseconds that an empty bucket takes to fill. */
  readonly #depth: number;

  constructor(perSecond: number, burst: number) {
    this.#cost = 1_000 / perSecond;
    this.#depth = burst * this.#cost;
  }

  /** When the bucket will be full again after these tokens. Undefined when there are not enough. */
  take(fullAt: number, now: number, tokens = 1): number | undefined {
    const after = this.#current(fullAt, now) + this.#costOf(tokens);
    // Tolerate a fraction of a millisecond, so that rounding never loses a token.
    return after - now > this.#depth + 0.001 ? undefined : after;
  }

  retryAfter(fullAt: number, now: number, tokens = 1): number {
    const after = this.#current(fullAt, now) + this.#costOf(tokens);
    return Math.max(0, Math.ceil(after - now - this.#depth - 0.001));
  }

  #costOf(tokens: number): number {
    return Math.min(tokens * this.#cost, this.#depth);
  }

  /** A clock that was set back must not lock a key out for longer than an empty bucket would. */
  #current(fullAt: number, now: number): number {
    return Math.min(Math.max(fullAt, now), now + this.#depth);
  }
}
