const maxTimeout = 1_000;

/**
 * When a flight is due again (RFC 6347 §4.2.4.1). The timeout doubles with each repeat by the timer, up to 1 s; a new flight starts over.
 * The RFC suggests to begin with 1 s; WebRTC's implementations begin with 50 ms, as a person waits for the handshake.
 */
export class Retransmission {
  readonly #initial: number;
  #timeout: number;
  #sentAt = Number.NEGATIVE_INFINITY;
  #running = false;

  constructor(initialTimeout: number) {
    this.#initial = initialTimeout;
    this.#timeout = initialTimeout;
  }

  /** When the flight is due; undefined when no answer is awaited. */
  get dueAt(): number | undefined {
    return this.#running ? this.#sentAt + this.#timeout : undefined;
  }

  /** Begins anew for another flight, which has not been sent. */
  reset(awaitsAnswer: boolean): void {
    this.#timeout = this.#initial;
    this.#sentAt = Number.NEGATIVE_INFINITY;
    this.#running = awaitsAnswer;
  }

  /** The flight was sent just now. */
  sent(now: number): void {
    this.#sentAt = now;
  }

  backOff(): void {
    this.#timeout = Math.min(2 * this.#timeout, maxTimeout);
  }

  /** Whether a repeat of the peer may be answered: the flight was last sent at least the first timeout ago. */
  mayAnswer(now: number): boolean {
    return now - this.#sentAt >= this.#initial;
  }

  stop(): void {
    this.#running = false;
  }
}
