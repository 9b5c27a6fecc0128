import type { Candidate, Description } from "../../protocol/values.ts";
import type { Deadline } from "../../shared/deadlines.ts";
import { addCandidates, withDefaultCandidates } from "../../wire/sdp/candidates.ts";
import { formatDescription, parseDescription } from "../../wire/sdp/description.ts";
import type { Clock } from "./clock.ts";

/** Candidates of one generation that are kept. */
const mostCandidates = 64;

/**
 * What the other end of a call has said of its media: its last description, and the candidates of the current ICE generation,
 * put together for a phone that takes no trickle (half trickle, RFC 8838 §16).
 */
export class CoreSideMedia {
  readonly #clock: Clock;
  readonly #gatherTimeout: number;
  #description: Description | undefined;
  #candidates: Candidate[] = [];
  #complete = false;
  #generation = 0;
  #waiting: { readonly done: (now: number) => void; readonly timer: Deadline } | undefined;

  /** `gatherTimeout`: how long candidates are waited for after their description, in ms. */
  constructor(clock: Clock, gatherTimeout: number) {
    this.#clock = clock;
    this.#gatherTimeout = gatherTimeout;
  }

  get described(): boolean {
    return this.#description !== undefined;
  }

  /** True when there are candidates to tell. */
  get hasCandidates(): boolean {
    return this.#candidates.length > 0;
  }

  get candidates(): readonly Candidate[] {
    return this.#candidates;
  }

  /** True when there are no more. */
  get complete(): boolean {
    return this.#complete;
  }

  /** Counts the restarts. */
  get generation(): number {
    return this.#generation;
  }

  /** Another generation, or another core side: what was gathered is void. */
  restart(): void {
    this.#candidates = [];
    this.#complete = false;
    this.#generation += 1;
    this.cancel();
  }

  describe(description: Description): void {
    this.#description = description;
  }

  /** More candidates; an empty one and `end` say that these are all. */
  gather(candidates: readonly Candidate[], end: boolean, now: number): void {
    for (const one of candidates)
      if (one.candidate === "") this.#complete = true;
      else if (this.#candidates.length < mostCandidates) this.#candidates.push(one);
    if (end) this.#complete = true;
    if (this.#complete) this.#settle(now);
  }

  /** Calls back once all candidates are there, or were waited for long enough. */
  whenGathered(now: number, done: (now: number) => void): void {
    this.cancel();
    if (this.#complete) {
      done(now);
      return;
    }
    this.#waiting = {
      done,
      timer: this.#clock.after(this.#gatherTimeout, now, (later) => this.#settle(later)),
    };
  }

  /** Nobody waits for candidates any more. */
  cancel(): void {
    this.#waiting?.timer.cancel();
    this.#waiting = undefined;
  }

  /** The description as it was sent. */
  get plain(): string | undefined {
    return this.#description?.sdp;
  }

  /** The last description, as it was sent. */
  get description(): Description | undefined {
    return this.#description;
  }

  /**
   * A description with the candidates so far, by default the last one; as it was sent where it is not understood. `complete`: it
   * says that there are no more.
   */
  whole(description = this.#description, complete = true): string | undefined {
    const sdp = description?.sdp;
    const parsed = sdp === undefined ? undefined : parseDescription(sdp);
    if (parsed === undefined) return sdp;
    return formatDescription(
      withDefaultCandidates(addCandidates(parsed, this.#candidates, complete).description),
    );
  }

  #settle(now: number): void {
    const waiting = this.#waiting;
    this.cancel();
    waiting?.done(now);
  }
}
