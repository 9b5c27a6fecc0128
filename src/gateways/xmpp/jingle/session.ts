import type { PushBody, PushOf } from "../../../protocol/pushes.ts";
import type { ReplyOf } from "../../../protocol/replies.ts";
import type { Candidate, Description } from "../../../protocol/values.ts";
import type { Deadline } from "../../../shared/deadlines.ts";
import type { Outcome } from "../../../signaling/device.ts";
import { isRejected, mediaLine } from "../../../wire/sdp/attributes.ts";
import { formatDescription, type SessionDescription } from "../../../wire/sdp/description.ts";
import { element, elements, type XmlElement } from "../xml.ts";
import { contentName, contentsByName } from "./description.ts";
import type { JingleFault } from "./faults.ts";
import { HeldCandidates } from "./held-candidates.ts";
import { namespaces } from "./namespaces.ts";
import {
  type Condition,
  declineOf,
  type EndReason,
  hangupOf,
  reasonElement,
  reasonIn,
  reasonOf,
  reasonOfError,
} from "./reasons.ts";
import { Renegotiation } from "./renegotiation.ts";
import type { Party } from "./senders.ts";
import type { SessionKeeper, SessionStart } from "./session-keeper.ts";
import { SessionMedia } from "./session-media.ts";
import { type Phase, refusalOf } from "./session-rules.ts";
import {
  type Action,
  errorIn,
  type Initiation,
  mediaProposed,
  proposedMedia,
  type StanzaError,
} from "./stanzas.ts";

/** How long the caller may take for its offer, once it was told to proceed; and the core side for its own. In ms. */
const offerTimeout = 15_000;
/** After a tie-break the client ends its own session, and then takes ours. In ms. */
const tieBreakPause = 500;

/**
 * A Jingle session of a client: its leg of a session of the core. This class has the ring, the answer and the end; what changes
 * afterwards is in {@link Renegotiation}.
 */
export class JingleSession {
  sid: string;
  /** The core's session; empty before the core has taken the call. */
  session = "";
  readonly local: string;
  /** The client's JID; the account's while its resources ring. */
  remote: string;
  readonly #keeper: SessionKeeper;
  #media: SessionMedia;
  readonly #talks: Renegotiation;
  #phase: Phase;
  /** Proposals and their ends are told by messages too. */
  #messages: boolean;
  #pair = 1;
  #generation = 1;
  /** What stood before another pair was opened. */
  #before: { readonly pair: number; readonly generation: number } | undefined;
  #peer: { readonly user: string; readonly device?: string | undefined } | undefined;
  /** The client's answer goes by `signal`, for the core knows already that it takes the call. */
  #answersBySignal = false;
  /** The core side makes the first offer, in place of the client's. */
  #inverted = false;
  /** The proposal of the client was told to proceed. */
  #proceeds = false;
  /** Which resource was the first to proceed. */
  #winner: string | undefined;
  #rang = false;
  /** Candidates of the client, and of the core side, that the other one can't use yet. */
  readonly #early = new HeldCandidates();
  readonly #late = new HeldCandidates();
  #timer: Deadline | undefined;

