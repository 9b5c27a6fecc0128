import type { PushBody, PushOf } from "../../../protocol/pushes.ts";
import type { Candidate, Description } from "../../../protocol/values.ts";
import type { Outcome } from "../../../signaling/device.ts";
import { element, elements, type XmlElement } from "../xml.ts";
import { CoreLeg, type Signal } from "./core-leg.ts";
import { contentsByName } from "./description.ts";
import { HeldCandidates } from "./held-candidates.ts";
import { IncomingSetup } from "./incoming-setup.ts";
import { namespaces } from "./namespaces.ts";
import { OutgoingSetup } from "./outgoing-setup.ts";
import type { JinglePorts } from "./ports.ts";
import { type EndReason, hangupOf, reasonElement, reasonIn, reasonOf } from "./reasons.ts";
import { Renegotiation } from "./renegotiation.ts";
import type { Party } from "./senders.ts";
import type { SessionKeeper, SessionStart } from "./session-keeper.ts";
import { SessionMedia } from "./session-media.ts";
import { type Phase, refusalOf } from "./session-rules.ts";
import type { Setup, SetupHost } from "./setup.ts";
import { type Action, errorIn, type Initiation, type StanzaError } from "./stanzas.ts";

/**
 * A Jingle session of a client, and its leg of a session of the core. This class takes what both ends say and passes it on, and ends the
 * session. The offer, the ring and the answer are in {@link OutgoingSetup} and {@link IncomingSetup}; what changes afterwards is in
 * {@link Renegotiation}.
 */
export class JingleSession implements SetupHost {
  sid: string;
  readonly local: string;
  remote: string;
  phase: Phase;
  byMessages: boolean;
  readonly leg: CoreLeg;
  media: SessionMedia;
  readonly #keeper: SessionKeeper;
  /** There once the session has begun. */
  #setup!: Setup;
  readonly #talks: Renegotiation;
  /** Candidates of the client, and of the core side, that the other one can't use yet. */
  readonly #early = new HeldCandidates();
  readonly #late = new HeldCandidates();

