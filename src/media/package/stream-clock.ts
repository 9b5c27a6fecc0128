import { timestampDistance } from "../../wire/rtp/sequence.ts";

/** Media times begin here, in s, so that a track that turns out to be earlier than the first one still fits. */
const firstTime = 10;
/** Beyond this, in s, a sender report makes no sense, and timestamps that jump, or run ahead of their arrival, begin anew. */
const [mostDrift, mostJump, mostReordering] = [10, 10, 0.5];

/** What maps RTP timestamps to a sender's wall clock: `SenderClock`. */
interface ReportedClock {
  readonly known: boolean;
  ntpOf(timestamp: number): number;
}

/** One time for all tracks of a stream, by the publisher's clock where it is known, else by when packets came. */
export class StreamClock {
  #arrival: number | undefined;
  #ntp: number | undefined;

  /** Unix time in ms of media time 0, by our own clock; undefined before the first packet. */
  get origin(): number | undefined {
    return this.#arrival === undefined ? undefined : this.#arrival - firstTime * 1_000;
  }

  /** Another publisher has another clock; media time goes on. */
  anotherPublisher(): void {
    this.#ntp = undefined;
  }

  byArrival(arrival: number): number {
    this.#arrival ??= arrival;
    return firstTime + (arrival - this.#arrival) / 1_000;
  }

  /** Media time in s by the publisher's clock; undefined where that is unknown, or nonsense. */
  byReports(clock: ReportedClock, timestamp: number, arrival: number): number | undefined {
    if (!clock.known) return undefined;
    const ntp = clock.ntpOf(timestamp);
    const arrived = this.byArrival(arrival);
    this.#ntp ??= ntp - arrived * 1_000;
    const time = (ntp - this.#ntp) / 1_000;
    return Math.abs(time - arrived) < mostDrift ? time : undefined;
  }
}

/** Media times of one track, in units of its timescale, which is its RTP clock rate. */
export class TrackClock {
  readonly #stream: StreamClock;
  readonly #rate: number;
  #timestamp = 0;
  #time: number | undefined;

  constructor(stream: StreamClock, rate: number) {
    this.#stream = stream;
    this.#rate = rate;
  }

  /**
   * When a frame is shown. `correct`: moves the track to where the publisher's clock has it. Undefined for a frame that is earlier than the one
   * before it.
   */
  at(timestamp: number, clock: ReportedClock, arrival: number, correct: boolean): number | undefined {
    const step = this.#time === undefined ? 0 : timestampDistance(timestamp, this.#timestamp);
    const jumped =
      step > mostJump * this.#rate ||
      step < -mostReordering * this.#rate ||
      // Each silence up to here is filled, so steps that are faster than time must not add up.
      ((this.#time ?? 0) + step) / this.#rate > this.#stream.byArrival(arrival) + mostDrift;
    if (this.#time !== undefined && !jumped && step < 0) return undefined;
    this.#timestamp = timestamp;
    if (this.#time === undefined || jumped || correct) {
      const reported = this.#stream.byReports(clock, timestamp, arrival);
      const anew = this.#time === undefined || jumped;
      const time = reported ?? (anew ? this.#stream.byArrival(arrival) : undefined);
      if (time !== undefined) {
        this.#time = Math.round(time * this.#rate);
        return this.#time;
      }
    }
    this.#time = (this.#time ?? 0) + step;
    return this.#time;
  }
}
