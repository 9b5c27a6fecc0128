import type { WireReason } from "../../protocol/end-reasons.ts";
import type { PushBody, PushOf } from "../../protocol/pushes.ts";
import type { Deadline } from "../../shared/deadlines.ts";
import type { Outcome } from "../../signaling/device.ts";
import { iceCredentials } from "../../wire/sdp/attributes.ts";
import type { TrickleCandidate } from "../../wire/sdp/candidate.ts";
import { stripCandidates } from "../../wire/sdp/candidates.ts";
import { formatDescription, parseDescription, type SessionDescription } from "../../wire/sdp/description.ts";
import { formatFragment, fragmentType, parseFragment } from "../../wire/sdp/fragment.ts";
import { offerChange } from "../../wire/sdp/offer-change.ts";
import { type Agent, allow, newVia, ownContact } from "./agent.ts";
import type { ClientUser } from "./client-transaction.ts";
import type { Dialog } from "./dialog.ts";
import { digitsBody, parseDigits } from "./digits.ts";
import { fallbackAnswer } from "./fallback-answer.ts";
import { FarMedia } from "./far-media.ts";
import type { Flow } from "./flow.ts";
import {
  bodyText,
  type Content,
  contentType,
  type HeaderEntry,
  makeResponse,
  type SipMessage,
  type SipRequest,
  type SipResponse,
} from "./message.ts";
import type { Phone, PhoneCall } from "./phone.ts";
import { reasonHeader } from "./reasons.ts";
import type { ServerTransaction } from "./server-transaction.ts";
import { minSe, SessionTimer, tooSmall } from "./session-timer.ts";
import { giveUp, t1, t2 } from "./timers.ts";

/** What a call tells who keeps the calls. */
export interface CallKeeper {
  /** The dialog is there: requests in it belong to the call. */
  dialogOpened(call: Call, dialog: Dialog): void;
  /** The call is over; its dialog stays known for late requests. */
  over(call: Call, now: number): void;
}

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

export const sdpType = "application/sdp";

/**
 * One phone's leg of a session, as a back-to-back user agent: a dialog with the phone on one side, a leg of the core's session
 * on the other. This is what both directions share once there is a dialog: offers and answers, hold, ICE restart, the ends.
 *
 * One offer is on its way at a time. Where two cross, the core's rule of politeness holds (the session's offerer is the
 * impolite one): an impolite far end's offer makes the phone's be refused with 491, a polite one's gives way to it.
 */
export abstract class Call implements PhoneCall {
  readonly agent: Agent;
  readonly phone: Phone;
  readonly far: FarMedia;
  session = "";
  dialog: Dialog | undefined;
  protected readonly keeper: CallKeeper;
  protected readonly tag: string;
  protected readonly timer: SessionTimer;
  protected active = false;
  protected ended = false;
  protected pair = 1;
  protected generation = 1;
  /** The far end gives way where offers cross. */
  protected farIsPolite = false;
  /** The last description of the phone. */
  protected near: SessionDescription | undefined;
  /** The 2xx of ours that waits for its ACK: nothing is offered before it (JsSIP would lose the call). */
  protected unacknowledged: { readonly sequence: number; readonly timers: Deadline[] } | undefined;
  /** The phone takes candidates by INFO (RFC 8840). */
  protected trickles = false;
  #nearOffer: NearOffer | undefined;
  #farOffer: FarOffer | undefined;
  /** Why the call ended before the phone acknowledged that it had begun. */
  #byeWaits: WireReason | undefined;
  /** What was so before a move, which may fail. */
  #before: { readonly pair: number; readonly generation: number; readonly farIsPolite: boolean } | undefined;
  #offersUpdate = false;
  /** The next generation was asked for by the phone's own offer. */
  #restarting: (() => void) | undefined;

