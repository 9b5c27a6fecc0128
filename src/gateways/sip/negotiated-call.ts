import type { PushOf } from "../../protocol/pushes.ts";
import type { Capabilities } from "../../protocol/values.ts";
import type { Deadline } from "../../shared/deadlines.ts";
import type { Outcome } from "../../signaling/device.ts";
import { formatDescription, parseDescription, type SessionDescription } from "../../wire/sdp/description.ts";
import { type OfferChange, offerChange } from "../../wire/sdp/offer-change.ts";
import { canAnswerOnBehalf, courseOf } from "./answer-on-behalf.ts";
import { CoreSideOffers } from "./core-side-offers.ts";
import { bodyText, type HeaderEntry } from "./message.ts";
import { phoneDescription } from "./phone-description.ts";
import type { ServerTransaction } from "./server-transaction.ts";

const cannotBeAsked: HeaderEntry = [
  "Warning",
  '399 switchboard "the other device can not change this in a call"',
];

/** An offer of the phone that the core side has not answered. */
interface NearOffer {
  readonly transaction: ServerTransaction;
  readonly sdp: string;
  readonly timer: Deadline;
  /** What the phone had said before. */
  readonly before: SessionDescription | undefined;
  /** The core side has answered; its candidates are waited for. */
  answered: boolean;
}

/**
 * Offers and answers of a call: between the phone's dialog and the pair of the core's session.
 *
 * One offer is on its way at a time. Where two cross, the core's rule of politeness holds (the session's offerer is the
 * impolite one): an impolite core side's offer makes the phone's be refused with 491, a polite one's gives way to it.
 */
export abstract class NegotiatedCall extends CoreSideOffers {
  #phoneSideOffer: NearOffer | undefined;
  /** What was so before a move, which may fail. */
  #before:
    | { readonly pair: number; readonly generation: number; readonly coreSideIsPolite: boolean }
    | undefined;
  /** The next generation was asked for by the phone's own offer. */
  #restarting: (() => void) | undefined;

  /** The core side's answer to the phone's first offer came; or its offer that the phone is to ring with. */
  protected abstract firstDescribed(type: "offer" | "answer", now: number): void;
  /** What may be asked of the core side; nothing is known of one that another node keeps. */
  protected abstract get coreSideCapabilities(): Capabilities;

  /** An offer is on its way, or an answer is to be acknowledged. */
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
    const { description, candidates = [], endOfCandidates = false } = push;
    if (description !== undefined) {
      this.coreSide.describe(description);
      if (description.type === "answer") this.#coreSideAnswered(now);
      else if (this.active) this.coreSideOffered(now);
      else if (this.ownsCallId) this.firstDescribed("offer", now);
      // It has answered, and goes on before the phone knows.
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

  /** The core side may have missed the phone's offer. */
  protected resync(now: number): void {
    if (this.#phoneSideOffer !== undefined) this.tell({ type: "offer", sdp: this.#phoneSideOffer.sdp }, now);
  }

  /** The core side moves to another device, which offers to the phone: its one connection goes over to that. */
  protected pairOpened(push: Omit<PushOf<"pair">, "seq">): void {
    this.#before = { pair: this.pair, generation: this.generation, coreSideIsPolite: this.coreSideIsPolite };
    this.pair = push.pair;
    this.generation = push.generation;
    this.coreSideIsPolite = push.offer;
    this.dropCoreSideOffer();
    this.coreSide.restart();
  }

  /** The core side is where it was; it restarts ICE there when it sees that nothing comes any more. */
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
    // Two of its own are no glare (RFC 3261 §14.2, RFC 3311 §5.2).
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
    if (this.#answersInStead(transaction, offer, change, now)) return;
    this.dropCoreSideOffer();
    const timer = this.agent.clock.after(this.agent.settings.limits.answerTimeout, now, (later) => {
      this.#takeNearOfferBack();
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
      // Somebody else restarts at this moment: theirs comes first.
      this.#restarting = undefined;
      const refused = this.#takeNearOfferBack();
      if (refused !== undefined) this.respond(refused, 491, later);
    });
  }

  /** Answers, or refuses, an offer to a core side that can't be asked. False where it is to be asked. */
  #answersInStead(
    transaction: ServerTransaction,
    offer: SessionDescription,
    change: OfferChange,
    now: number,
  ): boolean {
    const text = this.coreSide.whole();
    const last = text === undefined ? undefined : parseDescription(text);
    // Sections that were turned down for it are news to it.
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

  /** The phone's offer came to nothing. */
  #takeNearOfferBack(): ServerTransaction | undefined {
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
    // While its candidates are gathered the core side may go on to an offer of its own.
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

  /** The call is over, and with it all exchanges. */
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
    // A polite core side takes its offer back by itself when it hears of the phone's.
    if (this.coreSideIsPolite) return "goes on";
    const transaction = this.#takeNearOfferBack();
    if (transaction !== undefined) this.respond(transaction, 491, now);
    return "gives way";
  }

  /** The core does not know the generation of the phone's offer yet. */
  protected override get candidatesWait(): boolean {
    return this.#restarting !== undefined;
  }

  /** The core took no description: where the phone waits, it hears so. */
  protected override told(outcome: Outcome, now: number): void {
    if (!("error" in outcome)) return;
    const transaction = this.#takeNearOfferBack();
    if (transaction !== undefined) this.respond(transaction, 488, now);
  }
}
