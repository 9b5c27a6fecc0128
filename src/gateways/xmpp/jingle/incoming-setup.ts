import type { PushOf } from "../../../protocol/pushes.ts";
import type { Description } from "../../../protocol/values.ts";
import type { Deadline } from "../../../shared/deadlines.ts";
import { isRejected } from "../../../wire/sdp/attributes.ts";
import { formatDescription, type SessionDescription } from "../../../wire/sdp/description.ts";
import { element, type XmlElement } from "../xml.ts";
import { contentName } from "./description.ts";
import { namespaces } from "./namespaces.ts";
import {
  type Condition,
  conditionOf,
  declineOf,
  type EndReason,
  hangupOf,
  reasonElement,
  reasonIn,
  reasonOf,
} from "./reasons.ts";
import { offerTimeout, type Setup, type SetupHost } from "./setup.ts";
import { errorIn, type Initiation, proposedMedia } from "./stanzas.ts";

/** After a tie-break the client ends its own session, and then takes ours. In ms */
const tieBreakPause = 500;
/**
 * A client that answers with a tie-break again may have a session that the server has forgotten. Ours comes again under the highest id, which stanza
 * takes beside such a ring, and then under the lowest, which goes on by XEP-0166 §7.2.16.
 */
const againAs = ["~", "!"];
const unusable = { reason: "incompatible", automatic: true } as const;

/** The set-up of a session that the client is called in: it rings with a `session-initiate`, or with a proposal before it (XEP-0353). */
export class IncomingSetup implements Setup {
  readonly #host: SetupHost;
  /** The client's answer goes by `signal`, for the core knows already that it takes the call. */
  #answersBySignal: boolean;
  /** Which resource was the first to proceed. */
  #winner: string | undefined;
  #rang = false;
  #timer: Deadline | undefined;

  /** `taken`: the core knows already that the client takes the call. */
  constructor(host: SetupHost, taken: boolean) {
    this.#host = host;
    this.#answersBySignal = taken;
  }

  readonly proceeds = false;
  readonly takesClientCandidates = false;

  get takesCoreCandidates(): boolean {
    return this.#host.phase === "pending";
  }

  // From the core

  /** The core rings the client. */
  ring(incoming: Omit<PushOf<"incoming">, "seq">, now: number): void {
    const host = this.#host;
    const { description, movedFrom, media = {} } = incoming;
    host.leg.rung(incoming);
    host.known();
    if (incoming.offer) {
      // The caller makes no offer either.
      host.leg.decline(unusable, now);
      host.end(undefined, now);
      return;
    }
    this.#answersBySignal = host.byMessages || movedFrom !== undefined;
    if (description !== undefined) host.media.take(description);
    if (host.byMessages) {
      host.phase = "proposed";
      const kinds = { audio: media.audio === true, video: media.video === true };
      host.message("propose", { children: proposedMedia(kinds) });
    } else if (movedFrom !== undefined) this.#take(now);
    else if (description !== undefined) this.offer(now);
    else this.#awaitOffer(now);
  }

  /** Nothing else is said of a call to the one who is called. */
  push(): void {}

  described(description: Description, now: number): void {
    const { media, phase } = this.#host;
    // Once the client has an offer, it answers that.
    if (description.type !== "offer" || phase === "pending") return;
    if (media.take(description) !== undefined && phase === "awaiting-offer") this.offer(now);
  }

