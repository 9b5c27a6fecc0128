import type { PushOf } from "../../protocol/pushes.ts";
import type { Capabilities } from "../../protocol/values.ts";
import type { Deadline } from "../../shared/deadlines.ts";
import type { Outcome } from "../../signaling/device.ts";
import { formatDescription, parseDescription, type SessionDescription } from "../../wire/sdp/description.ts";
import { type OfferChange, offerChange } from "../../wire/sdp/offer-change.ts";
import { canAnswerOnBehalf, courseOf } from "../answer-on-behalf.ts";
import { CoreSideOffers } from "./core-side-offers.ts";
import { bodyText, type HeaderEntry } from "./message.ts";
import { phoneDescription } from "./phone-description.ts";
import type { ServerTransaction } from "./server-transaction.ts";

const cannotBeAsked: HeaderEntry = [
  "Warning",
  '399 switchboard "the other device can not change this in a call"',
];

const refusedOffer: HeaderEntry = ["Warning", '399 switchboard "the other device can not use this offer"'];

/** An offer of the phone that was not answered yet. */
interface PhoneSideOffer {
  readonly transaction: ServerTransaction;
  readonly sdp: string;
  readonly timer: Deadline;
  /** The phone's description before the offer. */
  readonly before: SessionDescription | undefined;
  /** The core side has answered. The answer waits for its candidates. */
  answered: boolean;
}

/**
 * Offers and answers of a call, between the phone's dialog and the pair of the core's session.
 *
 * One offer is on its way at a time. In glare the core's rule holds, by which the session's offerer is the impolite end: if the
 * core side is impolite, the phone's offer is refused with 491; if it is polite, its own offer gives way.
 */
export abstract class NegotiatedCall extends CoreSideOffers {
  #phoneSideOffer: PhoneSideOffer | undefined;
  /** The state before a move, to return to if that fails. */
  #before:
    | { readonly pair: number; readonly generation: number; readonly coreSideIsPolite: boolean }
    | undefined;
  /** Called when the generation comes that the phone's offer has asked for. */
  #restarting: (() => void) | undefined;

  /** The core side's first description came: the answer to the phone's offer, or the offer to ring the phone with. */
  protected abstract firstDescribed(type: "offer" | "answer", now: number): void;
  /** True where the core side makes the first offer, to a phone that calls. */
  protected abstract get coreSideFirst(): boolean;
  /** The capabilities of the core side, as far as this node knows them. */
  protected abstract get coreSideCapabilities(): Capabilities;

  /** True while an offer is on its way, or an answer waits for its ACK. */
  protected get busy(): boolean {
    return (
      this.#phoneSideOffer !== undefined ||
      this.coreSideOffer !== undefined ||
      this.unacknowledged !== undefined
    );
  }

  protected override get unchanged(): string | undefined {
    return this.busy ? undefined : this.coreSideDescription();
  }

  // What the core says of the pair

  protected signaled(push: Omit<PushOf<"signal">, "seq">, now: number): void {
    if (push.pair !== this.pair || push.generation !== this.generation) return;
    const { description, candidates = [], endOfCandidates = false, refused } = push;
    if (refused !== undefined) this.#coreSideRefused(now);
    if (description !== undefined) {
      this.coreSide.describe(description);
      if (description.type === "answer") this.#coreSideAnswered(now);
      else if (this.active) this.coreSideOffered(now);
      else if (this.ownsCallId || this.coreSideFirst) this.firstDescribed("offer", now);
      // It has answered, and offers again before the phone has the answer.
      else this.coreSideOffer = { phase: "waiting" };
    }
    if (candidates.length === 0 && !endOfCandidates) return;
    this.coreSide.gather(candidates, endOfCandidates, now);
    this.trickle(now);
  }

  protected restarted(generation: number): void {
    this.generation = generation;
    this.coreSide.restart();
    const then = this.#restarting;
    this.#restarting = undefined;
    then?.();
  }

