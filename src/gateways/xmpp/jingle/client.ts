import type { PushBody, PushOf } from "../../../protocol/pushes.ts";
import type { Deadline } from "../../../shared/deadlines.ts";
import { child, clientNs, element, type XmlElement } from "../xml.ts";
import { contentsByName } from "./description.ts";
import { namespaces } from "./namespaces.ts";
import type { JingleClientOptions, JinglePorts, JingleWords } from "./ports.ts";
import { JingleSession } from "./session.ts";
import type { SessionKeeper, SessionName } from "./session-keeper.ts";
import {
  type Action,
  errorIq,
  type Initiation,
  initiationIn,
  initiationMessage,
  isAction,
  resultIq,
  type StanzaError,
  stanzaErrors,
} from "./stanzas.ts";

/** How long a client may take to answer an IQ, in ms. */
const replyTimeout = 15_000;
/** IQs of a client that wait for their reply. More are sent, and nobody waits. */
const mostWaiting = 256;

interface Waiting {
  readonly to: string;
  readonly timer: Deadline;
  readonly done: (reply: XmlElement | undefined, now: number) => void;
}

/**
 * The Jingle sessions of one client of XMPP: a resource that is signed in here, or an account of another server. Stanzas of the client
 * and pushes of the core come in; stanzas to the client and requests to the core go out. Pure.
 */
export class JingleClient {
  readonly #options: JingleClientOptions;
  readonly #ports: JinglePorts;
  /** By sid. */
  readonly #sessions = new Map<string, JingleSession>();
  /** By the id of the core's session. */
  readonly #known = new Map<string, JingleSession>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #words = new WeakMap<SessionName, JingleWords>();
  readonly #keeper: SessionKeeper;
  #sent = 0;

