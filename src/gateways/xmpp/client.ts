import type { CloseName } from "../../protocol/close-codes.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import type { RequestOf, RequestType } from "../../protocol/requests.ts";
import type { Deadline } from "../../shared/deadlines.ts";
import type { Device, DeviceLink, Outcome } from "../../signaling/device.ts";
import type { Identity } from "../../signaling/ports.ts";
import { LinkRequests } from "../link-requests.ts";
import { Contacts } from "./contacts.ts";
import { addressOf, jidOf, parseJid } from "./jid.ts";
import { JingleClient } from "./jingle/client.ts";
import { namespaces as jingle } from "./jingle/namespaces.ts";
import { jingleWords } from "./jingle-words.ts";
import { namespaces } from "./namespaces.ts";
import type { StreamManagement } from "./stream-management.ts";
import { child, children, clientNs, element, serialize, type XmlElement } from "./xml.ts";
import type { XmppContext } from "./xmpp-context.ts";

/** Where a client's stanzas go: its stream. */
export interface ClientOutlet {
  /** Sends the text of an element. */
  write(text: string): void;
  /** Ends the stream with this error (RFC 6120 §4.9.3). */
  fail(condition: string, now: number): void;
}

/** What a client tells the gateway. */
export interface ClientKeeper {
  /** The core pushed something. */
  pushed(client: XmppClient, push: PushBody, now: number): void;
  /** The server ended the client's link. */
  shut(client: XmppClient, now: number): void;
}

/** What is known of a client that signs in. */
export interface ClientName {
  readonly identity: Identity;
  readonly domain: string;
  /** The device, and the resource. */
  readonly resource: string;
}

/** A client that has bound a resource: the core's link to it. It outlives its streams where these can be resumed. */
export class XmppClient implements DeviceLink {
  readonly id: string;
  readonly user: string;
  readonly domain: string;
  readonly resource: string;
  /** The full and the bare JID. */
  readonly jid: string;
  readonly bareJid: string;
  identity: Identity;
  state: "live" | "suspended" | "closed" = "live";
  readonly contacts: Contacts;
  /** Its calls. */
  readonly calls: JingleClient;
  /** It has said that it is there for calls (RFC 6121 §4.2). */
  available = false;
  /** It wants copies of what its user's other clients say (XEP-0280). */
  carbons = false;
  /** Undefined until the client asks for it. */
  management: StreamManagement | undefined;
  /** When its token ends, and how long it may be away. */
  expiry: Deadline | undefined;
  grace: Deadline | undefined;
  readonly #context: XmppContext;
  readonly #keeper: ClientKeeper;
  readonly #requests: LinkRequests;
  #outlet: ClientOutlet | undefined;
  /** Presence that an inactive client need not be told at once, by who it is of (XEP-0352). Undefined while it is active. */
  #held: Map<string, XmlElement> | undefined;
  readonly #features = new Set<string>();
  #known = false;
  #curious: ((now: number) => void)[] | undefined;
  #asked = 0;
  #answers:
    | Map<string, { readonly from: string; readonly timer: Deadline; readonly done: Answered }>
    | undefined;

  constructor(context: XmppContext, keeper: ClientKeeper, { identity, domain, resource }: ClientName) {
    this.id = `xmpp_${context.core.ports.random(9)}`;
    this.user = identity.user;
    this.identity = identity;
    this.domain = domain;
    this.resource = resource;
    this.jid = jidOf(domain, identity.user, resource);
    this.bareJid = jidOf(domain, identity.user);
    this.#context = context;
    this.#keeper = keeper;
    this.#requests = new LinkRequests(context);
    this.contacts = new Contacts(context, this);
    this.calls = this.#newCalls();
  }

