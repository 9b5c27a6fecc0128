import type { PushOf } from "../../protocol/pushes.ts";
import type { Capabilities } from "../../protocol/values.ts";
import type { Deadline } from "../../shared/deadlines.ts";
import type { Outcome } from "../../signaling/device.ts";
import { formatDescription, parseDescription, type SessionDescription } from "../../wire/sdp/description.ts";
import { type OfferChange, offerChange } from "../../wire/sdp/offer-change.ts";
import type { Flow } from "./flow.ts";
import { MediaCall } from "./media-call.ts";
import { bodyText, type HeaderEntry } from "./message.ts";
import { phoneDescription } from "./phone-description.ts";
import type { ServerTransaction } from "./server-transaction.ts";
import { answerFor, canStandIn, courseOf, versionOf } from "./stand-in.ts";

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

/** An offer of the far end on its way to the phone. */
interface FarOffer {
  phase: "gathering" | "sent" | "waiting";
  /** A later one came meanwhile. */
  again?: boolean;
  retry?: Deadline;
}

/**
 * Offers and answers of a call: between the phone's dialog and the pair of the core's session.
 *
 * One offer is on its way at a time. Where two cross, the core's rule of politeness holds (the session's offerer is the
 * impolite one): an impolite far end's offer makes the phone's be refused with 491, a polite one's gives way to it.
 */
export abstract class NegotiatedCall extends MediaCall {
  /** The far end gives way where offers cross. */
  protected farIsPolite = false;
  #nearOffer: NearOffer | undefined;
  #farOffer: FarOffer | undefined;
  /** What was so before a move, which may fail. */
  #before: { readonly pair: number; readonly generation: number; readonly farIsPolite: boolean } | undefined;
  /** The next generation was asked for by the phone's own offer. */
  #restarting: (() => void) | undefined;

  /** The version of the last description that was made up for the far end. */
  #standInVersion = 0;

  /** The far end's answer to the phone's first offer came; or its offer that the phone is to ring with. */
  protected abstract firstDescribed(type: "offer" | "answer", now: number): void;
  /** What may be asked of the far end; nothing is known of one that another node keeps. */
  protected abstract get farCapabilities(): Capabilities;
  /** True for the end that sent the first INVITE. */
  protected abstract get ownsCallId(): boolean;

  /** An offer is on its way, or an answer is to be acknowledged. */
  protected get busy(): boolean {
    return this.#nearOffer !== undefined || this.#farOffer !== undefined || this.unacknowledged !== undefined;
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
      else if (this.active) this.#farOffered(now);
      else if (this.ownsCallId) this.firstDescribed("offer", now);
      // It has answered, and goes on before the phone knows.
      else this.#farOffer = { phase: "waiting" };
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
    this.#farOffer?.retry?.cancel();
    this.#farOffer = undefined;
    this.far.restart();
  }