  constructor(agent: Agent, keeper: CallKeeper, phone: Phone) {
    this.agent = agent;
    this.keeper = keeper;
    this.phone = phone;
    this.tag = agent.random(9);
    this.far = new FarMedia(agent.clock, agent.settings.limits.gatherTimeout);
    this.timer = new SessionTimer(agent.clock, {
      refresh: (now) => this.#refresh(now),
      expired: (now) => this.hangUp("failed", "session timer", now),
    });
  }

  /** The flow by which the phone is reached now. */
  get flow(): Flow | undefined {
    return this.phone.flow;
  }

  // From the core

  push(push: PushBody, now: number): void {
    switch (push.type) {
      case "signal":
        this.#signaled(push, now);
        break;
      case "restart":
        if (push.pair === this.pair) this.#restarted(push.generation);
        break;
      case "resync":
        if (this.#nearOffer !== undefined) this.tell({ type: "offer", sdp: this.#nearOffer.sdp }, now);
        break;
      case "pair":
        this.#before = { pair: this.pair, generation: this.generation, farIsPolite: this.farIsPolite };
        this.#pairOpened(push);
        break;
      case "move_failed":
        // The far end is where it was; it restarts ICE there when it sees that nothing comes any more.
        if (push.pair === this.pair && this.#before !== undefined) Object.assign(this, this.#before);
        break;
      case "ended":
        this.farEnded(push.reason, now);
        break;
      default:
        this.pushed(push, now);
    }
  }

  /** What only one direction of call hears. */
  protected abstract pushed(push: PushBody, now: number): void;
  /** The session is over while there is no dialog to say BYE in. */
  protected abstract refuse(reason: WireReason, now: number): void;
  /** The far end's answer to the phone's first offer is whole; or its offer that the phone is to ring with came. */
  protected abstract firstDescribed(type: "offer" | "answer", now: number): void;

  /** The far end moves to another device, which offers to the phone: its one connection goes over to that. */
  #pairOpened(push: Omit<PushOf<"pair">, "seq">): void {
    this.pair = push.pair;
    this.generation = push.generation;
    this.farIsPolite = push.offer;
    this.#farOffer?.retry?.cancel();
    this.#farOffer = undefined;
    this.far.restart();
  }

  moved(flow: Flow | undefined, now: number): void {
    if (flow === undefined) this.#farOfferWaits(now);
    else if (this.#farOffer?.phase === "waiting") this.#sendFarOffer(now);
  }

  /** The phone is gone for good. */
  gone(now: number): void {
    if (this.ended) return;
    if (this.session !== "")
      this.phone.ask("hangup", { session: this.session, reason: "failed", detail: "signaling lost" }, now);
    this.close(now);
  }

  #signaled(push: Omit<PushOf<"signal">, "seq">, now: number): void {
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
    if (this.active && this.trickles && this.dialog !== undefined)
      this.#trickle(candidates, endOfCandidates, now);
  }

  #restarted(generation: number): void {
    this.generation = generation;
    this.far.restart();
    const then = this.#restarting;
    this.#restarting = undefined;
    then?.();
  }

  // Offers of the phone