  constructor(keeper: SessionKeeper, { sid, local, remote, proposed }: SessionStart, role: Party) {
    this.#keeper = keeper;
    this.sid = sid;
    this.local = local;
    this.remote = remote;
    this.#messages = proposed;
    this.#phase = role === "initiator" ? (proposed ? "proposed" : "pending") : "awaiting-offer";
    this.#media = this.#newMedia(role);
    const { ports } = keeper;
    const session = this;
    this.#talks = new Renegotiation({
      get media() {
        return session.#media;
      },
      act: (action, children, now) => session.#act(action, children, now),
      signal: (fields, now, done) => session.#signal(fields, now, done),
      restart: (now, done) => {
        const position = { pair: session.#pair, generation: session.#generation };
        ports.ask("restart", { session: session.session, ...position }, now, done);
      },
      after: (ms, now, due) => ports.after(ms, now, due),
      hangUp: (reason, detail, now) => session.hangUp(now, reason, detail),
    });
  }

  /** The party that the client is. */
  get role(): Party {
    return this.#media.role;
  }

  /** True while a proposal is out, and there is no Jingle session yet. */
  get proposed(): boolean {
    return this.#phase === "proposed";
  }

  get active(): boolean {
    return this.#phase === "active";
  }

  get over(): boolean {
    return this.#phase === "over";
  }

  #newMedia(role: Party): SessionMedia {
    const { dataChannels } = this.#keeper.options;
    const bareParameters = this.#messages ? "value" : "name";
    const id = String(Math.abs(hash(this.#keeper.ports.random(9))) + 1);
    return new SessionMedia(role, { dataChannels, bareParameters }, id);
  }

  // The client calls

  /** The client proposes a call (XEP-0353). */
  propose(propose: XmlElement, to: string, now: number): void {
    this.#call({ to, media: mediaProposed(propose) }, now);
  }

  /** The session-initiate of the client that calls `to`; after a proposal its address is known. A fault ends the session. */
  initiate(jingle: XmlElement, to: string | undefined, now: number): void {
    const made = this.#media.described(jingle, false);
    if (!made.ok) {
      this.#faulty(made.error, now);
      return;
    }
    this.#timer?.cancel();
    const { description, candidates } = made.value;
    this.#media.own = description;
    this.#early.add(candidates);
    const offer = { type: "offer", sdp: formatDescription(description) } as const;
    if (to !== undefined) {
      this.#call({ to, media: mediaOf(description), description: offer }, now);
      return;
    }
    this.#phase = "pending";
    if (this.#inverted) {
      if (this.#media.theirs !== undefined) this.#replace(now);
      return;
    }
    this.#signal({ description: offer }, now);
    this.#flush(now);
  }

  #call(
    fields: { to: string; media: { audio: boolean; video: boolean }; description?: Description },
    now: number,
  ): void {
    this.#keeper.ports.ask("call", fields, now, (outcome, later) => {
      if ("error" in outcome) {
        if (!this.over) this.#end(reasonOfError(outcome.error), later);
        return;
      }
      const { session } = outcome.ok as ReplyOf<"call">;
      if (this.over) {
        // The client gave up meanwhile.
        this.#keeper.ports.ask("cancel", { session }, later);
        return;
      }
      this.session = session;
      this.#keeper.known(this);
      if (fields.description !== undefined) this.#flush(later);
    });
  }

  /** A person is alerted at the other end. */
  #alerting(now: number): void {
    if (this.#rang || this.role !== "initiator") return;
    this.#rang = true;
    if (this.#messages) this.#message("ringing");
    else this.#keeper.request(this, "session-info", {}, [element("ringing", namespaces.rtpInfo)], now);
  }

  #accepted(push: Omit<PushOf<"accepted">, "seq">, now: number): void {
    const { session, device, peer, description } = push;
    this.#peer = peer;
    this.#generation = push.generation;
    this.#inverted = push.offer === false;
    this.#keeper.ports.ask("confirm", { session, device }, now, (outcome, later) => {
      if ("error" in outcome || this.over) return;
      if (this.proposed) this.#proceed(later);
      if (description !== undefined) this.#described(description, later);
    });
  }

  /** Asks the client that has proposed for its session-initiate. */
  #proceed(now: number): void {
    if (this.#proceeds) return;
    this.#proceeds = true;
    this.#message("proceed");
    this.#timer = this.#keeper.ports.after(offerTimeout, now, (later) =>
      this.hangUp(later, "failed", "no session-initiate"),
    );
  }

  // The client is called

  /** The core rings the client. */
  ring(incoming: Omit<PushOf<"incoming">, "seq">, now: number): void {
    const { session, from, pair, generation, description, movedFrom, media = {} } = incoming;
    this.session = session;
    this.#keeper.known(this);
    this.#peer = from;
    this.#pair = pair;
    this.#generation = generation;
    if (incoming.offer) {
      // The caller makes no offer either.
      this.#decline({ reason: "incompatible", automatic: true }, now);
      this.#end(undefined, now);
      return;
    }
    this.#answersBySignal = this.#messages || movedFrom !== undefined;
    if (description !== undefined) this.#media.take(description);
    if (this.#messages) {
      this.#phase = "proposed";
      const kinds = { audio: media.audio === true, video: media.video === true };
      this.#message("propose", { children: proposedMedia(kinds) });
    } else if (movedFrom !== undefined) this.#take(now);
    else if (description !== undefined) this.#offer(now);
    else this.#awaitOffer(now);
  }

  #awaitOffer(now: number): void {
    this.#phase = "awaiting-offer";
    this.#timer = this.#keeper.ports.after(offerTimeout, now, (later) => {
      if (this.#answersBySignal) this.hangUp(later, "failed", "no offer");
      else {
        this.#decline({ reason: "incompatible", automatic: true }, later);
        this.#end(undefined, later);
      }
    });
  }

  /** Tells the core that the client takes the call. The offer is there, or follows. */
  #take(now: number): void {
    this.#phase = "answering";
    this.#keeper.ports.ask("accept", { session: this.session }, now, (outcome, later) => {
      if (this.over) return;
      if ("error" in outcome)
        this.#end(
          outcome.error.code === "answered_elsewhere"
            ? reasonOf("answered_elsewhere")
            : { condition: "cancel" },
          later,
        );
      else if (this.#media.theirs === undefined) this.#awaitOffer(later);
      else this.#offer(later);
    });
  }

  /** The client gets the session-initiate, and rings with it, unless it has taken the call already. */
  #offer(now: number, again = false): void {
    this.#timer?.cancel();
    this.#phase = "pending";
    if (!this.#media.hasContents) {
      this.#unable("incompatible-parameters", now);
      return;
    }
    const { sid } = this;
    this.#keeper.request(
      this,
      "session-initiate",
      { initiator: this.local },
      this.#media.contents,
      now,
      (reply, later) => {
        if (this.over || this.sid !== sid) return;
        if (reply?.attributes.type === "result") {
          if (!this.#answersBySignal) this.#keeper.ports.ask("ringing", { session: this.session }, later);
          return;
        }
        const tie = reply !== undefined && errorIn(reply).jingle === "tie-break";
        if (tie && !again)
          this.#keeper.ports.after(tieBreakPause, later, (when) => {
            if (this.#phase === "pending") this.#offer(when, true);
          });
        else {
          // The client has no such session.
          if (this.#answersBySignal)
            this.#ask("hangup", { reason: "failed", detail: "session-initiate refused" }, later);
          else this.#decline({ reason: "incompatible", automatic: true }, later);
          this.#finish();
        }
      },
    );
    this.#trickle(now);
  }

  /** The client's session-accept. */
  #answer(jingle: XmlElement, now: number): void {
    const made = this.#media.described(jingle, true);
    if (!made.ok) {
      this.#faulty(made.error, now);
      return;
    }
    const description = this.#fitting(made.value.description, now);
    this.#media.own = description;
    this.#early.add(
      made.value.candidates.filter(({ sdpMLineIndex }) => this.#media.hasSection(sdpMLineIndex)),
    );
    const answer = { type: "answer", sdp: formatDescription(description) } as const;
    if (this.#answersBySignal) {
      this.#phase = "active";
      this.#signal({ description: answer }, now);
      this.#flush(now);
      return;
    }
    this.#phase = "answering";
    this.#keeper.ports.ask(
      "accept",
      { session: this.session, description: answer },
      now,
      (outcome, later) => {
        if (this.over) return;
        if ("error" in outcome) {
          const elsewhere = outcome.error.code === "answered_elsewhere";
          this.#end(reasonOf(elsewhere ? "answered_elsewhere" : "cancelled"), later);
          return;
        }
        this.#phase = "active";
        this.#flush(later);
      },
    );
  }

  /** The client's answer, without what needs a transport that the core side doesn't have. The client is told. */
  #fitting(answer: SessionDescription, now: number): SessionDescription {
    const fits = this.#media.fitting(answer);
    const lost = fits.media.flatMap((section, index) => {
      const before = answer.media[index];
      if (before === undefined || isRejected(before) || !isRejected(section)) return [];
      const name = contentName(section, index);
      return [element("content", namespaces.jingle, { creator: this.#media.creatorOf(name), name })];
    });
    if (lost.length > 0)
      this.#act("content-remove", [...lost, reasonElement({ condition: "failed-transport" })], now);
    return fits;
  }

  // What the client sends

  /** Why an action can't be here; undefined where it is performed. It is acknowledged before that. */
  refusal(action: Action, jingle: XmlElement): StanzaError | undefined {
    return refusalOf(action, jingle, { role: this.role, phase: this.#phase, proceeds: this.#proceeds });
  }

  /** Performs an action that nothing is against. */
  receive(action: Action, jingle: XmlElement, now: number): void {
    const contents = contentsByName(jingle);
    const named = contents.ok ? contents.value : new Map<string, XmlElement>();
    switch (action) {
      case "session-initiate":
        this.initiate(jingle, undefined, now);
        break;
      case "session-accept":
        this.#answer(jingle, now);
        break;
      case "session-info":
        for (const { name } of elements(jingle)) this.#informed(name, now);
        break;
      case "session-terminate":
        this.#terminated(reasonIn(jingle).condition, now);
        break;
      case "transport-info":
      case "transport-replace":
        this.#transport(named, action === "transport-replace", now);
        break;
      case "content-add":
        this.#talks.add(jingle, now);
        break;
      case "content-modify":
        this.#talks.modify(named, now);
        break;
      case "content-remove":
        this.#talks.remove(named, now);
        break;
      default:
    }
  }

  #informed(name: string, now: number): void {
    if (name === "ringing" && this.role === "responder")
      this.#keeper.ports.ask("ringing", { session: this.session }, now);
    else if (this.active && (name === "hold" || name === "unhold" || name === "active"))
      this.#talks.hold(name === "hold", now);
  }

  #transport(contents: ReadonlyMap<string, XmlElement>, replaces: boolean, now: number): void {
    const { candidates, complete, restart } = this.#media.transportNews(contents);
    if (restart !== undefined && this.active) this.#talks.credentials(restart, replaces, now);
    this.#early.add(candidates, complete);
    const tellable =
      this.active || (this.role === "initiator" && this.#phase === "pending" && this.session !== "");
    if (tellable) this.#flush(now);
  }

  /** Tells the core the client's candidates, once it knows the description that they belong to. */
  #flush(now: number): void {
    if (this.#talks.candidatesWait || this.#media.own === undefined || this.#inverted) return;
    const held = this.#early.take();
    if (held === undefined) return;
    const { candidates, complete } = held;
    const fields = {
      ...(candidates.length > 0 ? { candidates } : {}),
      ...(complete ? { endOfCandidates: true } : {}),
    };
    this.#signal(fields, now);
  }

  #terminated(condition: string | undefined, now: number): void {
    if (this.role === "initiator") {
      if (this.active) this.#ask("hangup", hangupOf(condition), now);
      else this.#ask("cancel", {}, now);
    } else if (this.active || this.#answersBySignal) this.#ask("hangup", hangupOf(condition), now);
    else this.#decline(declineOf(condition), now);
    this.#finish();
  }

  /** A message of XEP-0353 from this JID. */
  message(kind: Initiation, what: XmlElement, from: string, now: number): void {
    if (this.role === "initiator") {
      if (kind === "retract" && this.proposed) {
        this.#ask("cancel", {}, now);
        this.#finish();
      }
      return;
    }
    if (kind === "proceed") this.#proceeded(from, now);
    else if (!this.proposed) return;
    else if (kind === "ringing" && !this.#rang) {
      this.#rang = true;
      this.#keeper.ports.ask("ringing", { session: this.session }, now);
    } else if (kind === "reject") {
      const { condition } = reasonIn(what);
      const how = declineOf(condition);
      // A person's word is one for all clients of the user.
      this.#decline({ ...how, everywhere: how.reason === "declined" && !how.automatic }, now);
      this.#finish();
    }
  }

  #proceeded(from: string, now: number): void {
    if (this.#winner === from) return;
    if (this.#winner !== undefined || !this.proposed) {
      const reason = reasonOf("answered_elsewhere");
      this.#keeper.initiate({ from: this.local, to: from }, "retract", this.sid, { reason });
      return;
    }
    this.#winner = from;
    this.remote = from;
    this.#take(now);
  }

  // From the core

  push(push: PushBody, now: number): void {
    switch (push.type) {
      case "ringing":
        this.#alerting(now);
        break;
      case "offer_wanted":
        if (this.proposed && this.role === "initiator") this.#proceed(now);
        break;
      case "accepted":
        this.#accepted(push, now);
        break;
      case "crossed":
        this.#crossed(push.session, now);
        break;
      case "signal":
        this.#signaled(push, now);
        break;
      case "restart":
        if (push.pair !== this.#pair) break;
        this.#generation = push.generation;
        this.#talks.restarted(now);
        this.#flush(now);
        break;
      case "resync":
        this.#talks.resync(now);
        break;
      case "pair":
        // A client has one connection for a session: the other end's new device can't offer another one.
        this.#before = { pair: this.#pair, generation: this.#generation };
        this.#pair = push.pair;
        this.#generation = push.generation;
        break;
      case "move_failed":
        if (push.pair === this.#pair && this.#before !== undefined) {
          this.#pair = this.#before.pair;
          this.#generation = this.#before.generation;
        }
        break;
      case "moved":
        this.#peer = push.peer;
        break;
      case "ended":
        this.#end(reasonOf(push.reason), now);
        break;
      default:
    }
  }

  /** Who the other end is, as far as that is known. */
  get peer(): { readonly user: string; readonly device?: string | undefined } | undefined {
    return this.#peer;
  }

  /** Two users call each other, and the other call goes on: the client's own gives way (XEP-0353 §3.4, XEP-0166 §7.2.16). */
  #crossed(session: string, now: number): void {
    if (session !== this.session || this.role !== "initiator") return;
    this.#ask("cancel", {}, now);
    this.#end(
      { condition: "cancel", text: "The other call goes on" },
      now,
      element("tie-break", namespaces.message),
    );
  }

  #signaled(push: Omit<PushOf<"signal">, "seq">, now: number): void {
    if (push.pair !== this.#pair || push.generation !== this.#generation) return;
    const { description, candidates = [], endOfCandidates = false, refused } = push;
    if (refused !== undefined) this.#talks.refused(now);
    if (description !== undefined) this.#described(description, now);
    this.#late.add(candidates, endOfCandidates);
    this.#trickle(now);
  }

  /** Tells the client the core side's candidates, once it has the description that they belong to. */
  #trickle(now: number): void {
    const told = this.active || (this.role === "responder" && this.#phase === "pending");
    const held = told ? this.#late.take() : undefined;
    if (held === undefined) return;
    const { candidates, complete } = held;
    // One content each: Dino takes no more.
    for (const content of this.#media.candidateContents(candidates))
      this.#act("transport-info", [content], now);
    const last = complete ? this.#media.completeContent : undefined;
    if (last !== undefined) this.#act("transport-info", [last], now);
  }

  #described(description: Description, now: number): void {
    if (this.active && this.#before !== undefined && this.#pair !== this.#before.pair) {
      this.#signal({ refused: { reason: "an XMPP client can't be moved to another device" } }, now);
      return;
    }
    if (this.active) {
      if (description.type === "offer") this.#talks.offered(description, now);
      else this.#talks.answered(description, now);
      return;
    }
    if (this.role === "initiator") {
      if (description.type === "answer" && !this.#inverted) this.#accept(description, now);
      else if (
        this.#inverted &&
        description.type === "offer" &&
        this.#media.take(description) !== undefined
      ) {
        if (this.#phase === "pending") this.#replace(now);
      }
      return;
    }
    // Once the client has an offer, it answers that.
    if (description.type !== "offer" || this.#phase === "pending") return;
    if (this.#media.take(description) !== undefined && this.#phase === "awaiting-offer") this.#offer(now);
  }

  /** The client gets the answer to its session-initiate. */
  #accept(answer: Description, now: number): void {
    if (this.#phase !== "pending" || this.#media.take(answer) === undefined) return;
    this.#phase = "active";
    if (!this.#media.hasContents) {
      this.hangUp(now, "failed", "nothing was accepted");
      return;
    }
    this.#keeper.request(
      this,
      "session-accept",
      { responder: this.local },
      this.#media.contents,
      now,
      (reply, later) => {
        if (reply?.attributes.type === "error") this.hangUp(later, "failed", "session-accept refused");
      },
    );
    this.#flush(now);
    this.#trickle(now);
  }

  /**
   * The other end only makes offers. The client's session ends with another one in its place (`alternative-session`), in which that offer
   * is made. The application has to accept it.
   */
  #replace(now: number): void {
    const { theirs } = this.#media;
    const before = this.sid;
    const sid = this.#keeper.ports.random(12);
    this.#terminate({ condition: "alternative-session" }, now, element("sid", namespaces.jingle, {}, sid));
    this.sid = sid;
    this.#keeper.renamed(this, before);
    this.#messages = false;
    this.#inverted = false;
    this.#answersBySignal = true;
    this.#early.clear();
    this.#media = this.#newMedia("responder");
    this.#media.theirs = theirs;
    this.#offer(now);
  }

  // To both ends

  #signal(
    fields: {
      description?: Description;
      candidates?: readonly Candidate[];
      endOfCandidates?: boolean;
      refused?: { reason: string };
    },
    now: number,
    done?: (outcome: Outcome, now: number) => void,
  ): void {
    if (this.session === "" || this.over) return;
    const { candidates, ...rest } = fields;
    const all = candidates === undefined ? rest : { ...rest, candidates: [...candidates] };
    const position = { session: this.session, pair: this.#pair, generation: this.#generation };
    this.#keeper.ports.ask("signal", { ...position, ...all }, now, (outcome, later) => {
      done?.(outcome, later);
      // A refusal that the other end can't take ends the session.
      const hopeless =
        fields.refused !== undefined && "error" in outcome && outcome.error.code === "incompatible";
      if (hopeless) this.hangUp(later, "failed", fields.refused?.reason ?? "");
      else if (fields.description !== undefined && "error" in outcome && !this.active && !this.over)
        this.hangUp(later, "failed", outcome.error.code);
    });
  }

  #act(action: Action, children: readonly XmlElement[], now: number): void {
    this.#keeper.request(this, action, {}, children, now, (reply, later) => {
      if (reply !== undefined && errorIn(reply).jingle === "unknown-session") this.#lost(later);
    });
  }

  /** The client does not know the session any more. */
  #lost(now: number): void {
    if (this.over) return;
    this.#ask("hangup", { reason: "failed", detail: "unknown session" }, now);
    this.#finish();
  }

  #ask(
    type: "hangup" | "cancel",
    fields: { reason?: "hangup" | "failed"; detail?: string },
    now: number,
  ): void {
    if (this.session !== "") this.#keeper.ports.ask(type, { session: this.session, ...fields }, now);
  }

  #decline(how: ReturnType<typeof declineOf> & { everywhere?: boolean }, now: number): void {
    this.#keeper.ports.ask("decline", { session: this.session, ...how }, now);
  }

  #message(kind: Initiation, more?: { reason?: EndReason; children?: readonly XmlElement[] }): void {
    this.#keeper.initiate({ from: this.local, to: this.remote }, kind, this.sid, more);
  }

  // The end

  /** What the client sent can't be used. */
  #faulty({ reason, text }: JingleFault, now: number): void {
    const condition = reason === "bad-request" ? "failed-application" : reason;
    this.#unable(condition, now, text);
  }

  #unable(condition: Condition, now: number, text?: string): void {
    if (this.role === "initiator") this.#ask(this.#phase === "pending" ? "cancel" : "hangup", {}, now);
    else if (this.active || this.#answersBySignal)
      this.#ask("hangup", { reason: "failed", detail: condition }, now);
    else this.#decline({ reason: "incompatible", automatic: true }, now);
    this.#end({ condition, ...(text === undefined ? {} : { text }) }, now);
  }

  /** Ends the session at both ends. */
  hangUp(now: number, reason: "hangup" | "failed" = "hangup", detail = ""): void {
    if (this.over) return;
    this.#ask("hangup", { reason, detail: detail.slice(0, 128) }, now);
    this.#end(reasonOf(reason), now);
  }

  /** The session is over: tells the client, in the words of its phase. Without a reason it has heard nothing of it. */
  #end(reason: EndReason | undefined, now: number, ...more: XmlElement[]): void {
    if (this.over) return;
    if (reason !== undefined) {
      if (this.#messages && this.#winner === undefined && this.proposed)
        this.#message(this.role === "initiator" ? "reject" : "retract", { reason, children: more });
      else if (this.#phase === "answering" && this.#messages) this.#message("retract", { reason });
      else if (this.#phase !== "awaiting-offer") {
        this.#terminate(reason, now);
        if (this.#messages) this.#message("finish", { reason });
      }
    }
    this.#finish();
  }

  #terminate(reason: EndReason, now: number, ...within: XmlElement[]): void {
    this.#keeper.request(this, "session-terminate", {}, [reasonElement(reason, ...within)], now);
  }

  /** Forgets the session, and tells nobody. */
  #finish(): void {
    this.#phase = "over";
    this.#timer?.cancel();
    this.#talks.stop();
    this.#early.clear();
    this.#late.clear();
    this.#keeper.over(this);
  }

  /** The client is gone for good. The core knows that. */
  gone(): void {
    if (!this.over) this.#finish();
  }
}

function mediaOf(offer: SessionDescription): { audio: boolean; video: boolean; data: boolean } {
  const kinds = offer.media
    .filter((section) => !isRejected(section))
    .map((section) => mediaLine(section).kind);
  return {
    audio: kinds.includes("audio"),
    video: kinds.includes("video"),
    data: kinds.includes("application"),
  };
}

/** A number of 31 bits for a random text. */
function hash(text: string): number {
  let value = 0;
  for (const one of text) value = (value * 31 + one.charCodeAt(0)) | 0;
  return value;
}
