/** What to do about a connection in trouble: restart ICE, or give up. */
export type RecoveryStep = "restart" | "fail";

const patience = 30_000;
const atOnce = [0, 5_000, 15_000];

/**
 * Decides when to restart ICE for a pair that does not connect, or no longer. Pure. It restarts 2 s after `disconnected`, at once
 * after `failed`, again 5 and 10 s later, and gives up after 30 s during which both ends' links were up: without the links no
 * restart can get through, and the call waits. A first connection gets one restart, after 10 s. Both ends count like this: a
 * restart by either one takes the place of those that this end would make within 4 s, which would end it half-way.
 */
export class Recovery {
  #links = true;
  /** Since when the pair is in trouble, if it is. */
  #since: number | undefined;
  /** When to restart, as long as it is. */
  #restarts: number[] = [];

  /** The pair begins to connect. */
  start(now: number): void {
    this.#trouble(now, [10_000]);
  }

  /** The connection's state changed. */
  state(state: RTCPeerConnectionState, now: number): void {
    if (state === "connected") this.#since = undefined;
    else if (state === "failed") this.#trouble(now, atOnce);
    else if (state === "disconnected" && this.#since === undefined)
      this.#trouble(now, [2_000, 7_000, 17_000]);
  }

  /** Both ends' links to the server are up, or one is not. */
  links(up: boolean, now: number): void {
    const back = up && !this.#links;
    this.#links = up;
    if (!back || this.#since === undefined) return;
    this.#since = now;
    this.#trouble(now, atOnce);
  }

  /** Either end has restarted ICE. */
  restarted(now: number): void {
    this.#restarts = this.#restarts.filter((at) => at > now + 4_000);
  }

  get nextDeadline(): number | undefined {
    if (this.#since === undefined || !this.#links) return undefined;
    return Math.min(...this.#restarts, this.#since + patience);
  }

  /** To be called when the deadline came. */
  tick(now: number): RecoveryStep | undefined {
    const at = this.nextDeadline;
    if (at === undefined || now < at) return undefined;
    if (now >= (this.#since as number) + patience) {
      this.#since = undefined;
      return "fail";
    }
    this.#restarts.shift();
    return "restart";
  }

  #trouble(now: number, restarts: readonly number[]): void {
    this.#since ??= now;
    this.#restarts = restarts.map((after) => now + after);
  }
}