  /** A re-INVITE or UPDATE of the phone with an offer. */
  #nearOffered(transaction: ServerTransaction, now: number): void {
    const sdp = bodyText(transaction.request);
    const offer = sdp === undefined ? undefined : parseDescription(sdp);
    if (sdp === undefined || offer === undefined) {
      this.respond(transaction, 488, now);
      return;
    }
    const farFirst = this.#farOffer !== undefined && (this.#farOffer.phase === "sent" || !this.farIsPolite);
    if (this.#nearOffer !== undefined || farFirst || this.unacknowledged !== undefined) {
      this.respond(transaction, 491, now);
      return;
    }
    this.#farOffer?.retry?.cancel();
    this.#farOffer = undefined;
    const timer = this.agent.clock.after(this.agent.settings.limits.answerTimeout, now, (later) => {
      this.#takeNearOfferBack();
      this.respond(transaction, 500, later, [["Retry-After", "1"]]);
    });
    const before = this.near;
    this.#nearOffer = { transaction, sdp, timer, before, answered: false };
    this.near = offer;
    const restart = before !== undefined && offerChange(before, offer) === "ice-restart";
    if (!restart) {
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
    this.far.whenGathered(now, (later) => {
      const transaction = this.#dropNearOffer();
      const sdp = this.far.whole(answer);
      if (transaction === undefined || sdp === undefined) return;
      this.dialog?.refresh(transaction.request);
      this.accept(transaction, sdp, later);
      if (this.unacknowledged === undefined && this.#farOffer !== undefined) this.#sendFarOffer(later);
    });
  }

  /** Answers an INVITE or UPDATE with 2xx and a description; that to an INVITE is sent again until its ACK. */
  protected accept(transaction: ServerTransaction, sdp: string, now: number): void {
    const { request, flow } = transaction;
    const headers: HeaderEntry[] = [
      ownContact(flow, this.tag),
      allow,
      ["Supported", "timer"],
      ...this.timer.answered(request, now),
    ];
    const response = makeResponse(request, 200, {
      toTag: this.tag,
      headers,
      body: { type: sdpType, content: sdp },
    });
    transaction.respond(response, now);
    if (request.method === "INVITE") this.#awaitAck(transaction, response, now);
  }

  #awaitAck(transaction: ServerTransaction, response: SipResponse, now: number): void {
    const timers: Deadline[] = [];
    const again = (wait: number, from: number): void => {
      timers[0] = this.agent.clock.after(wait, from, (later) => {
        transaction.respond(response, later);
        again(Math.min(wait * 2, t2), later);
      });
    };
    again(t1, now);
    timers[1] = this.agent.clock.after(giveUp, now, (later) => this.hangUp("failed", "no ACK", later));
    this.unacknowledged = { sequence: response.cseq.sequence, timers };
  }

