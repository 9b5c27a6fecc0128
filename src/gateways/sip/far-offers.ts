import type { Deadline } from "../../shared/deadlines.ts";
import { parseDescription } from "../../wire/sdp/description.ts";
import type { Flow } from "./flow.ts";
import { MediaCall } from "./media-call.ts";
import { StandIn } from "./stand-in.ts";

/** An offer of the far end on its way to the phone. */
interface FarOffer {
  phase: "gathering" | "sent" | "waiting";
  /** A later one came meanwhile. */
  again?: boolean;
  retry?: Deadline;
}

/** Offers of the far end in a call: each is a re-INVITE to the phone, one at a time. */
export abstract class FarOffers extends MediaCall {
  protected farOffer: FarOffer | undefined;
  /** The far end gives way where offers cross. */
  protected farIsPolite = false;
  protected readonly standIn = new StandIn();

  /** What becomes of an offer of the phone that is on its way, where the far end's comes. */
  protected abstract nearGivesWay(now: number): "gives way" | "goes on" | "ends first";
  /** True for the end that sent the first INVITE. */
  protected abstract get ownsCallId(): boolean;

  protected farOffered(now: number): void {
    const near = this.nearGivesWay(now);
    if (near === "goes on") return;
    if (near === "ends first") {
      this.farOffer = { phase: "waiting" };
      return;
    }
    const waits = this.farOffer;
    waits?.retry?.cancel();
    // The phone has not answered the one before: this one follows it.
    if (waits?.phase === "sent") {
      waits.again = true;
      return;
    }
    this.farOffer = { phase: "gathering" };
    this.whenTellable(now, (later) => this.sendFarOffer(later));
  }

  protected dropFarOffer(): void {
    this.farOffer?.retry?.cancel();
    this.farOffer = undefined;
  }

  /** The phone's connection is lost, or it has another one. */
  moved(flow: Flow | undefined, now: number): void {
    if (flow !== undefined) this.goOn(now);
    else if (this.farOffer !== undefined) this.farOffer.phase = "waiting";
  }

  /** An exchange is over: a far offer that waited for it goes on, and so do candidates. */
  protected goOn(now: number): void {
    if (this.farOffer?.phase === "waiting") this.sendFarOffer(now);
    this.trickle(now);
  }

  protected sendFarOffer(now: number): void {
    const offer = this.farOffer;
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
        this.farOffer = undefined;
        if (offer.again === true) this.farOffered(later);
        else this.tell({ type: "answer", sdp: answer }, later);
      },
      refused: (status, later) => this.#refused(status, later),
    });
  }

  #refused(status: number, now: number): void {
    const offer = this.farOffer;
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
      offer.retry = this.agent.clock.after(wait, now, (later) => this.sendFarOffer(later));
      return;
    }
    this.farOffer = undefined;
    const offered = this.far.plain === undefined ? undefined : parseDescription(this.far.plain);
    const deaf = status === 408 || status === 481;
    const answer = deaf ? undefined : this.standIn.answer(offered, this.near);
    // The call goes on as it was where that can be said; a far end without an answer could never offer again.
    if (answer === undefined) this.hangUp("failed", `refused: ${status}`, now);
    else this.tell({ type: "answer", sdp: answer }, now);
  }
}
