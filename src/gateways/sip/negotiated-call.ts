import type { PushOf } from "../../protocol/pushes.ts";
import type { Capabilities } from "../../protocol/values.ts";
import type { Deadline } from "../../shared/deadlines.ts";
import type { Outcome } from "../../signaling/device.ts";
import { formatDescription, parseDescription, type SessionDescription } from "../../wire/sdp/description.ts";
import { type OfferChange, offerChange } from "../../wire/sdp/offer-change.ts";
import { FarOffers } from "./far-offers.ts";
import { bodyText, type HeaderEntry } from "./message.ts";
import { phoneDescription } from "./phone-description.ts";
import type { ServerTransaction } from "./server-transaction.ts";
import { canStandIn, courseOf } from "./stand-in.ts";

const cannotBeAsked: HeaderEntry = [
  "Warning",
  '399 switchboard "the other device can not change this in a call"',
];

/** An offer of the phone that the far end has not answered. */
interface NearOffer {
  readonly transaction: ServerTransaction;
  readonly sdp: string;
  readonly timer: Deadline;
  /** What the phone had said before. */
  readonly before: SessionDescription | undefined;
  /** The far end has answered; its candidates are waited for. */
  answered: boolean;
}

/**
 * Offers and answers of a call: between the phone's dialog and the pair of the core's session.
 *
 * One offer is on its way at a time. Where two cross, the core's rule of politeness holds (the session's offerer is the
 * impolite one): an impolite far end's offer makes the phone's be refused with 491, a polite one's gives way to it.
 */
export abstract class NegotiatedCall extends FarOffers {
  #nearOffer: NearOffer | undefined;
  /** What was so before a move, which may fail. */
  #before: { readonly pair: number; readonly generation: number; readonly farIsPolite: boolean } | undefined;
  /** The next generation was asked for by the phone's own offer. */
  #restarting: (() => void) | undefined;

  /** The far end's answer to the phone's first offer came; or its offer that the phone is to ring with. */
  protected abstract firstDescribed(type: "offer" | "answer", now: number): void;
  /** What may be asked of the far end; nothing is known of one that another node keeps. */
  protected abstract get farCapabilities(): Capabilities;

  /** An offer is on its way, or an answer is to be acknowledged. */
  protected get busy(): boolean {
    return this.#nearOffer !== undefined || this.farOffer !== undefined || this.unacknowledged !== undefined;
  }

  protected override get unchanged(): string | undefined {
    return this.busy ? undefined : this.farDescription();
  }

  // What the core says of the pair

  protected signaled(push: Omit<PushOf<"signal">, "seq">, now: number): void {
    if (push.pair !== this.pair || push.generation !== this.generation) return;
    const { description, candidates = [], endOfCandidates = false } = push;
    if (description !== undefined) {
      this.far.describe(description);
      if (description.type === "answer") this.#farAnswered(now);
      else if (this.active) this.farOffered(now);
      else if (this.ownsCallId) this.firstDescribed("offer", now);
      // It has answered, and goes on before the phone knows.
      else this.farOffer = { phase: "waiting" };
    }
    if (candidates.length === 0 && !endOfCandidates) return;
    this.far.gather(candidates, endOfCandidates, now);
    this.trickle(now);
  }

  protected restarted(generation: number): void {
    this.generation = generation;
    this.far.restart();
    const then = this.#restarting;
    this.#restarting = undefined;
    then?.();
  }