  #awaitOffer(now: number): void {
    const host = this.#host;
    host.phase = "awaiting-offer";
    this.#timer = host.ports.after(offerTimeout, now, (later) => {
      if (this.#answersBySignal) host.hangUp(later, "failed", "no offer");
      else {
        host.leg.decline(unusable, later);
        host.end(undefined, later);
      }
    });
  }

  // The ring

  /** Tells the core that the client takes the call. The offer is there, or follows. */
  #take(now: number): void {
    const host = this.#host;
    host.phase = "answering";
    host.leg.accept(undefined, now, (outcome, later) => {
      if (host.phase === "over") return;
      if ("error" in outcome)
        host.end(
          outcome.error.code === "answered_elsewhere"
            ? reasonOf("answered_elsewhere")
            : { condition: "cancel" },
          later,
        );
      else if (host.media.theirs === undefined) this.#awaitOffer(later);
      else this.offer(later);
    });
  }

  /** The client gets the session-initiate, and rings with it, unless it has taken the call already. */
  offer(now: number, ties = 0): void {
    const host = this.#host;
    this.#timer?.cancel();
    host.phase = "pending";
    if (!host.media.hasContents) {
      this.#unable("incompatible-parameters", now);
      return;
    }
    const { sid } = host;
    host.request("session-initiate", { initiator: host.local }, host.media.contents, now, (reply, later) => {
      if (host.phase === "over" || host.sid !== sid) return;
      if (reply?.attributes.type === "result") {
        if (!this.#answersBySignal) host.leg.ringing(later);
        return;
      }
      const tie = reply !== undefined && errorIn(reply).jingle === "tie-break";
      const prefix = againAs[ties];
      if (tie && prefix !== undefined)
        host.ports.after(tieBreakPause, later, (when) => {
          if (host.phase !== "pending") return;
          // A proposal (XEP-0353) has named the session already.
          if (!host.byMessages) host.rename(prefix + host.ports.random(12));
          this.offer(when, ties + 1);
        });
      else {
        // The client has no such session.
        if (this.#answersBySignal)
          host.leg.hangUp({ reason: "failed", detail: "session-initiate refused" }, later);
        else host.leg.decline(unusable, later);
        host.finish();
      }
    });
    host.trickle(now);
  }

  message(kind: Initiation, what: XmlElement, from: string, now: number): void {
    const { leg, phase } = this.#host;
    if (kind === "proceed") this.#proceeded(from, now);
    else if (phase !== "proposed") return;
    else if (kind === "ringing" && !this.#rang) {
      this.#rang = true;
      leg.ringing(now);
    } else if (kind === "reject") {
      const { condition } = reasonIn(what);
      const how = declineOf(condition);
      // A person's word is one for all clients of the user.
      leg.decline({ ...how, everywhere: how.reason === "declined" && !how.automatic }, now);
      this.#host.finish();
    }
  }

  #proceeded(from: string, now: number): void {
    const host = this.#host;
    if (this.#winner === from) return;
    if (this.#winner !== undefined || host.phase !== "proposed") {
      host.message("retract", { reason: reasonOf("answered_elsewhere"), to: from });
      return;
    }
    this.#winner = from;
    host.remote = from;
    this.#take(now);
  }

  // The answer

  negotiate(jingle: XmlElement, now: number): void {
    const host = this.#host;
    const { media } = host;
    const made = media.described(jingle, true);
    if (!made.ok) {
      this.#unable(conditionOf(made.error), now, made.error.text);
      return;
    }
    const description = this.#fitting(made.value.description, now);
    media.own = description;
    host.keep(made.value.candidates.filter(({ sdpMLineIndex }) => media.hasSection(sdpMLineIndex)));
    const answer = { type: "answer", sdp: formatDescription(description) } as const;
    if (this.#answersBySignal) {
      host.phase = "active";
      host.signal({ description: answer }, now);
      host.flush(now);
      return;
    }
    host.phase = "answering";
    host.leg.accept(answer, now, (outcome, later) => {
      if (host.phase === "over") return;
      if ("error" in outcome) {
        const elsewhere = outcome.error.code === "answered_elsewhere";
        host.end(reasonOf(elsewhere ? "answered_elsewhere" : "cancelled"), later);
        return;
      }
      host.phase = "active";
      host.flush(later);
    });
  }

  /** The client's answer, without what needs a transport that the core side doesn't have. The client is told. */
  #fitting(answer: SessionDescription, now: number): SessionDescription {
    const { media } = this.#host;
    const fits = media.fitting(answer);
    const lost = fits.media.flatMap((section, index) => {
      const before = answer.media[index];
      if (before === undefined || isRejected(before) || !isRejected(section)) return [];
      const name = contentName(section, index);
      return [element("content", namespaces.jingle, { creator: media.creatorOf(name), name })];
    });
    if (lost.length > 0)
      this.#host.act("content-remove", [...lost, reasonElement({ condition: "failed-transport" })], now);
    return fits;
  }

  // The end

  #unable(condition: Condition, now: number, text?: string): void {
    const { leg } = this.#host;
    if (this.#answersBySignal) leg.hangUp({ reason: "failed", detail: condition }, now);
    else leg.decline(unusable, now);
    this.#host.end({ condition, ...(text === undefined ? {} : { text }) }, now);
  }

  terminated(condition: string | undefined, now: number): void {
    if (this.#answersBySignal) this.#host.leg.hangUp(hangupOf(condition), now);
    else this.#host.leg.decline(declineOf(condition), now);
  }

  tellEnd(reason: EndReason, within: readonly XmlElement[]): boolean {
    const { byMessages, phase } = this.#host;
    if (phase === "awaiting-offer") return true;
    if (!byMessages || (phase !== "proposed" && phase !== "answering")) return false;
    this.#host.message("retract", { reason, children: within });
    return true;
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