  /** The ACK of a 2xx of ours. */
  acknowledged(request: SipRequest, now: number): void {
    if (request.cseq.sequence !== this.unacknowledged?.sequence) return;
    for (const timer of this.unacknowledged.timers) timer.cancel();
    this.unacknowledged = undefined;
    if (this.#byeWaits !== undefined) this.bye(this.#byeWaits, now);
    if (this.ended) return;
    if (this.#farOffer?.phase === "waiting") this.#sendFarOffer(now);
    this.settled(now);
  }

  /** An exchange is over; there may be something to say now. */
  protected settled(_now: number): void {}

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
    this.far.whenGathered(now, (later) => this.#sendFarOffer(later));
  }

  #farOfferWaits(_now: number): void {
    if (this.#farOffer !== undefined) this.#farOffer.phase = "waiting";
  }

  #sendFarOffer(now: number): void {
    const sdp = this.far.whole();
    const offer = this.#farOffer;
    if (sdp === undefined || offer === undefined || this.ended) return;
    if (this.unacknowledged !== undefined || this.flow === undefined) {
      offer.phase = "waiting";
      return;
    }
    offer.phase = "sent";
    this.reinvite(sdp, now, {
      answered: (answer, later) => {
        this.#farOffer = undefined;
        if (offer.again === true) this.#farOffered(later);
        else this.tell({ type: "answer", sdp: answer }, later);
        this.settled(later);
      },
      refused: (status, later) => this.#farOfferRefused(status, later),
    });
  }

  #farOfferRefused(status: number, now: number): void {
    const offer = this.#farOffer;
    if (offer === undefined) return;
    if (status === 491 || status === 500) {
      // RFC 3261 §14.1: who made the Call-ID waits longer.
      const wait = this.ownsCallId ? 2_100 + this.agent.jitter() * 1_900 : this.agent.jitter() * 2_000;
      offer.phase = "waiting";
      offer.retry = this.agent.clock.after(wait, now, (later) => this.#sendFarOffer(later));
      return;
    }
    this.#farOffer = undefined;
    if (status === 0) return;
    const offered = this.far.plain === undefined ? undefined : parseDescription(this.far.plain);
    const answer = status === 408 || status === 481 ? undefined : fallbackAnswer(offered, this.near);
    // The call goes on as it was where that can be said; a far end without an answer could never offer again.
    if (answer === undefined) this.hangUp("failed", `refused: ${status}`, now);
    else this.tell({ type: "answer", sdp: answer }, now);
  }

  /** True for the end that sent the first INVITE. */
  protected abstract get ownsCallId(): boolean;

  /** Sends a re-INVITE and acknowledges what comes of it. `refused` with 0: the connection is lost. */
  protected reinvite(
    sdp: string,
    now: number,
    then: {
      answered(sdp: string, now: number): void;
      refused(status: number, now: number): void;
    },
  ): void {
    const { flow, dialog } = this;
    if (flow === undefined || dialog === undefined) return;
    let done = false;
    const request = this.inDialog(
      "INVITE",
      flow,
      [ownContact(flow, this.tag), allow, ["Supported", "timer"]],
      {
        type: sdpType,
        content: sdp,
      },
    );
    const user: ClientUser = {
      response: (response, later) => {
        if (response.status < 200) return;
        if (response.status < 300) this.acknowledge(response, later);
        if (done) return;
        done = true;
        if (response.status >= 300) {
          then.refused(response.status, later);
          return;
        }
        dialog.refresh(response);
        this.timer.agreed(response, later);
        const answer = bodyText(response);
        const parsed = answer === undefined ? undefined : parseDescription(answer);
        if (answer === undefined || parsed === undefined) then.refused(488, later);
        else {
          this.near = parsed;
          then.answered(answer, later);
        }
      },
      failed: (why, later) => {
        if (!done) then.refused(why === "transport" ? 0 : 408, later);
        done = true;
      },
    };
    this.agent.transactions.send(request, flow, user, now);
  }

  /** The ACK of a 2xx to an INVITE of ours. */
  protected acknowledge(response: SipResponse, _now: number): void {
    const { flow, dialog } = this;
    if (flow === undefined || dialog === undefined) return;
    const { sequence } = response.cseq;
    flow.send(dialog.request("ACK", { via: newVia(this.agent, flow), sequence }));
  }

  /** An offer is on its way, or an answer is to be acknowledged. */
  protected get busy(): boolean {
    return this.#nearOffer !== undefined || this.#farOffer !== undefined || this.unacknowledged !== undefined;
  }

  // Requests of the phone

  /** A request inside of the dialog. */
  receive(transaction: ServerTransaction, now: number): void {
    const { request } = transaction;
    if (this.dialog?.inOrder(request) !== true) {
      this.respond(transaction, 500, now);
      return;
    }
    if (this.ended) {
      this.respond(transaction, request.method === "BYE" ? 200 : 481, now);
      return;
    }
    this.noteAbilities(request);
    switch (request.method) {
      case "BYE":
        this.respond(transaction, 200, now);
        this.phone.ask("hangup", { session: this.session }, now);
        this.close(now);
        break;
      case "INVITE":
      case "UPDATE":
        this.#renegotiated(transaction, now);
        break;
      case "INFO":
        this.#informed(transaction, now);
        break;
      case "OPTIONS":
        this.respond(transaction, 200, now, [allow, ["Accept", sdpType], ["Supported", "timer"]]);
        break;
      case "PRACK":
        this.respond(transaction, this.provisionallyAcknowledged(request, now) ? 200 : 481, now);
        break;
      default:
        this.respond(transaction, 405, now, [allow]);
    }
  }

  /** RFC 3262 §3: true when a provisional response waited for it. */
  protected provisionallyAcknowledged(_request: SipRequest, _now: number): boolean {
    return false;
  }

  #renegotiated(transaction: ServerTransaction, now: number): void {
    const { request } = transaction;
    if (tooSmall(request)) {
      this.respond(transaction, 422, now, [["Min-SE", String(minSe)]]);
    } else if (request.body.length === 0) {
      if (request.method === "INVITE") {
        // An offer of ours in the 200 would need one of the far end's making.
        this.respond(transaction, 488, now, [
          ["Warning", '399 switchboard "an INVITE must bring its offer"'],
        ]);
        return;
      }
      this.dialog?.refresh(request);
      const headers = [ownContact(transaction.flow, this.tag), ...this.timer.answered(request, now)];
      this.respond(transaction, 200, now, headers);
    } else if (contentType(request) !== sdpType) {
      this.respond(transaction, 415, now, [["Accept", sdpType]]);
    } else if (!this.active) this.respond(transaction, 491, now);
    else this.#nearOffered(transaction, now);
  }

