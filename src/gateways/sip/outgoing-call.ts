import type { WireReason } from "../../protocol/end-reasons.ts";
import type { PushBody, PushOf } from "../../protocol/pushes.ts";
import type { Capabilities } from "../../protocol/values.ts";
import type { Deadline } from "../../shared/deadlines.ts";
import { formatDescription } from "../../wire/sdp/description.ts";
import { Call, type CallKeeper, capabilitiesOf, type OtherEnd } from "./call.ts";
import { sdpType } from "./call-dialog.ts";
import type { ClientTransaction } from "./client-transaction.ts";
import { Dialog } from "./dialog.ts";
import type { Flow } from "./flow.ts";
import { bodyText, type HeaderEntry, makeRequest, type SipRequest, type SipResponse } from "./message.ts";
import { nameAddress } from "./name-address.ts";
import type { Phone } from "./phone.ts";
import { declineOf, reasonHeader } from "./reasons.ts";
import { abilities, addressOfRecord, newVia, ownContact, type SipContext } from "./sip-context.ts";

interface Invite {
  readonly request: SipRequest;
  readonly flow: Flow;
  transaction: ClientTransaction | undefined;
}

/** How much longer the INVITE lets a phone ring, in s: the core ends the ring, with a CANCEL. */
const expiresMargin = 5;

/** A call to the phone: the core rings it, and the gateway sends the INVITE (RFC 3261 §13.2). */
export class OutgoingCall extends Call {
  readonly #incoming: Omit<PushOf<"incoming">, "seq">;
  #peer: PushOf<"incoming">["from"];
  #invite: Invite | undefined;
  #offerTimer: Deadline | undefined;
  /** Why the call was cancelled before the phone responded: the CANCEL waits for a provisional response (§9.1). */
  #cancelled: WireReason | undefined;
  #rang = false;
  /** The core knows that the phone has answered. */
  #accepted = false;

  constructor(
    agent: SipContext,
    keeper: CallKeeper,
    phone: Phone,
    incoming: Omit<PushOf<"incoming">, "seq">,
  ) {
    super(agent, keeper, phone);
    this.#incoming = incoming;
    this.#peer = incoming.from;
    this.session = incoming.session;
    this.pair = incoming.pair;
    this.generation = incoming.generation;
  }

  /** Rings the phone as soon as there is an offer. */
  begin(now: number): void {
    const { agent, phone } = this;
    const incoming = this.#incoming;
    const { offerTimeout } = agent.settings.limits;
    if (incoming.offer) {
      // The caller makes no offer either.
      this.#unable(now);
      return;
    }
    this.#offerTimer = agent.clock.after(offerTimeout, now, (later) => this.#unable(later));
    if (incoming.description !== undefined) {
      this.coreSide.describe(incoming.description);
      this.#start(now);
    } else if (incoming.movedFrom !== undefined)
      // The peer makes its offer once the move is accepted. The phone rings with that.
      phone.ask("accept", { session: this.session }, now, (outcome, later) => {
        this.#accepted = true;
        if ("error" in outcome) this.coreSideEnded("failed", later);
      });
  }

  protected override get ownsCallId(): boolean {
    return true;
  }

  protected override get coreSideFirst(): boolean {
    return false;
  }

