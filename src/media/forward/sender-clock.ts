/** How a source's RTP clock relates to its sender's wall clock, by its last sender report (RFC 3550 §6.4.1). */
export class SenderClock {
  readonly rate: number;
  /** The report's NTP time in ms, its RTP timestamp, and when it came; NaN before the first. */
  #ntp = Number.NaN;
  #timestamp = 0;
  #at = 0;

  constructor(rate: number) {
    this.rate = rate;
  }

  get known(): boolean {
    return !Number.isNaN(this.#ntp);
  }

  report(ntpSeconds: number, ntpFraction: number, timestamp: number, now: number): void {
    this.#ntp = ntpSeconds * 1_000 + (ntpFraction * 1_000) / 2 ** 32;
    this.#timestamp = timestamp;
    this.#at = now;
  }

  /** The sender's wall clock now, in ms since 1900. */
  ntpAt(now: number): number {
    return this.#ntp + now - this.#at;
  }

  /** The sender's wall clock at an RTP timestamp. */
  ntpOf(timestamp: number): number {
    return this.#ntp + (((timestamp - this.#timestamp) | 0) * 1_000) / this.rate;
  }

  /** The RTP timestamp at a time of the sender's wall clock. */
  timestampAt(ntp: number): number {
    return (this.#timestamp + Math.round(((ntp - this.#ntp) * this.rate) / 1_000)) >>> 0;
  }
}
