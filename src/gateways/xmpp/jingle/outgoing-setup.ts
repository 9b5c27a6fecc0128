import type { PushBody, PushOf } from "../../../protocol/pushes.ts";
import type { ReplyOf } from "../../../protocol/replies.ts";
import type { Description } from "../../../protocol/values.ts";
import type { Deadline } from "../../../shared/deadlines.ts";
import { mediaKinds } from "../../../wire/sdp/attributes.ts";
import { formatDescription, type SessionDescription } from "../../../wire/sdp/description.ts";
import { element, type XmlElement } from "../xml.ts";
import { namespaces } from "./namespaces.ts";
import { conditionOf, type EndReason, reasonOfError } from "./reasons.ts";
import { offerTimeout, type Setup, type SetupHost } from "./setup.ts";
import { type Initiation, mediaProposed } from "./stanzas.ts";

/** The set-up of a session that the client initiates: with a `session-initiate`, or with a proposal before it (XEP-0353). */
export class OutgoingSetup implements Setup {
  readonly #host: SetupHost;
  /** The core side makes the first offer, in place of the client's. */
  #inverted = false;
  /** The proposal was told to proceed. */
  #proceeds = false;
  #rang = false;
  #timer: Deadline | undefined;

  constructor(host: SetupHost) {
    this.#host = host;
  }

  get proceeds(): boolean {
    return this.#proceeds;
  }

  get takesClientCandidates(): boolean {
    const { phase, leg } = this.#host;
    return phase === "pending" && leg.session !== "" && !this.#inverted;
  }

  readonly takesCoreCandidates = false;

  // From the client

  propose(propose: XmlElement, to: string, now: number): void {
    this.#call({ to, media: mediaProposed(propose) }, now);
  }

  /** The session-initiate that calls `to`. */
  initiate(jingle: XmlElement, to: string, now: number): void {
    const description = this.#offered(jingle, now);
    if (description !== undefined) this.#call({ to, media: mediaKinds(description), description }, now);
  }

  /** The session-initiate after a proposal. */
  negotiate(jingle: XmlElement, now: number): void {
    const host = this.#host;
    const description = this.#offered(jingle, now);
    if (description === undefined) return;
    host.phase = "pending";
    if (this.#inverted) {
      if (host.media.theirs !== undefined) host.replace(now);
      return;
    }
    host.signal({ description: offerOf(description) }, now);
    host.flush(now);
  }

  /** The client's offer. A fault in it ends the session. */
  #offered(jingle: XmlElement, now: number): SessionDescription | undefined {
    const { media, leg, phase } = this.#host;
    const made = media.described(jingle, false);
    if (!made.ok) {
      if (phase === "pending") leg.cancel(now);
      else leg.hangUp({}, now);
      const { text } = made.error;
      this.#host.end({ condition: conditionOf(made.error), text }, now);
      return undefined;
    }
    this.#timer?.cancel();
    const { description, candidates } = made.value;
    media.own = description;
    this.#host.keep(candidates);
    return description;
  }

  #call(
    {
      description,
      ...about
    }: { to: string; media: { audio: boolean; video: boolean }; description?: SessionDescription },
    now: number,
  ): void {
    const host = this.#host;
    const fields = description === undefined ? about : { ...about, description: offerOf(description) };
    host.ports.ask("call", fields, now, (outcome, later) => {
      if ("error" in outcome) {
        if (host.phase !== "over") host.end(reasonOfError(outcome.error), later);
        return;
      }
      const { session } = outcome.ok as ReplyOf<"call">;
      if (host.phase === "over") {
        // The client gave up meanwhile.
        host.ports.ask("cancel", { session }, later);
        return;
      }
      host.leg.session = session;
      host.known();
      if (description !== undefined) host.flush(later);
    });
  }

  message(kind: Initiation, _what: XmlElement, _from: string, now: number): void {
    if (kind !== "retract" || this.#host.phase !== "proposed") return;
    this.#host.leg.cancel(now);
    this.#host.finish();
  }

  terminated(_condition: string | undefined, now: number): void {
    this.#host.leg.cancel(now);
  }

  // From the core

  push(push: PushBody, now: number): void {
    switch (push.type) {
      case "ringing":
        this.#alerting(now);
        break;
      case "offer_wanted":
        if (this.#host.phase === "proposed") this.#proceed(now);
        break;
      case "accepted":
        this.#accepted(push, now);
        break;
      case "crossed":
        this.#crossed(push.session, now);
        break;
      default:
    }
  }

  /** A person is alerted at the other end. */
  #alerting(now: number): void {
    if (this.#rang) return;
    this.#rang = true;
    if (this.#host.byMessages) this.#host.message("ringing");
    else this.#host.request("session-info", {}, [element("ringing", namespaces.rtpInfo)], now);
  }

  #accepted(push: Omit<PushOf<"accepted">, "seq">, now: number): void {
    const host = this.#host;
    const { device, description } = push;
    host.leg.accepted(push);
    this.#inverted = push.offer === false;
    host.leg.confirm(device, now, (outcome, later) => {
      if ("error" in outcome || host.phase === "over") return;
      if (host.phase === "proposed") this.#proceed(later);
      if (description !== undefined) host.described(description, later);
    });
  }

  /** Asks the client that has proposed for its session-initiate. */
  #proceed(now: number): void {
    if (this.#proceeds) return;
    this.#proceeds = true;
    this.#host.message("proceed");
    this.#timer = this.#host.ports.after(offerTimeout, now, (later) =>
      this.#host.hangUp(later, "failed", "no session-initiate"),
    );
  }

  /** Two users call each other, and the other call goes on: the client's own gives way (XEP-0353 §3.4, XEP-0166 §7.2.16). */
  #crossed(session: string, now: number): void {
    const { leg } = this.#host;
    if (session !== leg.session) return;
    leg.cancel(now);
    const tie = element("tie-break", namespaces.message);
    this.#host.end({ condition: "cancel", text: "The other call goes on" }, now, tie);
  }

  described(description: Description, now: number): void {
    const host = this.#host;
    if (description.type === "answer") {
      if (!this.#inverted) this.#accept(description, now);
    } else if (this.#inverted && host.media.take(description) !== undefined && host.phase === "pending")
      host.replace(now);
  }

  /** The client gets the answer to its session-initiate. */
  #accept(answer: Description, now: number): void {
    const host = this.#host;
    const { media } = host;
    if (host.phase !== "pending" || media.take(answer) === undefined) return;
    host.phase = "active";
    if (!media.hasContents) {
      host.hangUp(now, "failed", "nothing was accepted");
      return;
    }
    host.request("session-accept", { responder: host.local }, media.answerContents, now, (reply, later) => {
      if (reply?.attributes.type === "error") host.hangUp(later, "failed", "session-accept refused");
    });
    host.flush(now);
    host.trickle(now);
  }

  // The end

  tellEnd(reason: EndReason, within: readonly XmlElement[]): boolean {
    if (!this.#host.byMessages || this.#host.phase !== "proposed") return false;
    this.#host.message("reject", { reason, children: within });
    return true;
  }

  stop(): void {
    this.#timer?.cancel();
  }
}

function offerOf(description: SessionDescription): Description {
  return { type: "offer", sdp: formatDescription(description) };
}
