import type { WireReason } from "../../protocol/end-reasons.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import type { Capabilities } from "../../protocol/values.ts";
import { fragmentType, parseFragment } from "../../wire/sdp/fragment.ts";
import { sdpType } from "./call-dialog.ts";
import type { Dialog } from "./dialog.ts";
import { type Digit, digitsBody, parseDigits } from "./digits.ts";
import { bodyText, contentType, type HeaderEntry, type SipRequest } from "./message.ts";
import { NegotiatedCall } from "./negotiated-call.ts";
import type { Phone, PhoneCall } from "./phone.ts";
import type { ServerTransaction } from "./server-transaction.ts";
import { minSe, tooSmall } from "./session-timer.ts";
import { abilities, allow, ownContact, recvInfo, type SipContext } from "./sip-context.ts";

/** In mid-call nobody at the core side is asked for an offer. */
const delayedOffer: HeaderEntry = ["Warning", '399 switchboard "a re-INVITE must bring its offer"'];

/** Whom a phone talks to. */
export interface OtherEnd {
  readonly user: string;
  readonly device?: string | undefined;
}

/** What a call tells the table of calls. */
export interface CallKeeper {
  /** The call's INVITE has this Call-ID, and its session is known. */
  invited(call: Call, callId: string): void;
  /** The call has a dialog: requests in that belong to the call. */
  dialogOpened(call: Call, dialog: Dialog): void;
  /** The call is over. Its dialog is kept for late requests. */
  over(call: Call, now: number): void;
}

/**
 * A phone's leg of a session, as a back-to-back user agent: a dialog with the phone on one side, a leg of the core's session on the
 * other. This class has what both directions of call share: messages of either side, and the end.
 */
export abstract class Call extends NegotiatedCall implements PhoneCall {
  protected readonly keeper: CallKeeper;
  /** Why the call ended before the phone's ACK came. */
  #byeWaits: WireReason | undefined;

  constructor(agent: SipContext, keeper: CallKeeper, phone: Phone) {
    super(agent, phone);
    this.keeper = keeper;
  }

  // From the core

  push(push: PushBody, now: number): void {
    switch (push.type) {
      case "signal":
        this.signaled(push, now);
        break;
      case "restart":
        if (push.pair === this.pair) this.restarted(push.generation);
        break;
      case "resync":
        this.resync(now);
        break;
      case "pair":
        this.pairOpened(push);
        break;
      case "move_failed":
        this.moveFailed(push.pair);
        break;
      case "ended":
        this.coreSideEnded(push.reason, now);
        break;
      default:
        this.pushed(push, now);
    }
  }

  /** A push that only one direction of call gets. */
  protected abstract pushed(push: PushBody, now: number): void;
  /** The session is over, and there is no dialog for a BYE. */
  protected abstract refuse(reason: WireReason, now: number): void;

  // Requests of the phone

