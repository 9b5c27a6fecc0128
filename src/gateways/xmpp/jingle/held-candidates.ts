import type { Candidate } from "../../../protocol/values.ts";

/** Candidates of each end that are kept until the other one can take them. */
const mostKept = 64;

/** Candidates of one end on their way to the other, which may not have the description yet that they belong to. */
export class HeldCandidates {
  #candidates: Candidate[] = [];
  #complete = false;

  /** Adds candidates. `complete`, or an empty one: no more come. What is over the bound is dropped. */
  add(candidates: readonly Candidate[], complete = false): void {
    this.#complete ||= complete;
    for (const one of candidates)
      if (one.candidate === "") this.#complete = true;
      else if (this.#candidates.length < mostKept) this.#candidates.push(one);
  }

  /** Takes what is there. Undefined where that is nothing. */
  take(): { readonly candidates: readonly Candidate[]; readonly complete: boolean } | undefined {
    const [candidates, complete] = [this.#candidates, this.#complete];
    this.clear();
    return candidates.length > 0 || complete ? { candidates, complete } : undefined;
  }

  clear(): void {
    this.#candidates = [];
    this.#complete = false;
  }
}
