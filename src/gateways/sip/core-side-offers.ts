import type { Deadline } from "../../shared/deadlines.ts";
import { parseDescription } from "../../wire/sdp/description.ts";
import { AnswerOnBehalf } from "../answer-on-behalf.ts";
import type { Flow } from "./flow.ts";
import { MediaCall } from "./media-call.ts";

/** An offer of the core side on its way to the phone. */
interface CoreSideOffer {
  phase: "gathering" | "sent" | "waiting";
  /** A later offer came meanwhile. */
  again?: boolean;
  retry?: Deadline;
}

/** Offers of the core side in a call: each is a re-INVITE to the phone, one at a time. */
export abstract class CoreSideOffers extends MediaCall {
  protected coreSideOffer: CoreSideOffer | undefined;
  /** In glare, the core side's offer gives way to the phone's. */
  protected coreSideIsPolite = false;
  protected readonly answerOnBehalf = new AnswerOnBehalf();

  /** An offer of the core side came while one of the phone is on its way (glare): which of them goes on. */
  protected abstract phoneSideGivesWay(now: number): "gives way" | "goes on" | "ends first";
  /** True for the end that sent the first INVITE. */
  protected abstract get ownsCallId(): boolean;

  protected coreSideOffered(now: number): void {
    const phoneSide = this.phoneSideGivesWay(now);
    if (phoneSide === "goes on") return;
    if (phoneSide === "ends first") {
      this.coreSideOffer = { phase: "waiting" };
      return;
    }
    const waits = this.coreSideOffer;
    waits?.retry?.cancel();
    // The phone has not answered the offer before. This one follows it.
    if (waits?.phase === "sent") {
      waits.again = true;
      return;
    }
    this.coreSideOffer = { phase: "gathering" };
    this.whenTellable(now, (later) => this.sendCoreSideOffer(later));
  }

  protected dropCoreSideOffer(): void {
    this.coreSideOffer?.retry?.cancel();
    this.coreSideOffer = undefined;
  }

  /** The phone lost its connection, or has another one. */
  moved(flow: Flow | undefined, now: number): void {
    if (flow !== undefined) this.goOn(now);
    else if (this.coreSideOffer !== undefined) this.coreSideOffer.phase = "waiting";
  }

  /** An exchange is over: sends the core side's offer that waited for it, and candidates. */
  protected goOn(now: number): void {
    if (this.coreSideOffer?.phase === "waiting") this.sendCoreSideOffer(now);
    this.trickle(now);
  }

  protected sendCoreSideOffer(now: number): void {
    const offer = this.coreSideOffer;
    if (offer === undefined || this.ended) return;
    if (this.unacknowledged !== undefined || this.flow === undefined) {
      offer.phase = "waiting";
      return;
    }
    const sdp = this.coreSideDescription();
    if (sdp === undefined) return;
    offer.phase = "sent";
    this.reinvite(sdp, now, {
      answered: (answer, later) => {
        this.coreSideOffer = undefined;
        this.coreSide.agree(this.phoneSide);
        if (offer.again === true) this.coreSideOffered(later);
        else this.tell({ type: "answer", sdp: this.fromPhone(answer) }, later);
      },
      refused: (status, later) => this.#refused(status, later),
    });
  }

  #refused(status: number, now: number): void {
    const offer = this.coreSideOffer;
    if (offer === undefined) return;
    if (status === 0) {
      // It is sent again when the phone is back.
      offer.phase = "waiting";
      return;
    }
    if (status === 491 || status === 500) {
      // RFC 3261 §14.1: the end that made the Call-ID waits longer.
      const wait = this.ownsCallId ? 2_100 + this.agent.jitter() * 1_900 : this.agent.jitter() * 2_000;
      offer.phase = "waiting";
      offer.retry = this.agent.clock.after(wait, now, (later) => this.sendCoreSideOffer(later));
      return;
    }
    this.coreSideOffer = undefined;
    const offered = this.coreSide.plain === undefined ? undefined : parseDescription(this.coreSide.plain);
    const deaf = status === 408 || status === 481;
    const answer = deaf ? undefined : this.answerOnBehalf.answer(offered, this.phoneSide);
    // Answer on the phone's behalf if possible. Without a word, the core side could never make an offer again.
    if (answer !== undefined) {
      this.coreSide.agree();
      this.tell({ type: "answer", sdp: answer }, now);
    } else if (deaf) this.hangUp("failed", `refused: ${status}`, now);
    else this.#refuse(status, now);
  }

  /** Tells the core side that the phone refused its offer. The call goes on, unless the core side can't take that. */
  #refuse(status: number, now: number): void {
    const { session, pair, generation } = this;
    const reason = `SIP ${status}`;
    this.coreSide.goBack();
    this.tellCandidates(now);
    this.phone.ask("signal", { session, pair, generation, refused: { reason } }, now, (outcome, later) => {
      if ("error" in outcome && outcome.error.code === "incompatible")
        this.hangUp("failed", `refused: ${status}`, later);
    });
  }
}