  /** It begins with {@link propose}, {@link initiate} or {@link ring}. */
  constructor(keeper: SessionKeeper, { sid, local, remote, proposed }: SessionStart, role: Party) {
    this.#keeper = keeper;
    this.sid = sid;
    this.local = local;
    this.remote = remote;
    this.byMessages = proposed;
    this.phase = role === "initiator" ? (proposed ? "proposed" : "pending") : "awaiting-offer";
    this.leg = new CoreLeg(keeper.ports);
    this.media = this.#newMedia(role);
    const session = this;
    this.#talks = new Renegotiation({
      get media() {
        return session.media;
      },
      act: (action, children, now) => session.act(action, children, now),
      signal: (what, now, done) => session.signal(what, now, done),
      restart: (now, done) => session.leg.restart(now, done),
      after: (ms, now, due) => keeper.ports.after(ms, now, due),
      hangUp: (reason, detail, now) => session.hangUp(now, reason, detail),
    });
  }

  /** The client proposes a call (XEP-0353). */
  propose(propose: XmlElement, to: string, now: number): void {
    this.#begin(new OutgoingSetup(this)).propose(propose, to, now);
  }

  /** The client calls `to` with a session-initiate. A fault in it ends the session. */
  initiate(jingle: XmlElement, to: string, now: number): void {
    this.#begin(new OutgoingSetup(this)).initiate(jingle, to, now);
  }

  /** The core rings the client. */
  ring(incoming: Omit<PushOf<"incoming">, "seq">, now: number): void {
    this.#begin(new IncomingSetup(this, false)).ring(incoming, now);
  }

  #begin<T extends Setup>(setup: T): T {
    this.#setup = setup;
    return setup;
  }

  rename(sid: string): void {
    const before = this.sid;
    this.sid = sid;
    this.#keeper.renamed(this, before);
  }

  replace(now: number): void {
    const { theirs } = this.media;
    const sid = this.ports.random(12);
    this.#terminate({ condition: "alternative-session" }, now, element("sid", namespaces.jingle, {}, sid));
    this.rename(sid);
    this.byMessages = false;
    this.#early.clear();
    this.media = this.#newMedia("responder");
    this.media.theirs = theirs;
    this.#begin(new IncomingSetup(this, true)).offer(now);
  }

  #newMedia(role: Party): SessionMedia {
    const { dataChannels } = this.#keeper.options;
    const bareParameters = this.byMessages ? "value" : "name";
    const id = String(Math.abs(hash(this.ports.random(9))) + 1);
    return new SessionMedia(role, { dataChannels, bareParameters }, id);
  }

  get ports(): JinglePorts {
    return this.#keeper.ports;
  }

  /** The core's session; empty before the core has taken the call. */
  get session(): string {
    return this.leg.session;
  }

  /** The party that the client is. */
  get role(): Party {
    return this.media.role;
  }

  /** True while a proposal is out, and there is no Jingle session yet. */
  get proposed(): boolean {
    return this.phase === "proposed";
  }

  get active(): boolean {
    return this.phase === "active";
  }

  get over(): boolean {
    return this.phase === "over";
  }

  // What the client sends

  /** Why an action can't be here; undefined where it is performed. It is acknowledged before that. */
  refusal(action: Action, jingle: XmlElement): StanzaError | undefined {
    return refusalOf(action, jingle, {
      role: this.role,
      phase: this.phase,
      proceeds: this.#setup.proceeds,
    });
  }

  /** Performs an action that nothing is against. */
  receive(action: Action, jingle: XmlElement, now: number): void {
    const contents = contentsByName(jingle);
    const named = contents.ok ? contents.value : new Map<string, XmlElement>();
    switch (action) {
      case "session-initiate":
      case "session-accept":
        this.#setup.negotiate(jingle, now);
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
    if (name === "ringing" && this.role === "responder") this.leg.ringing(now);
    else if (this.active && (name === "hold" || name === "unhold" || name === "active"))
      this.#talks.hold(name === "hold", now);
  }

  #transport(contents: ReadonlyMap<string, XmlElement>, replaces: boolean, now: number): void {
    const { candidates, complete, restart } = this.media.transportNews(contents);
    if (restart !== undefined && this.active) this.#talks.credentials(restart, replaces, now);
    this.#early.add(candidates, complete);
    this.flush(now);
  }

  #terminated(condition: string | undefined, now: number): void {
    if (this.active) this.leg.hangUp(hangupOf(condition), now);
    else this.#setup.terminated(condition, now);
    this.finish();
  }

  /** A message of XEP-0353 from this JID. */
  receiveMessage(kind: Initiation, what: XmlElement, from: string, now: number): void {
    this.#setup.message(kind, what, from, now);
  }

  // From the core

  push(push: PushBody, now: number): void {
    switch (push.type) {
      case "signal":
        this.#signaled(push, now);
        break;
      case "restart":
        if (!this.leg.restarted(push.pair, push.generation)) break;
        this.#talks.restarted(now);
        this.flush(now);
        break;
      case "resync":
        this.#talks.resync(now);
        break;
      case "pair":
        // A client has one connection for a session: the other end's new device can't offer another one.
        this.leg.opened(push.pair, push.generation);
        break;
      case "move_failed":
        this.leg.moveFailed(push.pair);
        break;
      case "ended":
        this.end(reasonOf(push.reason), now);
        break;
      default:
        this.#setup.push(push, now);
    }
  }

  #signaled(push: Omit<PushOf<"signal">, "seq">, now: number): void {
    if (!this.leg.at(push.pair, push.generation)) return;
    const { description, candidates = [], endOfCandidates = false, refused } = push;
    if (refused !== undefined) this.#talks.refused(now);
    if (description !== undefined) this.described(description, now);
    this.#late.add(candidates, endOfCandidates);
    this.trickle(now);
  }

  described(description: Description, now: number): void {
    if (!this.active) this.#setup.described(description, now);
    else if (this.leg.moved)
      this.signal({ refused: { reason: "an XMPP client can't be moved to another device" } }, now);
    else if (description.type === "offer") this.#talks.offered(description, now);
    else this.#talks.answered(description, now);
  }

  // Candidates on their way

  keep(candidates: readonly Candidate[]): void {
    this.#early.add(candidates);
  }

  flush(now: number): void {
    if (!this.active && !this.#setup.takesClientCandidates) return;
    if (this.#talks.candidatesWait || this.media.own === undefined) return;
    const held = this.#early.take();
    if (held === undefined) return;
    const { candidates, complete } = held;
    const fields = {
      ...(candidates.length > 0 ? { candidates } : {}),
      ...(complete ? { endOfCandidates: true } : {}),
    };
    this.signal(fields, now);
  }

  trickle(now: number): void {
    const told = this.active || this.#setup.takesCoreCandidates;
    const held = told ? this.#late.take() : undefined;
    if (held === undefined) return;
    const { candidates, complete } = held;
    // One content each: Dino takes no more.
    for (const content of this.media.candidateContents(candidates))
      this.act("transport-info", [content], now);
    const last = complete ? this.media.completeContent : undefined;
    if (last !== undefined) this.act("transport-info", [last], now);
  }

  // To both ends

  known(): void {
    this.#keeper.known(this);
  }

  signal(what: Signal, now: number, done?: (outcome: Outcome, now: number) => void): void {
    if (this.over) return;
    this.leg.signal(what, now, (outcome, later) => {
      done?.(outcome, later);
      // A refusal that the other end can't take ends the session.
      const hopeless =
        what.refused !== undefined && "error" in outcome && outcome.error.code === "incompatible";
      if (hopeless) this.hangUp(later, "failed", what.refused?.reason ?? "");
      else if (what.description !== undefined && "error" in outcome && !this.active && !this.over)
        this.hangUp(later, "failed", outcome.error.code);
    });
  }

  request(
    action: Action,
    attributes: Readonly<Record<string, string>>,
    children: readonly XmlElement[],
    now: number,
    done?: (reply: XmlElement | undefined, now: number) => void,
  ): void {
    this.#keeper.request(this, action, attributes, children, now, done);
  }

  act(action: Action, children: readonly XmlElement[], now: number): void {
    this.request(action, {}, children, now, (reply, later) => {
      if (reply !== undefined && errorIn(reply).jingle === "unknown-session") this.#lost(later);
    });
  }

  /** The client does not know the session any more. */
  #lost(now: number): void {
    if (this.over) return;
    this.leg.hangUp({ reason: "failed", detail: "unknown session" }, now);
    this.finish();
  }

  message(
    kind: Initiation,
    { to = this.remote, ...more }: { to?: string; reason?: EndReason; children?: readonly XmlElement[] } = {},
  ): void {
    this.#keeper.initiate({ from: this.local, to }, kind, this.sid, more);
  }

  // The end

  hangUp(now: number, reason: "hangup" | "failed", detail: string): void {
    if (this.over) return;
    this.leg.hangUp({ reason, detail: detail.slice(0, 128) }, now);
    this.end(reasonOf(reason), now);
  }

  end(reason: EndReason | undefined, now: number, ...within: XmlElement[]): void {
    if (this.over) return;
    const told = reason === undefined || (!this.active && this.#setup.tellEnd(reason, within));
    if (!told) {
      this.#terminate(reason, now);
      if (this.byMessages) this.message("finish", { reason });
    }
    this.finish();
  }

  #terminate(reason: EndReason, now: number, ...within: XmlElement[]): void {
    this.request("session-terminate", {}, [reasonElement(reason, ...within)], now);
  }

  finish(): void {
    this.phase = "over";
    this.#setup.stop();
    this.#talks.stop();
    this.#early.clear();
    this.#late.clear();
    this.#keeper.over(this);
  }

  /** The client is gone for good. The core knows that. */
  gone(): void {
    if (!this.over) this.finish();
  }
}

/** A number of 31 bits for a random text. */
function hash(text: string): number {
  let value = 0;
  for (const one of text) value = (value * 31 + one.charCodeAt(0)) | 0;
  return value;
}
