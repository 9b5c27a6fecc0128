/** Failures in a row after which nothing more is tried for a while. */
const failuresToOpen = 5;
/** How long nothing is tried; twice as long after each probe that fails, up to the second. ms */
const [shortestPause, longestPause] = [1_000, 30_000];

/**
 * Keeps a server from waiting for a peer that is down: after five failures in a row it is *open*, and nobody is let through. After a
 * pause it is *half open*: one request is let through as a probe, and its outcome closes or opens it again. Times are ms.
 */
export class CircuitBreaker {
  #failures = 0;
  #pause = shortestPause;
  #opensUntil: number | undefined;
  #probing = false;

  get state(): "closed" | "open" | "half-open" {
    if (this.#opensUntil === undefined) return "closed";
    return this.#probing ? "half-open" : "open";
  }

  /** True when a request may be tried: then its outcome must be told. */
  admits(now: number): boolean {
    if (this.#opensUntil === undefined) return true;
    if (this.#probing || now < this.#opensUntil) return false;
    this.#probing = true;
    return true;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#pause = shortestPause;
    this.#opensUntil = undefined;
    this.#probing = false;
  }

  failed(now: number): void {
    this.#failures += 1;
    if (this.#probing) this.#pause = Math.min(this.#pause * 2, longestPause);
    // What was under way when it opened says nothing new.
    else if (this.#opensUntil !== undefined || this.#failures < failuresToOpen) return;
    this.#probing = false;
    this.#opensUntil = now + this.#pause;
  }
}
