import type { ReportBlock } from "./rtcp.ts";
import { timestampDistance } from "./sequence.ts";

/** What a receiver reports of one source (RFC 3550 §6.4.1, §A.3, §A.8). Pure: times in ms come in with each call. */
export class Reception {
  readonly #ssrc: number;
  readonly #clockRate: number;
  #first = -1;
  #highest = -1;
  #received = 0;
  #expectedBefore = 0;
  #receivedBefore = 0;
  #jitter = 0;
  #transit: number | undefined;
  #lastTimestamp = 0;
  #lastReport = 0;
  #lastReportAt = 0;

  constructor(ssrc: number, clockRate: number) {
    this.#ssrc = ssrc;
    this.#clockRate = clockRate;
  }

  /** `sequence`: extended. */
  packet(sequence: number, timestamp: number, now: number): void {
    if (this.#first < 0) this.#first = sequence;
    if (sequence > this.#highest) this.#highest = sequence;
    this.#received++;
    const arrival = (now * this.#clockRate) / 1_000;
    if (this.#transit !== undefined) {
      const difference = arrival - this.#transit - timestampDistance(timestamp, this.#lastTimestamp);
      this.#jitter += (Math.abs(difference) - this.#jitter) / 16;
    }
    this.#transit = arrival;
    this.#lastTimestamp = timestamp;
  }

  /** A sender report of the source came. */
  senderReport(ntpSeconds: number, ntpFraction: number, now: number): void {
    this.#lastReport = (((ntpSeconds & 0xffff) << 16) | (ntpFraction >>> 16)) >>> 0;
    this.#lastReportAt = now;
  }

  /** The block for the next report; undefined before the first packet. */
  report(now: number): ReportBlock | undefined {
    if (this.#first < 0) return undefined;
    const expected = this.#highest - this.#first + 1;
    const expectedNow = expected - this.#expectedBefore;
    const lostNow = expectedNow - (this.#received - this.#receivedBefore);
    this.#expectedBefore = expected;
    this.#receivedBefore = this.#received;
    const fraction = expectedNow <= 0 || lostNow <= 0 ? 0 : Math.floor((256 * lostNow) / expectedNow);
    return {
      ssrc: this.#ssrc,
      fractionLost: Math.min(255, fraction),
      lost: expected - this.#received,
      highest: this.#highest >>> 0,
      jitter: Math.min(0xffffffff, Math.round(this.#jitter)),
      lastReport: this.#lastReport,
      sinceLastReport: this.#lastReport === 0 ? 0 : Math.round((now - this.#lastReportAt) * 65.536) >>> 0,
    };
  }
}
