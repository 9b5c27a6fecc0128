import { Rate } from "../shared/token-bucket.ts";

/** The bounds of what one connection may send and leave unread. `Limits` of the protocol and those of a gateway have them. */
export interface FlowLimits {
  readonly requestsPerSecond: number;
  readonly requestsBurst: number;
  readonly bytesPerSecond: number;
  readonly bytesBurst: number;
  readonly sendBuffer: number;
}

/** The bound that a connection went over. */
export type FlowBreach = "requestsPerSecond" | "bytesPerSecond" | "sendBuffer";

/**
 * Messages that a connection may send for each request it may make: acknowledgements, pings, responses, and requests over the rate,
 * which are refused one by one until the connection itself is closed.
 */
export const messagesPerRequest = 2;

/** What the meters of one entrance have in common. */
export class FlowRates {
  readonly messages: Rate;
  readonly bytes: Rate;
  readonly sendBuffer: number;
  readonly #breached: (breach: FlowBreach) => void;

  /** `breached` is called once for each connection that goes over a bound. */
  constructor(limits: FlowLimits, breached: (breach: FlowBreach) => void) {
    const { requestsPerSecond, requestsBurst, bytesPerSecond, bytesBurst, sendBuffer } = limits;
    this.messages = new Rate(requestsPerSecond * messagesPerRequest, requestsBurst * messagesPerRequest);
    this.bytes = new Rate(bytesPerSecond, bytesBurst);
    this.sendBuffer = sendBuffer;
    this.#breached = breached;
  }

  breached(breach: FlowBreach): void {
    this.#breached(breach);
  }
}

/**
 * Counts everything that one connection sends before any of it is parsed, and bounds what waits to be sent to it. Every entrance
 * of the server has one for each connection, and closes the connection at the first `false`; the meter stays false from then on.
 * Pure: the time is an argument, in ms.
 */
export class FlowMeter {
  readonly #rates: FlowRates;
  /** When each bucket will be full again. */
  #messagesFullAt: number;
  #bytesFullAt: number;
  #over = false;

  constructor(rates: FlowRates, now: number) {
    this.#rates = rates;
    this.#messagesFullAt = now;
    this.#bytesFullAt = now;
  }

  /** One whole message of this many bytes (characters, where it came as text). False: the connection floods. */
  message(bytes: number, now: number): boolean {
    return this.#takeMessage(now) && this.bytes(bytes, now);
  }

  /** One message of a stream whose bytes were counted as they came. False: the connection floods. */
  framed(now: number): boolean {
    return this.#takeMessage(now);
  }

  /** Bytes of a stream. False: the connection floods. */
  bytes(count: number, now: number): boolean {
    if (this.#over) return false;
    const after = this.#rates.bytes.take(this.#bytesFullAt, now, count);
    if (after === undefined) return this.#breach("bytesPerSecond");
    this.#bytesFullAt = after;
    return true;
  }

  /** This many bytes wait to be sent. False: the client reads too slowly. */
  waiting(bytes: number): boolean {
    return !this.#over && (bytes <= this.#rates.sendBuffer || this.#breach("sendBuffer"));
  }

  #takeMessage(now: number): boolean {
    if (this.#over) return false;
    const after = this.#rates.messages.take(this.#messagesFullAt, now);
    if (after === undefined) return this.#breach("requestsPerSecond");
    this.#messagesFullAt = after;
    return true;
  }

  #breach(breach: FlowBreach): false {
    this.#over = true;
    this.#rates.breached(breach);
    return false;
  }
}
