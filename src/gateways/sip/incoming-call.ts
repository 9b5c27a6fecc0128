import type { WireReason } from "../../protocol/end-reasons.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import type { ReplyOf } from "../../protocol/replies.ts";
import type { RequestOf } from "../../protocol/requests.ts";
import type { Capabilities, Description } from "../../protocol/values.ts";
import type { Deadline } from "../../shared/deadlines.ts";
import { mediaKinds } from "../../wire/sdp/attributes.ts";
import { Call, type CallKeeper, capabilitiesOf, type OtherEnd } from "./call.ts";
import { sdpType } from "./call-dialog.ts";
import { Dialog } from "./dialog.ts";
import type { Flow } from "./flow.ts";
import { type HeaderEntry, headerNumber, makeResponse, type SipRequest } from "./message.ts";
import { sessionDescription } from "./multipart.ts";
import type { Phone } from "./phone.ts";
import { type Refusal, refusalOf, refusalOfError } from "./reasons.ts";
import { RejectedOffer } from "./rejected-offer.ts";
import { acceptObjection, contentObjection } from "./sanity.ts";
import type { ServerTransaction } from "./server-transaction.ts";
import { minSe, tooSmall } from "./session-timer.ts";
import { abilities, ownContact, type SipContext } from "./sip-context.ts";
import { giveUp, t1 } from "./timers.ts";

/** A 1xx that waits for its PRACK (RFC 3262 §3). */
interface Reliable {
  readonly sequence: number;
  timer: Deadline;
}

/** A call that the phone makes: it sends the INVITE, and the core rings the callee (RFC 3261 §13.3). */
export class IncomingCall extends Call {
  readonly #transaction: ServerTransaction;
  readonly #to: string;
  #peer: OtherEnd | undefined;
  #reliable: Reliable | undefined;
  /** What the 200 says: the core side's answer, or its offer to a phone that has made none. */
  #coreSideAnswer: Description | undefined;
  /** The INVITE had no offer: the 200 has the core side's, and the ACK the phone's answer (RFC 3261 §13.2.1). */
  #delayed = false;
  #coreSideFirst = false;
  /** The phone's offer, where the core side makes one of its own in its place. */
  #rejected: RejectedOffer | undefined;
  /** The description of the 200, which waits for a PRACK. */
  #answerWaits: string | undefined;
  #rang: Deadline | undefined;

  constructor(
    agent: SipContext,
    keeper: CallKeeper,
    phone: Phone,
    transaction: ServerTransaction,
    to: string,
  ) {
    super(agent, keeper, phone);
    this.#transaction = transaction;
    this.#to = to;
    this.coreSideIsPolite = true;
  }

  protected override get ownsCallId(): boolean {
    return false;
  }

  protected override get coreSideFirst(): boolean {
    return this.#coreSideFirst;
  }

  protected override toPhone(sdp: string): string {
    return this.#rejected?.toPhone(sdp) ?? sdp;
  }

  protected override fromPhone(sdp: string): string {
    return this.#rejected?.fromPhone(sdp, this.coreSide.plain) ?? sdp;
  }

  protected override get coreSideCapabilities(): Capabilities {
    return capabilitiesOf(this.agent, this.#peer);
  }

  /** The INVITE's transaction, for a CANCEL. */
  get transaction(): ServerTransaction {
    return this.#transaction;
  }

  /** Refuses the call, or rings the callee. */
  start(now: number): void {
    const { request } = this.#transaction;
    const wrong =
      contentObjection(request, [sdpType, "multipart/mixed"]) ?? acceptObjection(request, sdpType);
    if (tooSmall(request)) this.#refuseWith({ status: 422 }, now, [["Min-SE", String(minSe)]]);
    else if (wrong !== undefined) this.#refuseWith(wrong, now, wrong.headers);
    else if (request.body.length === 0) this.#startWithoutOffer(now);
    else {
      const text = sessionDescription(request);
      const offer = text === undefined ? undefined : this.stripped(text);
      this.dialog = Dialog.ofServer(request, this.tag);
      if (offer === undefined) this.#refuseWith({ status: 488 }, now);
      else if (this.dialog === undefined) this.#refuseWith({ status: 400 }, now);
      else {
        this.phoneSide = offer.description;
        this.noteAbilities(request);
        this.phoneSideCandidates.add(offer.candidates, !this.trickles);
        const media = mediaKinds(offer.description);
        this.#ring({ media, description: { type: "offer", sdp: offer.sdp } }, this.dialog, now);
      }
    }
  }

  #startWithoutOffer(now: number): void {
    const { request } = this.#transaction;
    this.dialog = Dialog.ofServer(request, this.tag);
    if (this.dialog === undefined) {
      this.#refuseWith({ status: 400 }, now);
      return;
    }
    this.noteAbilities(request);
    this.#delayed = true;
    // What the phone has is not known: the callee offers what it likes.
    this.#ring({ media: { audio: true }, offer: false }, this.dialog, now);
  }

