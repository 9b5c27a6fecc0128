/** A budget that refills steadily: `rate` units a second, `burst` at most. Pure: times in ms come in with each call. */
export class TokenBucket {
  rate: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  constructor(rate: number, burst: number, now: number) {
    this.rate = rate;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = now;
  }

  /** Takes `amount`; false, and nothing taken, where that much isn't there. */
  take(amount: number, now: number): boolean {
    if (now > this.#at) {
      this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) * this.rate) / 1_000);
      this.#at = now;
    }
    if (amount > this.#tokens) return false;
    this.#tokens -= amount;
    return true;
  }
}