  /** The core side may have missed the phone's offer: sends it again. */
  protected resync(now: number): void {
    if (this.#phoneSideOffer !== undefined) this.tell({ type: "offer", sdp: this.#phoneSideOffer.sdp }, now);
  }

  /** The core side moves to another device, which makes an offer: the phone's only connection switches to that device. */
  protected pairOpened(push: Omit<PushOf<"pair">, "seq">): void {
    this.#before = { pair: this.pair, generation: this.generation, coreSideIsPolite: this.coreSideIsPolite };
    this.pair = push.pair;
    this.generation = push.generation;
    this.coreSideIsPolite = push.offer;
    this.dropCoreSideOffer();
    this.coreSide.replace();
  }

  /** The move failed. The former device restarts ICE when its media fails. */
  protected moveFailed(pair: number): void {
    if (pair === this.pair && this.#before !== undefined) Object.assign(this, this.#before);
  }

  // Offers of the phone

  /** A re-INVITE or UPDATE of the phone with an offer. */
  protected phoneSideOffered(transaction: ServerTransaction, now: number): void {
    const text = bodyText(transaction.request);
    const offer = text === undefined ? undefined : phoneDescription(text);
    if (offer === undefined) {
      this.respond(transaction, 488, now);
      return;
    }
    const sdp = formatDescription(offer);
    // Two offers of the phone are not glare (RFC 3261 §14.2, RFC 3311 §5.2).
    if (this.#phoneSideOffer !== undefined) {
      this.respond(transaction, 500, now, [["Retry-After", "1"]]);
      return;
    }
    const coreSideFirst =
      this.coreSideOffer !== undefined && (this.coreSideOffer.phase === "sent" || !this.coreSideIsPolite);
    if (coreSideFirst || this.unacknowledged !== undefined) {
      this.respond(transaction, 491, now);
      return;
    }
    const before = this.phoneSide;
    const change = before === undefined ? "media-change" : offerChange(before, offer);
    if (this.#answersOnBehalf(transaction, offer, change, now)) return;
    this.dropCoreSideOffer();
    const timer = this.agent.clock.after(this.agent.settings.limits.answerTimeout, now, (later) => {
      this.#withdrawPhoneSideOffer();
      this.respond(transaction, 500, later, [["Retry-After", "1"]]);
    });
    this.#phoneSideOffer = { transaction, sdp, timer, before, answered: false };
    this.phoneSide = offer;
    if (change !== "ice-restart") {
      this.tell({ type: "offer", sdp }, now);
      return;
    }
    const { session, pair, generation } = this;
    this.#restarting = () => this.tell({ type: "offer", sdp }, now);
    this.phone.ask("restart", { session, pair, generation }, now, (outcome, later) => {
      if (!("error" in outcome)) return;
      // The core side restarts at the same moment, and comes first.
      this.#restarting = undefined;
      const refused = this.#withdrawPhoneSideOffer();
      if (refused !== undefined) this.respond(refused, 491, later);
    });
  }

  /** Answers or refuses an offer to a core side that can't be asked. False if it can be asked. */
  #answersOnBehalf(
    transaction: ServerTransaction,
    offer: SessionDescription,
    change: OfferChange,
    now: number,
  ): boolean {
    const whole = this.coreSide.whole();
    const text = whole === undefined ? undefined : this.toPhone(whole);
    const last = text === undefined ? undefined : parseDescription(text);
    // The core side does not know the sections that were rejected on its behalf.
    const known = last?.media.length === offer.media.length;
    const asks = change === "direction-only" && !known ? "media-change" : change;
    const course = courseOf(this.coreSideCapabilities, asks);
    if (course === "ask") return false;
    const stands = course === "answer" && last !== undefined && canAnswerOnBehalf(offer, last);
    const sdp = stands ? this.answerOnBehalf.answer(offer, last) : undefined;
    if (sdp === undefined) {
      this.respond(transaction, 488, now, [cannotBeAsked]);
      return true;
    }
    this.phoneSide = offer;
    this.dialog?.refresh(transaction.request);
    this.accept(transaction, sdp, now);
    return true;
  }

  /** Drops the phone's offer. */
  #withdrawPhoneSideOffer(): ServerTransaction | undefined {
    if (this.#phoneSideOffer !== undefined) this.phoneSide = this.#phoneSideOffer.before;
    return this.#dropNearOffer();
  }

  #dropNearOffer(): ServerTransaction | undefined {
    const offer = this.#phoneSideOffer;
    offer?.timer.cancel();
    this.#phoneSideOffer = undefined;
    return offer?.transaction;
  }

  #coreSideAnswered(now: number): void {
    if (!this.active) this.firstDescribed("answer", now);
    if (this.#phoneSideOffer === undefined) return;
    this.#phoneSideOffer.answered = true;
    // While its candidates are gathered, the core side may make an offer of its own.
    const answer = this.coreSide.description;
    this.whenTellable(now, (later) => {
      const transaction = this.#dropNearOffer();
      const sdp = this.coreSideDescription(answer);
      if (transaction === undefined || sdp === undefined) return;
      this.dialog?.refresh(transaction.request);
      this.accept(transaction, sdp, later);
      if (this.unacknowledged === undefined && this.coreSideOffer !== undefined)
        this.sendCoreSideOffer(later);
    });
  }

  /** The call goes on as it was (RFC 3261 §14.2). */
  #coreSideRefused(now: number): void {
    const transaction = this.#withdrawPhoneSideOffer();
    if (transaction === undefined) return;
    this.coreSide.goBack();
    this.respond(transaction, 488, now, [refusedOffer]);
    this.goOn(now);
  }

  /** The call is over: drops all exchanges. */
  protected dropOffers(now: number): void {
    this.coreSide.cancel();
    this.coreSideOffer?.retry?.cancel();
    const open = this.#dropNearOffer();
    if (open !== undefined) this.respond(open, 487, now);
  }

  // Offers of the core side

  protected override phoneSideGivesWay(now: number): "gives way" | "goes on" | "ends first" {
    if (this.#phoneSideOffer === undefined) return "gives way";
    if (this.#phoneSideOffer.answered) return "ends first";
    // A polite core side takes its offer back by itself when it gets the phone's.
    if (this.coreSideIsPolite) return "goes on";
    const transaction = this.#withdrawPhoneSideOffer();
    if (transaction !== undefined) this.respond(transaction, 491, now);
    return "gives way";
  }

  /** The core does not know the generation of the phone's offer yet. */
  protected override get candidatesWait(): boolean {
    return this.#restarting !== undefined;
  }

  /** The core refused a description: tells the phone, if that waits for an answer. */
  protected override told(outcome: Outcome, now: number): void {
    if (!("error" in outcome)) return;
    const transaction = this.#withdrawPhoneSideOffer();
    if (transaction !== undefined) this.respond(transaction, 488, now);
  }
}
