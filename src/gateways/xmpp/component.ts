import type { Grants } from "../../signaling/grants.ts";
import { clientKind } from "./clients.ts";
import { discoInfo } from "./disco.ts";
import { addressOf, type Jid, parseJid } from "./jid.ts";
import { namespaces as jingle } from "./jingle/namespaces.ts";
import { jingleCapabilities } from "./jingle/ports.ts";
import { sendMessage } from "./messages.ts";
import { namespaces } from "./namespaces.ts";
import { RemoteUser, remoteDevice } from "./remote-user.ts";
import { iqResult, payloadOf, stanzaError } from "./stanza.ts";
import { clientNs, element, serialize, streamNs, type XmlElement } from "./xml.ts";
import { stanzaLimits, XmlStream } from "./xml-parser.ts";
import type { XmppContext } from "./xmpp-context.ts";

const componentNs = "jabber:component:accept";

/** How long a user of another server is signed in. ms */
const lifetime = 7 * 86_400_000;
/** Stanzas that wait while there is no connection. */
const mostKept = 1_000;

/** The connection to the other server. */
export interface ComponentWire {
  send(text: string): void;
  close(): void;
}

export interface ComponentOptions {
  readonly domain: string;
  readonly secret: string;
  /** Domains whose users are let in. */
  readonly domains: readonly string[];
  /** Bare JIDs that can be called at once. */
  readonly users: readonly string[];
  readonly grants: Grants;
}

/**
 * A component of another XMPP server (XEP-0114): the users of that server are devices here, and ours are `alice@DOMAIN` there. It outlives
 * its connections: calls go on while there is none, and stanzas wait.
 */
export class Component {
  readonly domain: string;
  readonly #context: XmppContext;
  readonly #options: ComponentOptions;
  /** By bare JID. */
  readonly #users = new Map<string, RemoteUser>();
  #wire: ComponentWire | undefined;
  #stream: XmlStream | undefined;
  #ready = false;
  #kept: string[] = [];

  constructor(context: XmppContext, options: ComponentOptions) {
    this.#context = context;
    this.#options = options;
    this.domain = options.domain;
  }

  /** The other server has taken the secret. */
  get ready(): boolean {
    return this.#ready;
  }

  get users(): ReadonlyMap<string, RemoteUser> {
    return this.#users;
  }

  // The connection

