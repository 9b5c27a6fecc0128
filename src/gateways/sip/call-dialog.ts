import type { WireReason } from "../../protocol/end-reasons.ts";
import type { Deadline } from "../../shared/deadlines.ts";
import { formatDescription, type SessionDescription } from "../../wire/sdp/description.ts";
import type { ClientUser } from "./client-transaction.ts";
import type { Dialog } from "./dialog.ts";
import type { Flow } from "./flow.ts";
import {
  bodyText,
  type Content,
  type HeaderEntry,
  makeResponse,
  type SipMessage,
  type SipRequest,
  type SipResponse,
} from "./message.ts";
import type { Phone } from "./phone.ts";
import { phoneDescription } from "./phone-description.ts";
import { reasonHeader } from "./reasons.ts";
import type { ServerTransaction } from "./server-transaction.ts";
import { SessionTimer } from "./session-timer.ts";
import { abilities, newVia, ownContact, type SipContext } from "./sip-context.ts";
import { giveUp, t1, t2 } from "./timers.ts";

export const sdpType = "application/sdp";

/** The dialog of a call with its phone, which outlives the phone's connections. */
export abstract class CallDialog {
  readonly agent: SipContext;
  readonly phone: Phone;
  dialog: Dialog | undefined;
  protected readonly tag: string;
  protected readonly timer: SessionTimer;
  protected ended = false;
  /** The last description of the phone. */
  protected phoneSide: SessionDescription | undefined;
  /** Our 2xx that waits for its ACK. Nothing is offered before the ACK: JsSIP would lose the call. */
  protected unacknowledged: { readonly sequence: number; readonly timers: Deadline[] } | undefined;
  /** The phone takes candidates by INFO (RFC 8840). */
  protected trickles = false;
  #offersUpdate = false;

  constructor(agent: SipContext, phone: Phone) {
    this.agent = agent;
    this.phone = phone;
    this.tag = agent.random(9);
    this.timer = new SessionTimer(agent.clock, {
      refresh: (now) => this.#refresh(now),
      expired: (now) => this.hangUp("failed", "session timer", now),
    });
  }

  /** The flow that reaches the phone now. */
  get flow(): Flow | undefined {
    return this.phone.flow;
  }

  /** Ends the call, and tells the core and the phone. */
  protected abstract hangUp(reason: "hangup" | "failed", detail: string, now: number): void;
  /** The description for a re-INVITE that only refreshes the session. Undefined when the re-INVITE has to wait. */
  protected abstract get unchanged(): string | undefined;

  /** Answers an INVITE or UPDATE with 2xx and a description. The 2xx to an INVITE is repeated until its ACK. */
  protected accept(transaction: ServerTransaction, sdp: string, now: number): void {
    const { request, flow } = transaction;
    const headers: HeaderEntry[] = [
      ownContact(flow, this.tag),
      ...abilities,
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
    timers[1] = this.agent.clock.after(giveUp, now, (later) => {
      // §13.3.1.4: the dialog exists all the same, and a BYE ends it.
      timers[0]?.cancel();
      this.unacknowledged = undefined;
      this.neverAcknowledged(later);
    });
    this.unacknowledged = { sequence: response.cseq.sequence, timers };
  }

  /** Sends a re-INVITE and acknowledges the response. `refused` gets 0 when the connection is lost. */
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
    const request = this.inDialog("INVITE", flow, [ownContact(flow, this.tag), ...abilities], {
      type: sdpType,
      content: sdp,
    });
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
        const parsed =
          answer === undefined ? undefined : phoneDescription(answer, { offer: sdp, before: this.phoneSide });
        if (parsed === undefined) then.refused(488, later);
        else {
          this.phoneSide = parsed;
          then.answered(formatDescription(parsed), later);
        }
      },
      failed: (why, later) => {
        if (!done) then.refused(why === "transport" ? 0 : 408, later);
        done = true;
      },
    };
    this.agent.transactions.send(request, flow, user, now);
  }

  /** Sends the ACK of a 2xx to our INVITE. */
  protected acknowledge(response: SipResponse, _now: number): void {
    const { flow, dialog } = this;
    if (flow === undefined || dialog === undefined) return;
    const { sequence } = response.cseq;
    flow.send(dialog.request("ACK", { via: newVia(this.agent, flow), sequence }));
  }

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

  /** Sends a request. The dialog is over if the phone no longer knows it. `undelivered`: the connection was lost. */
  protected send(
    request: SipRequest,
    flow: Flow,
    now: number,
    done?: (response: SipResponse, now: number) => void,
    undelivered?: (now: number) => void,
  ): void {
    const user: ClientUser = {
      response: (response, later) => {
        if (response.status < 200) return;
        if (response.status === 481 || response.status === 408) this.dialogLost(later);
        else done?.(response, later);
      },
      failed: (why, later) => {
        if (why === "timeout") this.dialogLost(later);
        else undelivered?.(later);
      },
    };
    this.agent.transactions.send(request, flow, user, now);
  }

  /** No ACK came in time. */
  protected abstract neverAcknowledged(now: number): void;

  /** The phone no longer knows the dialog, or does not answer. */
  protected abstract dialogLost(now: number): void;

  /** Refreshes the session (RFC 4028 §10). */
  #refresh(now: number): void {
    const { flow } = this;
    if (flow === undefined || this.dialog === undefined || this.unacknowledged !== undefined) return;
    if (this.#offersUpdate) {
      const headers: HeaderEntry[] = [ownContact(flow, this.tag), ...abilities];
      this.send(this.inDialog("UPDATE", flow, headers), flow, now, (response, later) =>
        this.timer.agreed(response, later),
      );
      return;
    }
    const sdp = this.unchanged;
    if (sdp !== undefined) this.reinvite(sdp, now, { answered: () => {}, refused: () => {} });
  }

  /** Notes the abilities that a message of the phone tells. */
  protected noteAbilities({ headers }: SipMessage): void {
    if (headers.has("Allow")) this.#offersUpdate = headers.includes("Allow", "UPDATE");
    if (headers.has("Supported"))
      this.trickles =
        headers.includes("Supported", "trickle-ice") && headers.includes("Recv-Info", "trickle-ice");
  }

  /** Ends the dialog with a BYE, whatever the answer is. */
  protected bye(reason: WireReason, now: number): void {
    const { flow, dialog } = this;
    if (flow === undefined || dialog === undefined) return;
    const text = reasonHeader(reason);
    const headers: HeaderEntry[] = text === undefined ? [] : [["Reason", text]];
    const user: ClientUser = { response: () => {}, failed: () => {} };
    this.agent.transactions.send(this.inDialog("BYE", flow, headers), flow, user, now);
  }
}
