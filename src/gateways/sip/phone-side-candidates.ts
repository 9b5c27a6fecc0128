import type { TrickleCandidate } from "../../wire/sdp/candidate.ts";

/** The most candidates of one generation that are taken from a phone. */
const most = 64;

/** Candidates of a phone that the core does not have yet. */
export interface Unheard {
  readonly candidates: readonly TrickleCandidate[];
  /** True when these are the last. */
  readonly end: boolean;
}

/**
 * A phone's candidates of its current ICE generation. It repeats all of them in each INFO (RFC 8840 §4.4); the core gets each
 * once.
 */
export class PhoneSideCandidates {
  readonly #known = new Set<string>();
  #unheard: TrickleCandidate[] = [];
  #end = false;
  #endHeard = false;

  /** Begins another generation, without the candidates of the last one. */
  restart(): void {
    this.#known.clear();
    this.#unheard = [];
    this.#end = false;
    this.#endHeard = false;
  }

  /** Adds candidates. `end`: these are all. */
  add(candidates: readonly TrickleCandidate[], end: boolean): void {
    for (const one of candidates) {
      const key = `${one.sdpMid} ${one.candidate}`;
      if (this.#known.has(key) || this.#known.size === most) continue;
      this.#known.add(key);
      this.#unheard.push(one);
    }
    this.#end ||= end;
  }

  /** Takes the candidates that were not taken before. Undefined if there is nothing new. */
  take(): Unheard | undefined {
    const end = this.#end && !this.#endHeard;
    if (this.#unheard.length === 0 && !end) return undefined;
    const candidates = this.#unheard;
    this.#unheard = [];
    this.#endHeard ||= end;
    return { candidates, end };
  }
}