  #informed(transaction: ServerTransaction, now: number): void {
    const { request } = transaction;
    const text = bodyText(request) ?? "";
    const type = contentType(request);
    if (type === fragmentType) {
      const fragment = parseFragment(text);
      this.respond(transaction, fragment === undefined ? 400 : 200, now);
      if (fragment !== undefined) this.tellCandidates(fragment.candidates, fragment.complete, now);
      return;
    }
    const digits = type === undefined ? undefined : parseDigits(type, text);
    if (digits !== undefined) {
      this.respond(transaction, 200, now);
      this.digits(digits.digit, digits.duration, now);
    } else if (type === undefined) this.respond(transaction, 200, now);
    else
      this.respond(transaction, 415, now, [
        ["Accept", `application/dtmf-relay, application/dtmf, ${fragmentType}`],
      ]);
  }

  /** The phone pressed a key: the other device is told. */
  protected abstract digits(digit: string, duration: number, now: number): void;

  /** The other device pressed a key. */
  sendDigit(digit: string, duration: number, now: number): void {
    const { flow } = this;
    if (flow === undefined || !this.active) return;
    this.send(this.inDialog("INFO", flow, [], digitsBody(digit, duration)), flow, now);
  }

  // To the core

  /** Sends a description of the phone, with its candidates in it, once the session is active. */
  protected tell(description: { type: "offer" | "answer"; sdp: string }, now: number): void {
    const { session, pair, generation } = this;
    const fields = {
      session,
      pair,
      generation,
      description,
      ...(this.trickles ? {} : { endOfCandidates: true }),
    };
    this.phone.ask("signal", fields, now, (outcome, later) => this.#untold(outcome, later));
  }

  protected tellCandidates(candidates: readonly TrickleCandidate[], end: boolean, now: number): void {
    if (candidates.length === 0 && !end) return;
    const { session, pair, generation } = this;
    const fields = {
      session,
      pair,
      generation,
      ...(candidates.length > 0 && { candidates: [...candidates] }),
      ...(end && { endOfCandidates: true }),
    };
    this.phone.ask("signal", fields, now);
  }

  /** The core took no description: where the phone waits, it hears so. */
  #untold(outcome: Outcome, now: number): void {
    if (!("error" in outcome)) return;
    const transaction = this.#takeNearOfferBack();
    if (transaction !== undefined) this.respond(transaction, 488, now);
  }

  /** A description without its candidates, and these. */
  protected stripped(sdp: string):
    | {
        readonly description: SessionDescription;
        readonly sdp: string;
        readonly candidates: readonly TrickleCandidate[];
      }
    | undefined {
    const parsed = parseDescription(sdp);
    if (parsed === undefined || parsed.media.length === 0) return undefined;
    const { description, candidates } = stripCandidates(parsed);
    return { description: parsed, sdp: formatDescription(description), candidates };
  }

  // To the phone

  protected respond(
    transaction: ServerTransaction,
    status: number,
    now: number,
    headers: readonly HeaderEntry[] = [],
  ): void {
    transaction.respond(makeResponse(transaction.request, status, { toTag: this.tag, headers }), now);
  }

  protected inDialog(
    method: string,
    flow: Flow,
    headers: readonly HeaderEntry[],
    body?: Content,
  ): SipRequest {
    const via = newVia(this.agent, flow);
    return this.dialog!.request(method, { via, headers, ...(body === undefined ? {} : { body }) });
  }

  /** Sends a request whose outcome matters only in that a dialog that the phone does not know is over. */
  protected send(
    request: SipRequest,
    flow: Flow,
    now: number,
    done?: (response: SipResponse, now: number) => void,
  ): void {
    const user: ClientUser = {
      response: (response, later) => {
        if (response.status < 200) return;
        if (response.status === 481 || response.status === 408) this.#dialogLost(later);
        else done?.(response, later);
      },
      failed: (why, later) => {
        if (why === "timeout") this.#dialogLost(later);
      },
    };
    this.agent.transactions.send(request, flow, user, now);
  }

  #dialogLost(now: number): void {
    if (this.ended) return;
    this.phone.ask("hangup", { session: this.session, reason: "failed" }, now);
    this.close(now);
  }

  /** RFC 4028 §10. */
  #refresh(now: number): void {
    const { flow } = this;
    if (flow === undefined || this.dialog === undefined || this.unacknowledged !== undefined) return;
    if (this.#offersUpdate) {
      const headers: HeaderEntry[] = [ownContact(flow, this.tag), ["Supported", "timer"]];
      this.send(this.inDialog("UPDATE", flow, headers), flow, now, (response, later) =>
        this.timer.agreed(response, later),
      );
      return;
    }
    const sdp = this.far.whole();
    if (sdp !== undefined && !this.busy) this.reinvite(sdp, now, { answered: () => {}, refused: () => {} });
  }

  #trickle(candidates: readonly TrickleCandidate[], complete: boolean, now: number): void {
    const { flow } = this;
    if (flow === undefined) return;
    const parsed = this.far.plain === undefined ? undefined : parseDescription(this.far.plain);
    const [section] = parsed?.media ?? [];
    const credentials = parsed && section && iceCredentials(parsed, section);
    const content = formatFragment({
      candidates,
      complete,
      ufrag: credentials?.ufrag,
      pwd: credentials?.pwd,
    });
    const headers: HeaderEntry[] = [
      ["Info-Package", "trickle-ice"],
      ["Content-Disposition", "Info-Package"],
    ];
    this.send(this.inDialog("INFO", flow, headers, { type: fragmentType, content }), flow, now);
  }

  /** What a message of the phone says that it can do. */
  protected noteAbilities({ headers }: SipMessage): void {
    if (headers.has("Allow")) this.#offersUpdate = headers.includes("Allow", "UPDATE");
    if (headers.has("Supported"))
      this.trickles =
        headers.includes("Supported", "trickle-ice") && headers.includes("Recv-Info", "trickle-ice");
  }

  // The end

  /** Hangs up from this side: the phone and the core are told. */
  protected hangUp(reason: "hangup" | "failed", detail: string, now: number): void {
    if (this.ended) return;
    this.phone.ask("hangup", { session: this.session, reason, detail }, now);
    this.farEnded(reason, now);
  }

  protected farEnded(reason: WireReason, now: number): void {
    if (this.ended) return;
    // RFC 3261 §15: not before the ACK.
    if (this.unacknowledged !== undefined) this.#byeWaits = reason;
    else if (this.active) this.bye(reason, now);
    else this.refuse(reason, now);
    this.close(now);
  }

  /** Ends the dialog. Nothing comes of an answer to it. */
  protected bye(reason: WireReason, now: number): void {
    const { flow, dialog } = this;
    if (flow === undefined || dialog === undefined) return;
    const text = reasonHeader(reason);
    const headers: HeaderEntry[] = text === undefined ? [] : [["Reason", text]];
    const user: ClientUser = { response: () => {}, failed: () => {} };
    this.agent.transactions.send(this.inDialog("BYE", flow, headers), flow, user, now);
  }

  protected close(now: number): void {
    if (this.ended) return;
    this.ended = true;
    this.far.cancel();
    this.timer.stop();
    this.#farOffer?.retry?.cancel();
    const open = this.#dropNearOffer();
    if (open !== undefined) this.respond(open, 487, now);
    this.unacknowledged?.timers[0]?.cancel();
    this.unacknowledged?.timers[1]?.cancel();
    this.keeper.over(this, now);
  }
}