  #ring(
    offered: Pick<RequestOf<"call">, "media" | "description" | "offer">,
    dialog: Dialog,
    now: number,
  ): void {
    this.keeper.dialogOpened(this, dialog);
    const seconds = headerNumber(this.#transaction.request, "Expires");
    const timeout = seconds === undefined ? undefined : Math.min(Math.max(seconds, 1), 600) * 1_000;
    const fields = { to: this.#to, ...offered, ...(timeout === undefined ? {} : { timeout }) };
    this.phone.ask("call", fields, now, (outcome, later) => {
      if ("error" in outcome) this.#refuseWith(refusalOfError(outcome.error), later);
      else {
        const { session } = outcome.ok as ReplyOf<"call">;
        // The phone gave up while the call was being decided.
        if (this.ended) {
          this.phone.ask("cancel", { session }, later);
          return;
        }
        this.session = session;
        this.phone.calls.set(session, this);
        this.keeper.invited(this, this.#transaction.request.callId);
      }
    });
  }

  /** The phone gave up (RFC 3261 §9.2). */
  cancel(now: number): void {
    if (this.active || this.ended) return;
    this.#respond(487, now);
    this.phone.ask("cancel", { session: this.session }, now);
    this.close(now);
  }

  override moved(flow: Flow | undefined, now: number): void {
    if (this.active) super.moved(flow, now);
    else if (flow === undefined && !this.ended) {
      // Nobody is left to get an answer.
      this.phone.ask("cancel", { session: this.session }, now);
      this.close(now);
    }
  }

  protected override pushed(push: PushBody, now: number): void {
    if (push.type === "ringing") this.#alert(now);
    else if (push.type === "moved") this.#peer = push.peer;
    else if (push.type === "accepted") {
      this.#peer = push.peer;
      const { session, device, description } = push;
      this.generation = push.generation;
      this.#coreSideFirst = push.offer === false;
      if (this.#coreSideFirst) {
        this.coreSideIsPolite = false;
        // They were of an offer that is void.
        this.phoneSideCandidates.restart();
      }
      this.phone.ask("confirm", { session, device }, now, (outcome, later) => {
        if (!("error" in outcome)) this.tellCandidates(later);
      });
      if (description === undefined) return;
      this.coreSide.describe(description);
      this.firstDescribed(description.type, now);
    }
  }

  #alert(now: number): void {
    if (this.#rang !== undefined || this.ended) return;
    const { request } = this.#transaction;
    if (request.headers.includes("Require", "100rel")) this.#ringReliably(now);
    else this.#ringing(now);
  }

  /** Sends a provisional response, and repeats it every minute, so that no proxy gives up (§13.3.1.1). */
  #ringing(now: number, headers: readonly HeaderEntry[] = []): void {
    this.#respond(180, now, [ownContact(this.#transaction.flow, this.tag), ...abilities, ...headers]);
    if (headers.length === 0)
      this.#rang = this.agent.clock.after(60_000, now, (later) => this.#ringing(later));
  }

  #ringReliably(now: number): void {
    const sequence = 1 + Math.floor(this.agent.jitter() * 1_000_000);
    const headers: HeaderEntry[] = [
      ["Require", "100rel"],
      ["RSeq", String(sequence)],
    ];
    const started = now;
    const again = (wait: number, from: number): Deadline =>
      this.agent.clock.after(wait, from, (later) => {
        if (later - started >= giveUp) {
          this.#refuseWith({ status: 504 }, later);
          this.phone.ask("cancel", { session: this.session }, later);
          return;
        }
        this.#ringing(later, headers);
        if (this.#reliable !== undefined) this.#reliable.timer = again(wait * 2, later);
      });
    this.#ringing(now, headers);
    this.#rang = again(t1, now);
    this.#reliable = { sequence, timer: this.#rang };
  }

  protected override provisionallyAcknowledged(request: SipRequest, now: number): boolean {
    const [sequence, invite, method] = (request.headers.get("RAck") ?? "").split(/\s+/);
    const waits = this.#reliable;
    if (waits === undefined || Number(sequence) !== waits.sequence || method !== "INVITE") return false;
    if (Number(invite) !== this.#transaction.request.cseq.sequence) return false;
    waits.timer.cancel();
    this.#reliable = undefined;
    // After the 200 of the PRACK.
    const sdp = this.#answerWaits;
    if (sdp !== undefined)
      this.agent.clock.after(0, now, (later) => {
        this.#accept(sdp, later);
        if (this.#rejected !== undefined && this.active) this.coreSideOffered(later);
      });
    return true;
  }

  /** The core side answered, or makes the offer. That is sent when its candidates are there. */
  protected override firstDescribed(type: "offer" | "answer", now: number): void {
    const expected = this.#coreSideFirst ? "offer" : "answer";
    if (type !== expected) return;
    if (this.#coreSideFirst && !this.#delayed) {
      this.#answerWithOffer(now);
      return;
    }
    this.#coreSideAnswer = this.coreSide.description;
    this.whenTellable(now, (later) => this.#answer(later));
  }

  /** The core side's offer takes the place of the phone's, which is rejected first. */
  #answerWithOffer(now: number): void {
    if (this.phoneSide === undefined || this.#rejected !== undefined) return;
    this.#rejected = new RejectedOffer(this.phoneSide);
    this.#accept(this.#rejected.answer, now);
    if (this.active) this.coreSideOffered(now);
  }

  #answer(now: number): void {
    const sdp = this.coreSideDescription(this.#coreSideAnswer);
    if (sdp !== undefined) this.#accept(sdp, now);
  }

  #accept(sdp: string, now: number): void {
    if (this.active || this.ended) return;
    // RFC 3262 §3: no 2xx while a reliable provisional response is unacknowledged.
    this.#answerWaits = this.#reliable === undefined ? undefined : sdp;
    if (this.#answerWaits !== undefined) return;
    this.#rang?.cancel();
    this.active = true;
    this.accept(this.#transaction, sdp, now);
  }

  override acknowledged(request: SipRequest, now: number): void {
    const awaited = this.#delayed && request.cseq.sequence === this.unacknowledged?.sequence;
    super.acknowledged(request, now);
    if (!awaited || this.ended) return;
    this.#delayed = false;
    const text = sessionDescription(request);
    const answer = text === undefined ? undefined : this.stripped(text, { offer: this.coreSide.plain });
    if (answer === undefined) {
      this.hangUp("failed", "no answer in the ACK", now);
      return;
    }
    this.coreSide.agree(answer.description);
    this.phoneSide = answer.description;
    this.phoneSideCandidates.add(answer.candidates, !this.trickles);
    this.tell({ type: "answer", sdp: answer.sdp }, now);
  }

  protected override refuse(reason: WireReason, now: number): void {
    this.#refuseWith(refusalOf(reason), now);
  }

  #refuseWith(refusal: Refusal, now: number, more: readonly HeaderEntry[] = []): void {
    const headers: HeaderEntry[] = [...more];
    if (refusal.reason !== undefined) headers.push(["Reason", refusal.reason]);
    if (refusal.retryAfter !== undefined) headers.push(["Retry-After", String(refusal.retryAfter)]);
    this.#respond(refusal.status, now, headers);
    this.close(now);
  }

  #respond(status: number, now: number, headers: readonly HeaderEntry[] = []): void {
    const { request } = this.#transaction;
    this.#transaction.respond(makeResponse(request, status, { toTag: this.tag, headers }), now);
  }

  protected override close(now: number): void {
    this.#rang?.cancel();
    this.#reliable?.timer.cancel();
    super.close(now);
  }

  protected override get otherEnd(): OtherEnd | undefined {
    return this.#peer;
  }
}