  constructor(ports: JinglePorts, options: JingleClientOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#keeper = {
      options,
      ports,
      request: (session, action, attributes, children, now, done) =>
        this.#request(session, action, attributes, children, now, done),
      initiate: (route, kind, sid, more) => {
        this.#said(this.#sessions.get(sid), kind, false);
        ports.send(initiationMessage(route, kind, sid, this.#nextId(), more));
      },
      known: ({ sid, session }) => {
        const known = this.#sessions.get(sid);
        if (known === undefined) return;
        this.#known.set(session, known);
        this.#words.get(known)?.begun(session);
      },
      renamed: ({ sid }, before) => {
        const renamed = this.#sessions.get(before);
        if (renamed === undefined) return;
        this.#sessions.delete(before);
        this.#sessions.set(sid, renamed);
      },
      over: (session) => {
        if (this.#sessions.get(session.sid) === session) this.#sessions.delete(session.sid);
        if (this.#known.get(session.session) === session) this.#known.delete(session.session);
      },
    };
  }

  /** Sessions of the client, ringing ones counted. */
  get size(): number {
    return this.#sessions.size;
  }

  /**
   * True for a JID that a session is kept with. Its `unavailable` presence must not be sent meanwhile: stanza would end the session without
   * a word.
   */
  talksTo(jid: string): boolean {
    for (const session of this.#sessions.values()) if (session.local === jid) return true;
    return false;
  }

  // From the client

  /** An IQ of type `set` with a `jingle` element. Its `from` is checked, and its answer is sent here. */
  request(iq: XmlElement, now: number): void {
    const jingle = child(iq, "jingle", namespaces.jingle);
    const { from = this.#options.jid, to = "", id = "" } = iq.attributes;
    const route = { from: to, to: from };
    const refuse = (error: StanzaError) => this.#ports.send(errorIq(route, id, error));
    const { action, sid } = jingle?.attributes ?? {};
    if (jingle === undefined || !isAction(action) || sid === undefined || sid === "" || sid.length > 128) {
      refuse(stanzaErrors.badRequest);
      return;
    }
    const session = this.#sessions.get(sid);
    // A session is known to its two ends alone.
    const own =
      session !== undefined && session.remote === from && (session.local === to || session.proposed);
    if (!own) {
      if (action === "session-terminate") this.#ports.send(resultIq(route, id));
      else if (action === "session-initiate" && session === undefined)
        this.#initiated(jingle, sid, route, id, now);
      else refuse(action === "session-initiate" ? stanzaErrors.outOfOrder : stanzaErrors.unknownSession);
      return;
    }
    const refusal = session.refusal(action, jingle);
    if (refusal !== undefined) {
      refuse(refusal);
      return;
    }
    this.#ports.send(resultIq(route, id));
    this.#said(session, action, true);
    session.receive(action, jingle, now);
  }

  #initiated(
    jingle: XmlElement,
    sid: string,
    route: { readonly from: string; readonly to: string },
    id: string,
    now: number,
  ): void {
    const address = this.#options.addressOf(route.from);
    const error = !contentsByName(jingle).ok
      ? stanzaErrors.badRequest
      : address === undefined
        ? stanzaErrors.noSuchPeer
        : this.#full
          ? stanzaErrors.full
          : undefined;
    if (error !== undefined || address === undefined) {
      this.#ports.send(errorIq(route, id, error ?? stanzaErrors.noSuchPeer));
      return;
    }
    this.#ports.send(resultIq(route, id));
    const start = { sid, local: route.from, remote: route.to, proposed: false };
    const session = new JingleSession(this.#keeper, start, "initiator");
    this.#sessions.set(sid, session);
    this.#said(session, "session-initiate", true);
    session.initiate(jingle, address, now);
  }

  /** An IQ of type `result` or `error`. True when one of a session waited for it. */
  replied(iq: XmlElement, now: number): boolean {
    const { id = "", from = this.#options.jid } = iq.attributes;
    const waiting = this.#waiting.get(id);
    if (waiting === undefined || waiting.to !== from) return false;
    this.#waiting.delete(id);
    waiting.timer.cancel();
    waiting.done(iq, now);
    return true;
  }

  /** A message. True when it is one of XEP-0353, and was taken. */
  message(message: XmlElement, now: number): boolean {
    const found = initiationIn(message);
    if (found === undefined) return false;
    const { from = this.#options.jid, to = "" } = message.attributes;
    const session = this.#sessions.get(found.id);
    if (session !== undefined) {
      if (bare(from) !== bare(session.remote)) return true;
      this.#said(session, found.kind, true);
      session.receiveMessage(found.kind, found.element, from, now);
      return true;
    }
    if (found.kind !== "propose") return true;
    const address = this.#options.addressOf(to);
    // A person is called, not a server: there is nobody to say no.
    if (address === undefined) return true;
    const local = to.includes("/") ? to : this.#options.jidOf(address, undefined);
    const start = { sid: found.id, local, remote: from, proposed: true };
    if (this.#full) {
      const reason = { condition: "busy" } as const;
      this.#keeper.initiate({ from: local, to: from }, "reject", found.id, { reason });
      return true;
    }
    const made = new JingleSession(this.#keeper, start, "initiator");
    this.#sessions.set(found.id, made);
    this.#said(made, "propose", true);
    made.propose(found.element, address, now);
    return true;
  }

  // From the core

  /** A push to the client's device. True when it was one of a session here, or a ring. */
  push(push: PushBody, now: number): boolean {
    if (push.type === "incoming") {
      this.#rung(push, now);
      return true;
    }
    const session = "session" in push ? this.#known.get(push.session) : undefined;
    session?.push(push, now);
    return session !== undefined;
  }

  #rung(incoming: Omit<PushOf<"incoming">, "seq">, now: number): void {
    const { session: id, from } = incoming;
    if (this.#full) {
      this.#ports.ask("decline", { session: id, reason: "busy", automatic: true }, now);
      return;
    }
    const { jid, jidOf, messageInitiation } = this.#options;
    // The proposals of one ring have one id at all clients of the user, so that they understand each other.
    const sid = this.#sessions.has(id) ? this.#ports.random(12) : id;
    const local = jidOf(from.user, from.device);
    const start = { sid, local, remote: jid, proposed: messageInitiation };
    const session = new JingleSession(this.#keeper, start, "responder");
    this.#sessions.set(sid, session);
    session.ring(incoming, now);
  }

  /** The client is gone for good, and its device is detached. */
  gone(): void {
    for (const session of [...this.#sessions.values()]) session.gone();
    for (const { timer } of this.#waiting.values()) timer.cancel();
    this.#waiting.clear();
  }

  get #full(): boolean {
    return this.#sessions.size >= this.#options.mostSessions;
  }

  #said(session: SessionName | undefined, word: Action | Initiation, isIncoming: boolean): void {
    if (session === undefined) return;
    const words = this.#words.get(session) ?? this.#ports.words();
    this.#words.set(session, words);
    words.said(session.session, word, isIncoming);
  }

  #nextId(): string {
    this.#sent += 1;
    return `j${this.#sent}-${this.#ports.random(6)}`;
  }

  #request(
    session: SessionName,
    action: Action,
    attributes: Readonly<Record<string, string>>,
    children: readonly XmlElement[],
    now: number,
    done?: (reply: XmlElement | undefined, now: number) => void,
  ): void {
    const { sid, local, remote } = session;
    const id = this.#nextId();
    this.#said(session, action, false);
    if (done !== undefined && this.#waiting.size < mostWaiting) {
      const timer = this.#ports.after(replyTimeout, now, (later) => {
        if (this.#waiting.delete(id)) done(undefined, later);
      });
      this.#waiting.set(id, { to: remote, timer, done });
    }
    const jingle = element("jingle", namespaces.jingle, { action, sid, ...attributes }, ...children);
    this.#ports.send(element("iq", clientNs, { type: "set", from: local, to: remote, id }, jingle));
  }
}

function bare(jid: string): string {
  return jid.split("/", 1)[0] ?? jid;
}
