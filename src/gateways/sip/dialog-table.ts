import type { PushOf } from "../../protocol/pushes.ts";
import type { Call, CallKeeper } from "./call.ts";
import type { Dialog } from "./dialog.ts";
import { IncomingCall } from "./incoming-call.ts";
import { OutgoingCall } from "./outgoing-call.ts";
import type { Phone } from "./phone.ts";
import type { ServerTransaction } from "./server-transaction.ts";
import type { SipContext } from "./sip-context.ts";
import { giveUp } from "./timers.ts";

/** The calls of all phones, by their dialog, or by the INVITE that a CANCEL is about. */
export class DialogTable implements CallKeeper {
  readonly #agent: SipContext;
  readonly #ended: (phone: Phone, now: number) => void;
  /** By the key of their dialog. Calls that have ended are kept for a while, to answer late requests. */
  readonly #dialogs = new Map<string, Call>();
  readonly #ringing = new Map<ServerTransaction, IncomingCall>();
  #size = 0;

  /** `ended`: one of the phone's calls is over. */
  constructor(agent: SipContext, ended: (phone: Phone, now: number) => void) {
    this.#agent = agent;
    this.#ended = ended;
  }

  /** The number of calls that have not ended. */
  get size(): number {
    return this.#size;
  }

  /** The call of a dialog. */
  of(key: string | undefined): Call | undefined {
    return key === undefined ? undefined : this.#dialogs.get(key);
  }

  /** A phone calls. */
  incoming(transaction: ServerTransaction, phone: Phone, to: string, now: number): void {
    const call = new IncomingCall(this.#agent, this, phone, transaction, to);
    this.#ringing.set(transaction, call);
    this.#size += 1;
    this.#agent.words.begun(transaction.request.callId, call);
    call.start(now);
  }

  /** A phone is called. */
  outgoing(phone: Phone, push: Omit<PushOf<"incoming">, "seq">, now: number): void {
    const call = new OutgoingCall(this.#agent, this, phone, push);
    this.#size += 1;
    phone.calls.set(push.session, call);
    call.begin(now);
  }

  /** The phone cancels its INVITE. */
  cancelled(invite: ServerTransaction, now: number): void {
    this.#ringing.get(invite)?.cancel(now);
  }

  // CallKeeper

  invited(call: Call, callId: string): void {
    this.#agent.words.begun(callId, call);
  }

  dialogOpened(call: Call, dialog: Dialog): void {
    this.#dialogs.set(dialog.key, call);
  }

  over(call: Call, now: number): void {
    this.#size -= 1;
    if (call instanceof IncomingCall) this.#ringing.delete(call.transaction);
    if (call.session !== "" && call.phone.calls.get(call.session) === call)
      call.phone.calls.delete(call.session);
    const { key, callId } = call.dialog ?? {};
    if (key !== undefined && callId !== undefined)
      this.#agent.clock.after(giveUp, now, () => {
        this.#agent.words.over(callId);
        if (this.#dialogs.get(key) === call) this.#dialogs.delete(key);
      });
    this.#ended(call.phone, now);
  }
}
