import type { TrickleCandidate } from "../../wire/sdp/candidate.ts";

/** Candidates of one generation that are taken from a phone. */
const most = 64;

/** What the core is to hear of a phone's candidates. */
export interface Unheard {
  readonly candidates: readonly TrickleCandidate[];
  /** True when there are no more. */
  readonly end: boolean;
}

/** A phone's candidates of its current ICE generation: it says all of them again in each INFO (RFC 8840 §4.4), the core hears each once. */
export class PhoneSideCandidates {
  readonly #known = new Set<string>();
  #unheard: TrickleCandidate[] = [];
  #end = false;
  #endHeard = false;

  /** Another generation: those of the last one are void. */
  restart(): void {
    this.#known.clear();
    this.#unheard = [];
    this.#end = false;
    this.#endHeard = false;
  }

  /** `end`: these are all. */
  add(candidates: readonly TrickleCandidate[], end: boolean): void {
    for (const one of candidates) {
      const key = `${one.sdpMid} ${one.candidate}`;
      if (this.#known.has(key) || this.#known.size === most) continue;
      this.#known.add(key);
      this.#unheard.push(one);
    }
    this.#end ||= end;
  }

  /** What was not taken before; undefined for nothing. */
  take(): Unheard | undefined {
    const end = this.#end && !this.#endHeard;
    if (this.#unheard.length === 0 && !end) return undefined;
    const candidates = this.#unheard;
    this.#unheard = [];
    this.#endHeard ||= end;
    return { candidates, end };
  }
}
