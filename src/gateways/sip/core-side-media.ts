import type { Candidate, Description } from "../../protocol/values.ts";
import type { Deadline } from "../../shared/deadlines.ts";
import { addCandidates, withDefaultCandidates } from "../../wire/sdp/candidates.ts";
import { formatDescription, parseDescription, type SessionDescription } from "../../wire/sdp/description.ts";
import { setupOf, withRole } from "../../wire/sdp/local-answer.ts";
import type { Clock } from "./clock.ts";

type DtlsRole = "active" | "passive";

const roleOf = (setup: string | undefined): DtlsRole | undefined =>
  setup === "active" || setup === "passive" ? setup : undefined;

/** Candidates of one generation that are kept. */
const mostCandidates = 64;

/**
 * The core side's media: its last description and the candidates of the current ICE generation, put together for phones without
 * trickle ICE (half trickle, RFC 8838 §16).
 */
export class CoreSideMedia {
  readonly #clock: Clock;
  readonly #gatherTimeout: number;
  #description: Description | undefined;
  #candidates: Candidate[] = [];
  #complete = false;
  #generation = 0;
  #role: DtlsRole | undefined;
  /** What was agreed on before the offer or the restart that is under way. */
  #agreed: Pick<CoreSideMedia, "description" | "candidates" | "complete"> | undefined;
  #waiting: { readonly done: (now: number) => void; readonly timer: Deadline } | undefined;

  /** `gatherTimeout`: how long to wait for candidates after their description, in ms. */
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

  /** True when all candidates are there. */
  get complete(): boolean {
    return this.#complete;
  }

  /** The number of restarts so far. */
  get generation(): number {
    return this.#generation;
  }

  /** Begins another generation, or another core side: drops the candidates. */
  restart(): void {
    this.#depart();
    this.#candidates = [];
    this.#complete = false;
    this.#generation += 1;
    this.cancel();
  }

  /** Another device takes the core side's place: its transport is a new one. */
  replace(): void {
    this.#role = undefined;
    this.restart();
  }

  describe(description: Description): void {
    if (description.type === "offer") this.#depart();
    else {
      this.agree();
      const parsed = parseDescription(description.sdp);
      this.#role = roleOf(parsed && setupOf(parsed)) ?? this.#role;
    }
    this.#description = description;
  }

  /** The exchange under way was completed, by the phone's answer if there is one. */
  agree(answer?: SessionDescription): void {
    this.#agreed = undefined;
    const role = roleOf(answer && setupOf(answer));
    if (role !== undefined) this.#role = role === "active" ? "passive" : "active";
  }

  /** The exchange under way came to nothing: what was agreed on before holds again. */
  goBack(): void {
    if (this.#agreed === undefined) return;
    this.#description = this.#agreed.description;
    this.#candidates = [...this.#agreed.candidates];
    this.#complete = this.#agreed.complete;
    this.#agreed = undefined;
  }

  #depart(): void {
    const { description, candidates, complete } = this;
    this.#agreed ??= { description, candidates, complete };
  }

  /** Adds candidates. An empty one, or `end`, means that these are all. */
  gather(candidates: readonly Candidate[], end: boolean, now: number): void {
    for (const one of candidates)
      if (one.candidate === "") this.#complete = true;
      else if (this.#candidates.length < mostCandidates) this.#candidates.push(one);
    if (end) this.#complete = true;
    if (this.#complete) this.#settle(now);
  }

  /** Calls `done` once all candidates are there, or after the time-out. */
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

  /** Stops waiting for candidates. */
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
   * A description with the candidates so far, by default the last one; unchanged if it can't be parsed. `complete`: with
   * end-of-candidates. An offer in mid-call says the DTLS role that was agreed on: baresip takes the other one where it reads `actpass`.
   */
  whole(description = this.#description, complete = true): string | undefined {
    const sdp = description?.sdp;
    const parsed = sdp === undefined ? undefined : parseDescription(sdp);
    if (parsed === undefined) return sdp;
    const role = description?.type === "offer" ? this.#role : undefined;
    const settled = {
      session: withRole({ lines: parsed.session }, role).lines,
      media: parsed.media.map((section) => withRole(section, role)),
    };
    return formatDescription(
      withDefaultCandidates(addCandidates(settled, this.#candidates, complete).description),
    );
  }

  #settle(now: number): void {
    const waiting = this.#waiting;
    this.cancel();
    waiting?.done(now);
  }
}