  connected(wire: ComponentWire): void {
    this.#wire = wire;
    const now = () => this.#context.core.ports.now();
    this.#stream = new XmlStream(stanzaLimits, {
      opened: (root) => this.#opened(root),
      element: (of) => this.#received(of, now()),
      ended: () => wire.close(),
    });
    wire.send(
      `<?xml version="1.0"?><stream:stream xmlns="${componentNs}" xmlns:stream="${streamNs}" to="${this.domain}">`,
    );
  }

  /** A part of the stream's text. */
  received(text: string): void {
    const fault = this.#stream?.write(text);
    if (fault !== undefined) this.#wire?.close();
  }

  closed(now: number): void {
    this.#wire = undefined;
    this.#stream = undefined;
    this.#ready = false;
    for (const user of this.#users.values()) {
      if (user.state !== "live" || user.device === undefined) continue;
      user.state = "suspended";
      this.#context.core.suspend(user.device, now);
    }
  }

  #opened({ attributes }: XmlElement): void {
    const { crypto } = this.#context;
    const bytes = crypto.fromBase64(crypto.toBase64(`${attributes.id ?? ""}${this.#options.secret}`));
    const hash = crypto.hash("SHA-1", bytes ?? new Uint8Array());
    const hex = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
    this.#wire?.send(`<handshake>${hex}</handshake>`);
  }

  #begin(now: number): void {
    this.#ready = true;
    for (const user of this.#users.values()) {
      if (user.state !== "suspended" || user.device === undefined) continue;
      user.state = "live";
      this.#context.core.resume(user.device, now);
    }
    const kept = this.#kept;
    this.#kept = [];
    for (const text of kept) this.#wire?.send(text);
    for (const jid of this.#options.users) this.#user(jid, now);
  }

  #send(stanza: XmlElement): void {
    const text = serialize(stanza, clientNs);
    if (this.#ready) this.#wire?.send(text);
    else if (this.#kept.length < mostKept) this.#kept.push(text);
  }

  // Stanzas

  #received(given: XmlElement, now: number): void {
    const stanza = renamed(given);
    if (stanza.name === "handshake") {
      this.#begin(now);
      return;
    }
    if (stanza.ns === streamNs || !this.#ready) {
      this.#wire?.close();
      return;
    }
    const [from, to] = [stanza.attributes.from, stanza.attributes.to].map((one) => parseJid(one ?? ""));
    if (from === undefined || to === undefined || to.domain !== this.domain) return;
    const user = this.#of(from, now);
    if (user !== undefined) this.#take(user, stanza, to, now);
    else if (
      stanza.name !== "presence" &&
      stanza.attributes.type !== "error" &&
      stanza.attributes.type !== "result"
    )
      this.#send(stanzaError(stanza, "forbidden"));
  }

  #take(user: RemoteUser, stanza: XmlElement, to: Jid, now: number): void {
    if (stanza.name === "iq") this.#asked(user, stanza, to, now);
    else if (stanza.name === "message") {
      if (!user.calls.message(stanza, now)) sendMessage(user, stanza, now);
    } else if (stanza.name === "presence") {
      const { type } = stanza.attributes;
      // What the user's own status is, its server tells whom it may tell.
      if (type !== undefined && type !== "unavailable") user.contacts.receive(stanza, now);
    }
  }

  #asked(user: RemoteUser, iq: XmlElement, to: Jid, now: number): void {
    const { type } = iq.attributes;
    const payload = payloadOf(iq);
    if (type === "result" || type === "error") user.calls.replied(iq, now);
    else if (payload === undefined) this.#send(stanzaError(iq, "bad-request"));
    else if (payload.ns === jingle.jingle && type === "set") user.calls.request(iq, now);
    else if (type === "get" && payload.ns === namespaces.discoInfo)
      this.#send(iqResult(iq, discoInfo(to.local === "" ? "component" : "device", payload.attributes.node)));
    else if (type === "get" && payload.ns === namespaces.discoItems)
      this.#send(iqResult(iq, element("query", namespaces.discoItems)));
    else if (payload.ns === namespaces.ping && addressOf(to, this.domain) === undefined)
      this.#send(iqResult(iq));
    else this.#send(stanzaError(iq, "service-unavailable"));
  }

  // Users

  /** The user of that JID; undefined where that one is not let in. */
  #of({ local, domain }: Jid, now: number): RemoteUser | undefined {
    if (local === "" || !this.#options.domains.includes(domain)) return undefined;
    return this.#user(`${local}@${domain}`, now);
  }

  #user(jid: string, now: number): RemoteUser | undefined {
    const known = this.#users.get(jid);
    if (known !== undefined) return known;
    const { core, settings } = this.#context;
    const { grants } = this.#options;
    if (this.#users.size >= settings.limits.componentUsers) return undefined;
    const identity = { user: jid, grants, expires: now + lifetime, issuedAt: now, undated: true };
    if (core.stale(identity, now, remoteDevice)) return undefined;
    const keeper = {
      domain: this.domain,
      send: (stanza: XmlElement) => this.#send(stanza),
      shut: (user: RemoteUser, later: number) => this.#shut(user, later),
    };
    const user = new RemoteUser(this.#context, keeper, identity);
    const attached = core.attach(
      {
        user: jid,
        id: remoteDevice,
        kind: clientKind,
        name: undefined,
        // Which clients the user has, nobody knows before one answers, and not all of them bundle.
        capabilities: { ...jingleCapabilities({ messageInitiation: true }), bundle: false },
        link: user,
        grants,
      },
      now,
      (device) => user.attached(device),
    );
    if (!attached.ok) return undefined;
    this.#users.set(jid, user);
    user.contacts.watch(now);
    return user;
  }

  #shut(user: RemoteUser, now: number): void {
    if (!this.#users.delete(user.user)) return;
    user.end();
    if (user.device !== undefined) this.#context.core.detach(user.device, "kicked", now);
  }
}

/** Stanzas of a component have a namespace of their own; everything else here knows them by that of clients. */
function renamed(of: XmlElement): XmlElement {
  const children = of.children.map((one) => (typeof one === "string" ? one : renamed(one)));
  return { ...of, ns: of.ns === componentNs ? clientNs : of.ns, children };
}