  /** The far end may have missed the phone's offer. */
  protected resync(now: number): void {
    if (this.#nearOffer !== undefined) this.tell({ type: "offer", sdp: this.#nearOffer.sdp }, now);
  }

  /** The far end moves to another device, which offers to the phone: its one connection goes over to that. */
  protected pairOpened(push: Omit<PushOf<"pair">, "seq">): void {
    this.#before = { pair: this.pair, generation: this.generation, farIsPolite: this.farIsPolite };
    this.pair = push.pair;
    this.generation = push.generation;
    this.farIsPolite = push.offer;
    this.dropFarOffer();
    this.far.restart();
  }

  /** The far end is where it was; it restarts ICE there when it sees that nothing comes any more. */
  protected moveFailed(pair: number): void {
    if (pair === this.pair && this.#before !== undefined) Object.assign(this, this.#before);
  }

  // Offers of the phone

  /** A re-INVITE or UPDATE of the phone with an offer. */
  protected nearOffered(transaction: ServerTransaction, now: number): void {
    const text = bodyText(transaction.request);
    const offer = text === undefined ? undefined : phoneDescription(text);
    if (offer === undefined) {
      this.respond(transaction, 488, now);
      return;
    }
    const sdp = formatDescription(offer);
    // Two of its own are no glare (RFC 3261 §14.2, RFC 3311 §5.2).
    if (this.#nearOffer !== undefined) {
      this.respond(transaction, 500, now, [["Retry-After", "1"]]);
      return;
    }
    const farFirst = this.farOffer !== undefined && (this.farOffer.phase === "sent" || !this.farIsPolite);
    if (farFirst || this.unacknowledged !== undefined) {
      this.respond(transaction, 491, now);
      return;
    }
    const before = this.near;
    const change = before === undefined ? "media-change" : offerChange(before, offer);
    if (this.#answersInStead(transaction, offer, change, now)) return;
    this.dropFarOffer();
    const timer = this.agent.clock.after(this.agent.settings.limits.answerTimeout, now, (later) => {
      this.#takeNearOfferBack();
      this.respond(transaction, 500, later, [["Retry-After", "1"]]);
    });
    this.#nearOffer = { transaction, sdp, timer, before, answered: false };
    this.near = offer;
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

  /** Answers, or refuses, an offer to a far end that can't be asked. False where it is to be asked. */
  #answersInStead(
    transaction: ServerTransaction,
    offer: SessionDescription,
    change: OfferChange,
    now: number,
  ): boolean {
    const text = this.far.whole();
    const last = text === undefined ? undefined : parseDescription(text);
    // Sections that were turned down for it are news to it.
    const known = last?.media.length === offer.media.length;
    const asks = change === "direction-only" && !known ? "media-change" : change;
    const course = courseOf(this.farCapabilities, asks);
    if (course === "ask") return false;
    const stands = course === "answer" && last !== undefined && canStandIn(offer, last);
    const sdp = stands ? this.standIn.answer(offer, last) : undefined;
    if (sdp === undefined) {
      this.respond(transaction, 488, now, [cannotBeAsked]);
      return true;
    }
    this.near = offer;
    this.dialog?.refresh(transaction.request);
    this.accept(transaction, sdp, now);
    return true;
  }

  /** The phone's offer came to nothing. */
  #takeNearOfferBack(): ServerTransaction | undefined {
    if (this.#nearOffer !== undefined) this.near = this.#nearOffer.before;
    return this.#dropNearOffer();
  }

  #dropNearOffer(): ServerTransaction | undefined {
    const offer = this.#nearOffer;
    offer?.timer.cancel();
    this.#nearOffer = undefined;
    return offer?.transaction;
  }

  #farAnswered(now: number): void {
    if (!this.active) this.firstDescribed("answer", now);
    if (this.#nearOffer === undefined) return;
    this.#nearOffer.answered = true;
    // While its candidates are gathered the far end may go on to an offer of its own.
    const answer = this.far.description;
    this.whenTellable(now, (later) => {
      const transaction = this.#dropNearOffer();
      const sdp = this.farDescription(answer);
      if (transaction === undefined || sdp === undefined) return;
      this.dialog?.refresh(transaction.request);
      this.accept(transaction, sdp, later);
      if (this.unacknowledged === undefined && this.farOffer !== undefined) this.sendFarOffer(later);
    });
  }

  /** The call is over, and with it all exchanges. */
  protected dropOffers(now: number): void {
    this.far.cancel();
    this.farOffer?.retry?.cancel();
    const open = this.#dropNearOffer();
    if (open !== undefined) this.respond(open, 487, now);
  }

  // Offers of the far end

  protected override nearGivesWay(now: number): "gives way" | "goes on" | "ends first" {
    if (this.#nearOffer === undefined) return "gives way";
    if (this.#nearOffer.answered) return "ends first";
    // A polite far end takes its offer back by itself when it hears of the phone's.
    if (this.farIsPolite) return "goes on";
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