  /** The far end is where it was; it restarts ICE there when it sees that nothing comes any more. */
  protected moveFailed(pair: number): void {
    if (pair === this.pair && this.#before !== undefined) Object.assign(this, this.#before);
  }

  /** The phone's connection is lost, or it has another one. */
  moved(flow: Flow | undefined, now: number): void {
    if (flow !== undefined) this.goOn(now);
    else if (this.#farOffer !== undefined) this.#farOffer.phase = "waiting";
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
    const farFirst = this.#farOffer !== undefined && (this.#farOffer.phase === "sent" || !this.farIsPolite);
    if (farFirst || this.unacknowledged !== undefined) {
      this.respond(transaction, 491, now);
      return;
    }
    const before = this.near;
    const change = before === undefined ? "media-change" : offerChange(before, offer);
    if (this.#answersInStead(transaction, offer, change, now)) return;
    this.#farOffer?.retry?.cancel();
    this.#farOffer = undefined;
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
    const asks =
      change === "direction-only" && last?.media.length !== offer.media.length ? "media-change" : change;
    const course = courseOf(this.farCapabilities, asks);
    if (course === "ask") return false;
    const stands = course === "answer" && last !== undefined && canStandIn(offer, last);
    const sdp = stands ? this.#standIn(offer, last) : undefined;
    if (sdp === undefined) {
      this.respond(transaction, 488, now, [cannotBeAsked]);
      return true;
    }
    this.near = offer;
    this.dialog?.refresh(transaction.request);
    this.accept(transaction, sdp, now);
    return true;
  }

  #standIn(offer: SessionDescription | undefined, last: SessionDescription | undefined): string | undefined {
    if (last === undefined) return undefined;
    this.#standInVersion = Math.max(this.#standInVersion, versionOf(last)) + 1;
    return answerFor(offer, last, this.#standInVersion);
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
      if (this.unacknowledged === undefined && this.#farOffer !== undefined) this.#sendFarOffer(later);
    });
  }

  /** An exchange is over: a far offer that waited for it goes on. */
  protected goOn(now: number): void {
    if (this.#farOffer?.phase === "waiting") this.#sendFarOffer(now);
    this.trickle(now);
  }

  /** The call is over, and with it all exchanges. */
  protected dropOffers(now: number): void {
    this.far.cancel();
    this.#farOffer?.retry?.cancel();
    const open = this.#dropNearOffer();
    if (open !== undefined) this.respond(open, 487, now);
  }

  // Offers of the far end

  #farOffered(now: number): void {
    if (this.#nearOffer?.answered === true) {
      this.#farOffer = { phase: "waiting" };
      return;
    }
    if (this.#nearOffer !== undefined) {
      // A polite far end takes its offer back by itself when it hears of the phone's.
      if (this.farIsPolite) return;
      const transaction = this.#takeNearOfferBack();
      if (transaction !== undefined) this.respond(transaction, 491, now);
    }
    const waits = this.#farOffer;
    waits?.retry?.cancel();
    // The phone has not answered the one before: this one follows it.
    if (waits?.phase === "sent") {
      waits.again = true;
      return;
    }
    this.#farOffer = { phase: "gathering" };
    this.whenTellable(now, (later) => this.#sendFarOffer(later));
  }

  #sendFarOffer(now: number): void {
    const offer = this.#farOffer;
    if (offer === undefined || this.ended) return;
    if (this.unacknowledged !== undefined || this.flow === undefined) {
      offer.phase = "waiting";
      return;
    }
    const sdp = this.farDescription();
    if (sdp === undefined) return;
    offer.phase = "sent";
    this.reinvite(sdp, now, {
      answered: (answer, later) => {
        this.#farOffer = undefined;
        if (offer.again === true) this.#farOffered(later);
        else this.tell({ type: "answer", sdp: answer }, later);
      },
      refused: (status, later) => this.#farOfferRefused(status, later),
    });
  }

  #farOfferRefused(status: number, now: number): void {
    const offer = this.#farOffer;
    if (offer === undefined) return;
    if (status === 0) {
      // It goes out again when the phone is back.
      offer.phase = "waiting";
      return;
    }
    if (status === 491 || status === 500) {
      // RFC 3261 §14.1: who made the Call-ID waits longer.
      const wait = this.ownsCallId ? 2_100 + this.agent.jitter() * 1_900 : this.agent.jitter() * 2_000;
      offer.phase = "waiting";
      offer.retry = this.agent.clock.after(wait, now, (later) => this.#sendFarOffer(later));
      return;
    }
    this.#farOffer = undefined;
    const offered = this.far.plain === undefined ? undefined : parseDescription(this.far.plain);
    const answer = status === 408 || status === 481 ? undefined : this.#standIn(offered, this.near);
    // The call goes on as it was where that can be said; a far end without an answer could never offer again.
    if (answer === undefined) this.hangUp("failed", `refused: ${status}`, now);
    else this.tell({ type: "answer", sdp: answer }, now);
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