  /** A request in the dialog. */
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
        this.respond(transaction, 200, now, [...abilities, ["Accept", sdpType]]);
        break;
      case "PRACK":
        this.respond(transaction, this.provisionallyAcknowledged(request, now) ? 200 : 481, now);
        break;
      default:
        this.respond(transaction, 405, now, [allow]);
    }
  }

  /** A PRACK (RFC 3262 §3). True when a provisional response waited for it. */
  protected provisionallyAcknowledged(_request: SipRequest, _now: number): boolean {
    return false;
  }

  #renegotiated(transaction: ServerTransaction, now: number): void {
    const { request } = transaction;
    if (tooSmall(request)) {
      this.respond(transaction, 422, now, [["Min-SE", String(minSe)]]);
    } else if (request.body.length === 0) {
      if (request.method === "INVITE") {
        this.respond(transaction, 488, now, [delayedOffer]);
        return;
      }
      this.dialog?.refresh(request);
      const headers = [ownContact(transaction.flow, this.tag), ...this.timer.answered(request, now)];
      this.respond(transaction, 200, now, headers);
    } else if (contentType(request) !== sdpType) {
      this.respond(transaction, 415, now, [["Accept", sdpType]]);
    } else if (!this.active) this.respond(transaction, 491, now);
    else this.phoneSideOffered(transaction, now);
  }

  #informed(transaction: ServerTransaction, now: number): void {
    const { request } = transaction;
    const text = bodyText(request) ?? "";
    const type = contentType(request);
    const about = request.headers.get("Info-Package")?.split(";")[0]?.trim().toLowerCase();
    if (about !== undefined && about !== "trickle-ice") {
      // RFC 6086 §4.2.2
      this.respond(transaction, 469, now, [recvInfo]);
      return;
    }
    if (type === fragmentType) {
      const fragment = parseFragment(text);
      this.respond(transaction, fragment === undefined ? 400 : 200, now);
      if (fragment !== undefined) this.trickled(fragment, now);
      return;
    }
    const digits = type === undefined ? undefined : parseDigits(type, text);
    if (digits !== undefined) {
      this.respond(transaction, 200, now);
      this.#pressed(digits, now);
    } else if (type === undefined) this.respond(transaction, 200, now);
    else
      this.respond(transaction, 415, now, [
        ["Accept", `application/dtmf-relay, application/dtmf, ${fragmentType}`],
      ]);
  }

  /** Whom the phone talks to; undefined while nobody has answered. */
  protected abstract get otherEnd(): OtherEnd | undefined;

  /** The phone pressed a key. Tells the other device. */
  #pressed({ digit, duration }: Digit, now: number): void {
    const { user, device } = this.otherEnd ?? {};
    if (device === undefined) return;
    this.phone.ask(
      "send",
      { to: `${user}/${device}`, body: { digit, duration, session: this.session } },
      now,
    );
  }

  /**
   * A device pressed a key. Tells the phone, provided that it is the device at the other end: to know the id of a session is no
   * right to speak in it.
   */
  sendDigit(from: OtherEnd, { digit, duration }: Digit, now: number): void {
    const { flow, otherEnd } = this;
    if (flow === undefined || !this.active || otherEnd?.device === undefined) return;
    if (from.user !== otherEnd.user || from.device !== otherEnd.device) return;
    this.send(this.inDialog("INFO", flow, [], digitsBody(digit, duration)), flow, now);
  }

  /** The ACK of our 2xx. */
  acknowledged(request: SipRequest, now: number): void {
    if (request.cseq.sequence !== this.unacknowledged?.sequence) return;
    for (const timer of this.unacknowledged.timers) timer.cancel();
    this.unacknowledged = undefined;
    if (this.#byeWaits !== undefined) this.bye(this.#byeWaits, now);
    if (!this.ended) this.goOn(now);
  }

  // The end

  protected override neverAcknowledged(now: number): void {
    if (this.#byeWaits !== undefined) this.bye(this.#byeWaits, now);
    else this.hangUp("failed", "no ACK", now);
  }

  /** The phone is gone for good. */
  gone(now: number): void {
    if (this.ended) return;
    if (this.session !== "")
      this.phone.ask("hangup", { session: this.session, reason: "failed", detail: "signaling lost" }, now);
    this.close(now);
  }

  protected override dialogLost(now: number): void {
    if (this.ended) return;
    this.phone.ask("hangup", { session: this.session, reason: "failed" }, now);
    this.close(now);
  }

  /** Hangs up: tells the phone and the core. */
  protected override hangUp(reason: "hangup" | "failed", detail: string, now: number): void {
    if (this.ended) return;
    this.phone.ask("hangup", { session: this.session, reason, detail }, now);
    this.coreSideEnded(reason, now);
  }

  protected coreSideEnded(reason: WireReason, now: number): void {
    if (this.ended) return;
    // RFC 3261 §15: not before the ACK.
    if (this.unacknowledged !== undefined) this.#byeWaits = reason;
    else if (this.active) this.bye(reason, now);
    else this.refuse(reason, now);
    this.close(now);
  }

  protected close(now: number): void {
    if (this.ended) return;
    this.ended = true;
    this.timer.stop();
    this.dropOffers(now);
    // If a BYE waits for the ACK, the 2xx is still repeated until then.
    if (this.#byeWaits === undefined) for (const timer of this.unacknowledged?.timers ?? []) timer.cancel();
    this.keeper.over(this, now);
  }
}

/** The capabilities of the other end's device. */
export function capabilitiesOf({ core }: SipContext, peer: OtherEnd | undefined): Capabilities {
  return (peer?.device === undefined ? undefined : core.capabilities(peer.user, peer.device)) ?? {};
}