  protected override get coreSideCapabilities(): Capabilities {
    return capabilitiesOf(this.agent, this.#peer);
  }

  override moved(flow: Flow | undefined, now: number): void {
    if (this.active) super.moved(flow, now);
    else if (flow !== undefined && this.coreSide.described) this.#start(now);
    else this.#invite = undefined;
  }

  protected override firstDescribed(_type: "offer" | "answer", now: number): void {
    if (this.#incoming.movedFrom === undefined) this.#start(now);
    else this.coreSide.whenGathered(now, (later) => this.#start(later));
  }

  #start(now: number): void {
    const { flow, phone } = this;
    const moves = this.#incoming.movedFrom !== undefined;
    const sdp = moves ? this.coreSide.whole() : this.coreSide.plain;
    if (flow === undefined || sdp === undefined || this.#invite !== undefined || this.ended) return;
    this.#offerTimer?.cancel();
    const { from, expires } = this.#incoming;
    const caller = addressOfRecord(from.user, phone.domain);
    const headers: HeaderEntry[] = [
      ownContact(flow, this.tag),
      ...abilities,
      ["Expires", String(Math.ceil(expires / 1_000) + expiresMargin)],
      ["P-Asserted-Identity", `<${caller.text}>`],
    ];
    const request = makeRequest({
      method: "INVITE",
      uri: phone.contact,
      via: newVia(this.agent, flow),
      from: nameAddress(caller, { tag: this.tag }, from.name),
      to: nameAddress(addressOfRecord(phone.user, phone.domain)),
      callId: this.agent.random(18),
      sequence: 1,
      headers,
      body: { type: sdpType, content: sdp },
    });
    const invite: Invite = { request, flow, transaction: undefined };
    this.#invite = invite;
    this.keeper.invited(this, request.callId);
    invite.transaction = this.agent.transactions.send(
      request,
      flow,
      {
        response: (response, later) => {
          if (this.#invite === invite) this.#answered(response, later);
        },
        failed: (why, later) => {
          if (this.#invite === invite && why === "timeout") this.#unable(later);
        },
      },
      now,
    );
  }

  #answered(response: SipResponse, now: number): void {
    const { status } = response;
    if (status < 200) this.#rings(status, now);
    else if (status < 300) this.#takes(response, now);
    else if (!this.ended) {
      this.#decline(declineOf(status), now);
    }
  }

  #rings(status: number, now: number): void {
    if (this.#cancelled !== undefined) this.#cancel(this.#cancelled, now);
    else if (status > 100 && !this.#rang) {
      this.#rang = true;
      this.phone.ask("ringing", { session: this.session }, now);
    }
  }

  #takes(response: SipResponse, now: number): void {
    if (this.dialog !== undefined) {
      this.acknowledge(response, now);
      return;
    }
    const invite = this.#invite!;
    this.dialog = Dialog.ofClient(invite.request, response);
    if (this.dialog === undefined) {
      this.#unable(now);
      return;
    }
    this.acknowledge(response, now);
    if (this.ended) {
      // The phone answered while the call was being cancelled.
      this.bye(this.#cancelled ?? "cancelled", now);
      return;
    }
    this.keeper.dialogOpened(this, this.dialog);
    this.noteAbilities(response);
    this.timer.agreed(response, now);
    const text = bodyText(response);
    const answer =
      text === undefined || text === "" ? undefined : this.stripped(text, { offer: this.coreSide.plain });
    if (answer === undefined) {
      this.bye("incompatible", now);
      this.#unable(now);
      return;
    }
    this.coreSide.agree(answer.description);
    this.phoneSide = answer.description;
    this.phoneSideCandidates.add(answer.candidates, !this.trickles);
    if (this.#accepted) {
      // A move: its pair is open, so the answer is sent as a signal.
      this.active = true;
      this.tell({ type: "answer", sdp: formatDescription(answer.description) }, now);
      return;
    }
    const description = { type: "answer", sdp: answer.sdp } as const;
    this.phone.ask("accept", { session: this.session, description }, now, (outcome, later) => {
      if (this.ended) return;
      if ("error" in outcome) {
        const elsewhere = outcome.error.code === "answered_elsewhere";
        this.bye(elsewhere ? "answered_elsewhere" : "cancelled", later);
        this.close(later);
        return;
      }
      this.active = true;
      this.#exchangeCandidates(later);
    });
  }

  /**
   * The phone rang with an offer without candidates, which contain the caller's addresses. Now that it has answered, it gets them:
   * in a re-INVITE with the same description, or by INFO if it supports trickle ICE.
   *
   * A phone without trickle ICE gets the caller's candidates first, and the caller gets the phone's once the phone has answered the re-INVITE.
   * Otherwise the caller's checks reach a phone that knows none of its addresses. baresip then takes them for peer-reflexive candidates of lower
   * priority, and settles on another pair than the caller nominates.
   */
  #exchangeCandidates(now: number): void {
    if (this.trickles) {
      this.tellCandidates(now);
      this.trickle(now);
      return;
    }
    this.coreSide.whenGathered(now, (later) => {
      const sdp = this.coreSideDescription();
      const tell = (then: number): void => this.tellCandidates(then);
      if (!this.coreSide.hasCandidates || sdp === undefined || this.busy || this.flow === undefined)
        tell(later);
      else
        this.reinvite(sdp, later, {
          answered: (_, then) => tell(then),
          refused: (_, then) => tell(then),
        });
    });
  }

  /** The phone can't be rung, or its answer is of no use: no person refused. */
  #unable(now: number): void {
    this.#decline({ reason: "incompatible", everywhere: false, automatic: true }, now);
  }

  #decline(how: ReturnType<typeof declineOf>, now: number): void {
    if (this.ended) return;
    this.phone.ask("decline", { session: this.session, ...how }, now);
    this.close(now);
  }

  protected override coreSideEnded(reason: WireReason, now: number): void {
    // A phone that answered but was not confirmed has a dialog, which must be ended.
    if (!this.active && this.dialog !== undefined && !this.ended) {
      this.bye(reason, now);
      this.close(now);
    } else super.coreSideEnded(reason, now);
  }

  protected override refuse(reason: WireReason, now: number): void {
    this.#cancelled = reason;
    if (this.#invite?.transaction?.proceeding === true) this.#cancel(reason, now);
  }

  #cancel(reason: WireReason, now: number): void {
    const invite = this.#invite;
    if (invite === undefined || !invite.flow.open) return;
    const { request } = invite;
    const text = reasonHeader(reason);
    const cancel = makeRequest({
      method: "CANCEL",
      uri: request.uri,
      via: request.via,
      from: request.from,
      to: request.to,
      callId: request.callId,
      sequence: request.cseq.sequence,
      headers: text === undefined ? [] : [["Reason", text]],
    });
    this.agent.transactions.send(cancel, invite.flow, { response: () => {}, failed: () => {} }, now);
  }

  protected override close(now: number): void {
    this.#offerTimer?.cancel();
    super.close(now);
  }

  protected override get otherEnd(): OtherEnd | undefined {
    return this.#peer;
  }

  protected override pushed(push: PushBody, _now: number): void {
    if (push.type === "moved") this.#peer = push.peer;
  }
}