  #newCalls(): JingleClient {
    const { core, settings, after } = this.#context;
    const features = this.#features;
    return new JingleClient(
      {
        random: (bytes) => core.ports.random(bytes),
        after,
        ask: (type, fields, now, done) => this.ask(type, fields, now, done),
        send: (stanza) => this.send(stanza, core.ports.now()),
        words: () => jingleWords(core, () => this.device),
      },
      {
        jid: this.jid,
        jidOf: (user, device) => jidOf(this.domain, user, device ?? hiddenDevice),
        addressOf: (jid) => addressOf(parseJid(jid), this.domain),
        get messageInitiation() {
          return features.has(jingle.message);
        },
        get dataChannels() {
          return features.has(jingle.sctp);
        },
        mostSessions: settings.limits.sessionsPerClient,
      },
    );
  }

  get device(): Device | undefined {
    return this.#requests.device;
  }

  attached(device: Device): void {
    this.#requests.attached(device);
  }

  get outlet(): ClientOutlet | undefined {
    return this.#outlet;
  }

  /** The client is reached by this stream from now on, or by none. */
  use(outlet: ClientOutlet | undefined): void {
    this.#outlet = outlet;
    this.#held = undefined;
  }

  /** The client is gone: nothing is waited for. */
  end(): void {
    this.state = "closed";
    this.calls.gone();
    this.#curious = undefined;
    this.#outlet = undefined;
    this.#requests.close();
    for (const timer of [this.expiry, this.grace]) timer?.cancel();
    for (const { timer } of this.#answers?.values() ?? []) timer.cancel();
    this.#answers = undefined;
  }

  // What the client can do (XEP-0030)

  /** The client takes calls. */
  get takesCalls(): boolean {
    return this.available && neededForCalls.every((one) => this.#features.has(one));
  }

  /** The client rings by XEP-0353, and needs no offer for that. */
  get proposes(): boolean {
    return this.#features.has(jingle.message);
  }

  /** Calls back once it is known what the client can do. It is asked once. */
  whenKnown(now: number, done: (now: number) => void): void {
    if (this.#known) {
      done(now);
      return;
    }
    if (this.#curious !== undefined) {
      this.#curious.push(done);
      return;
    }
    this.#curious = [done];
    this.query(this.domain, "get", element("query", namespaces.discoInfo), now, (iq, later) => {
      const query = iq?.attributes.type === "result" ? child(iq, "query", namespaces.discoInfo) : undefined;
      const features = query === undefined ? [] : children(query, "feature");
      for (const { attributes } of features.slice(0, mostFeatures)) this.#features.add(attributes.var ?? "");
      this.#known = true;
      const waiting = this.#curious ?? [];
      this.#curious = undefined;
      for (const one of waiting) one(later);
    });
  }

  // Stanzas

  /** Sends a stanza. Without a stream it waits, where that can be resumed. */
  send(stanza: XmlElement, now: number): void {
    if (this.state === "closed") return;
    if (this.#held !== undefined && stanza.name === "presence") {
      this.#held.set(stanza.attributes.from ?? "", stanza);
      return;
    }
    this.#flush(now);
    this.#send(stanza, now);
  }

  #send(stanza: XmlElement, now: number): void {
    const text = serialize(stanza);
    const kept = this.management?.sent(text) ?? true;
    this.#outlet?.write(text);
    if (!kept) this.#keeper.shut(this, now);
    else if (this.management?.asks === true) this.#outlet?.write(askForCount);
  }

  /** The client says whether somebody looks at it. */
  inactive(is: boolean, now: number): void {
    this.#flush(now);
    this.#held = is ? new Map() : undefined;
  }

  #flush(now: number): void {
    if (this.#held === undefined || this.#held.size === 0) return;
    const held = [...this.#held.values()];
    this.#held.clear();
    for (const stanza of held) this.#send(stanza, now);
  }

  /** Asks the client itself. `done` gets its result or error; undefined when it does not answer in time. */
  query(from: string, type: "get" | "set", payload: XmlElement, now: number, done: Answered): void {
    this.#asked += 1;
    const id = `sb${this.#asked}`;
    const timer = this.#context.after(this.#context.settings.limits.iqTimeout, now, (later) => {
      this.#answers?.delete(id);
      done(undefined, later);
    });
    this.#answers ??= new Map();
    this.#answers.set(id, { from, timer, done });
    this.send(element("iq", clientNs, { type, id, from, to: this.jid }, payload), now);
  }

  /** The client answers something that it was asked. */
  answered(iq: XmlElement, now: number): void {
    if (this.calls.replied(iq, now)) return;
    const { id = "", to = this.domain } = iq.attributes;
    const asked = this.#answers?.get(id);
    if (asked === undefined || asked.from !== to) return;
    this.#answers?.delete(id);
    asked.timer.cancel();
    asked.done(iq, now);
  }

  // The core

  /** Asks the core. `done` gets the outcome, now or later. */
  ask<T extends RequestType>(
    type: T,
    fields: Omit<RequestOf<T>, "id" | "type">,
    now: number,
    done?: (outcome: Outcome, now: number) => void,
  ): void {
    this.#requests.ask(type, fields, now, done);
  }

  deliver(push: PushBody, now: number): void {
    this.#requests.afterwards(now, (later) => this.#keeper.pushed(this, push, later));
  }

  reply(id: number, outcome: Outcome, now: number): void {
    this.#requests.reply(id, outcome, now);
  }

  close(_why: CloseName, now: number): void {
    if (this.state !== "closed") this.#requests.afterwards(now, (later) => this.#keeper.shut(this, later));
  }
}

/** What a client says to an iq. */
export type Answered = (iq: XmlElement | undefined, now: number) => void;

/** What a client must say that it can do. */
const neededForCalls = [jingle.jingle, jingle.rtp, jingle.iceUdp];
const mostFeatures = 500;
/** The resource of a caller whose device may not be seen. */
const hiddenDevice = "call";

const askForCount = serialize(element("r", "urn:xmpp:sm:3"));
