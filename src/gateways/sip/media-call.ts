import type { Outcome } from "../../signaling/device.ts";
import { attribute } from "../../wire/sdp/attributes.ts";
import type { TrickleCandidate } from "../../wire/sdp/candidate.ts";
import { stripCandidates } from "../../wire/sdp/candidates.ts";
import { formatDescription, type SessionDescription } from "../../wire/sdp/description.ts";
import type { Fragment } from "../../wire/sdp/fragment.ts";
import { CallDialog } from "./call-dialog.ts";
import { CandidateInfo, candidateHeaders } from "./candidate-info.ts";
import { CoreSideMedia } from "./core-side-media.ts";
import type { Phone } from "./phone.ts";
import { phoneDescription } from "./phone-description.ts";
import { PhoneSideCandidates } from "./phone-side-candidates.ts";
import type { SipContext } from "./sip-context.ts";

/** A description of a phone, as it is passed on to the core. */
export interface Stripped {
  readonly description: SessionDescription;
  readonly sdp: string;
  readonly candidates: readonly TrickleCandidate[];
}

/** The descriptions of both ends of a call, and their candidates, which go in descriptions or by INFO (RFC 8840). */
export abstract class MediaCall extends CallDialog {
  readonly coreSide: CoreSideMedia;
  session = "";
  /** Both ends know that the call has begun. */
  protected active = false;
  protected pair = 1;
  protected generation = 1;
  protected readonly phoneSideCandidates = new PhoneSideCandidates();
  /** The ICE generation of the phone's candidates, by its ufrag. */
  #phoneSideUfrag: string | undefined;
  readonly #info: CandidateInfo;

  constructor(agent: SipContext, phone: Phone) {
    super(agent, phone);
    this.coreSide = new CoreSideMedia(agent.clock, agent.settings.limits.gatherTimeout);
    this.#info = new CandidateInfo(this.coreSide);
  }

  // To the core

  /** Sends a description of the phone to the core; with its candidates once the session is active. */
  protected tell(description: { type: "offer" | "answer"; sdp: string }, now: number): void {
    const { session, pair, generation } = this;
    this.#followPhoneSide();
    const end = this.trickles ? {} : { endOfCandidates: true };
    const fields = { session, pair, generation, description, ...end };
    this.phone.ask("signal", fields, now, (outcome, later) => this.told(outcome, later));
    this.tellCandidates(now);
  }

  /** The core took a description, or refused it. */
  protected abstract told(outcome: Outcome, now: number): void;

  /** True when the core does not know the generation of the phone's candidates yet. */
  protected abstract get candidatesWait(): boolean;

  /** Sends the core the candidates of the phone that it does not have yet. */
  protected tellCandidates(now: number): void {
    const unheard = this.phoneSideCandidates.take();
    if (unheard === undefined) return;
    const { session, pair, generation } = this;
    const candidates = [...unheard.candidates];
    const fields = {
      session,
      pair,
      generation,
      ...(candidates.length > 0 && { candidates }),
      ...(unheard.end && { endOfCandidates: true }),
    };
    this.phone.ask("signal", fields, now);
  }

  /** Candidates of the phone came by INFO. Those of another generation than its description's are ignored, as too late. */
  protected trickled({ candidates, complete, ufrag }: Fragment, now: number): void {
    this.#followPhoneSide();
    if (ufrag !== undefined && ufrag !== this.#phoneSideUfrag) return;
    this.phoneSideCandidates.add(candidates, complete);
    if (!this.candidatesWait) this.tellCandidates(now);
  }

  /** Begins a new generation if the phone's description has one. */
  #followPhoneSide(): void {
    const ufrag = this.phoneSide && ufragOf(this.phoneSide);
    if (this.#phoneSideUfrag !== undefined && this.#phoneSideUfrag !== ufrag)
      this.phoneSideCandidates.restart();
    this.#phoneSideUfrag = ufrag;
  }

  // To the phone

  /** Calls `done` once a description can be sent to the phone: with all candidates, unless they can follow by INFO. */
  protected whenTellable(now: number, done: (now: number) => void): void {
    if (this.trickles) done(now);
    else this.coreSide.whenGathered(now, done);
  }

  /** A description of the core side for the phone, by default its last one, with the candidates so far. */
  protected coreSideDescription(description = this.coreSide.description): string | undefined {
    if (this.trickles) this.#info.described();
    const sdp = this.coreSide.whole(description, !this.trickles || this.coreSide.complete);
    return sdp === undefined ? undefined : this.toPhone(sdp);
  }

  /** A description of the core side as the phone is told it. */
  protected toPhone(sdp: string): string {
    return sdp;
  }

  /** The phone's answer to the core side's offer, as the core side is told it. */
  protected fromPhone(sdp: string): string {
    return sdp;
  }

  /** Sends a phone with trickle ICE new candidates, once it is known to be in the dialog (RFC 8840 §4.3.1). */
  protected trickle(now: number): void {
    const { flow, dialog } = this;
    if (!this.trickles || !this.active || this.ended) return;
    if (flow === undefined || dialog === undefined || this.unacknowledged !== undefined) return;
    const info = this.#info.next();
    if (info === undefined) return;
    const answered = (later: number, arrived: boolean): void => {
      info.done(arrived);
      if (arrived) this.trickle(later);
    };
    const request = this.inDialog("INFO", flow, candidateHeaders, info.body);
    this.send(
      request,
      flow,
      now,
      (_, later) => answered(later, true),
      (later) => answered(later, false),
    );
  }

  /** Splits a description of the phone into one without candidates, and the candidates. `answered`: for an answer. */
  protected stripped(text: string, answered?: { readonly offer: string | undefined }): Stripped | undefined {
    const parsed = phoneDescription(text, answered);
    if (parsed === undefined || parsed.media.length === 0) return undefined;
    const { description, candidates } = stripCandidates(parsed);
    return { description: parsed, sdp: formatDescription(description), candidates };
  }
}

function ufragOf({ session, media }: SessionDescription): string | undefined {
  for (const lines of [...media.map((section) => section.lines), session]) {
    const ufrag = attribute(lines, "ice-ufrag");
    if (ufrag !== undefined) return ufrag;
  }
  return undefined;
}
