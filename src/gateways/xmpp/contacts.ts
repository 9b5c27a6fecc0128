import { isId } from "../../protocol/address.ts";
import type { PushOf } from "../../protocol/pushes.ts";
import type { RequestOf, RequestType } from "../../protocol/requests.ts";
import type { Outcome } from "../../signaling/device.ts";
import type { Identity } from "../../signaling/ports.ts";
import { addressOf, jidOf, parseJid } from "./jid.ts";
import { namespaces } from "./namespaces.ts";
import { childText } from "./stanza.ts";
import { clientNs, element, type XmlElement } from "./xml.ts";
import type { XmppContext } from "./xmpp-context.ts";

type Presence = Omit<PushOf<"presence">, "seq">;

/** The client whose contacts these are. */
export interface ContactOwner {
  readonly identity: Identity;
  readonly user: string;
  readonly domain: string;
  readonly jid: string;
  readonly bareJid: string;
  /** It has said that it is there for calls (RFC 6121 §4.2). */
  available: boolean;
  readonly calls: { talksTo(jid: string): boolean };
  send(stanza: XmlElement, now: number): void;
  query(from: string, type: "get" | "set", payload: XmlElement, now: number, done: () => void): void;
  ask<T extends RequestType>(
    type: T,
    fields: Omit<RequestOf<T>, "id" | "type">,
    now: number,
    done?: (outcome: Outcome, now: number) => void,
  ): void;
}

/** How long a status text may be (`limits` of the protocol). */
const longestStatus = 128;

/**
 * Whom a client has in its roster, and what it knows of their presence. A roster begins with the users that the `watch` grant names one by
 * one, and holds what the client adds for as long as it is signed in: the server keeps no rosters. Whoever is in it is watched once the
 * client is available.
 */
export class Contacts {
  readonly #context: XmppContext;
  readonly #client: ContactOwner;
  /** By user: the name that the client gave. */
  #status = "";
  /** Those of the roster are watched. */
  #watching = false;
  #names: Map<string, string | undefined> | undefined;
  /** By user: the resources that were told as available, with their status. */
  readonly #told = new Map<string, Map<string, string>>();
  /** Presence of users whose devices are in a call with the client: by user, the last. */
  readonly #deferred = new Map<string, Presence>();

  constructor(context: XmppContext, client: ContactOwner) {
    this.#context = context;
    this.#client = client;
  }

  get #roster(): Map<string, string | undefined> {
    if (this.#names === undefined) {
      const { identity, user } = this.#client;
      const named = (identity.grants.watch ?? []).filter((one) => isId(one) && one !== user);
      this.#names = new Map(
        named.slice(0, this.#context.settings.limits.contacts).map((one) => [one, undefined]),
      );
    }
    return this.#names;
  }

  /** The roster as an answer to a request for it (RFC 6121 §2.1.4). */
  query(): XmlElement {
    const items = [...this.#roster].map(([user, name]) => this.#item(user, { subscription: "both", name }));
    return element("query", namespaces.roster, {}, ...items);
  }

  #item(user: string, more: Readonly<Record<string, string | undefined>>): XmlElement {
    return element("item", namespaces.roster, { jid: jidOf(this.#client.domain, user), ...more });
  }

  #push(item: XmlElement, now: number): void {
    const { bareJid } = this.#client;
    // Whatever the client answers.
    this.#client.query(bareJid, "set", element("query", namespaces.roster, {}, item), now, () => {});
  }

  /** The client adds, names or removes a contact. False: that is none of this domain, or there are too many. */
  set(item: XmlElement, now: number): boolean {
    const user = addressOf(parseJid(item.attributes.jid ?? ""), this.#client.domain);
    if (user === undefined || user.includes("/")) return false;
    if (item.attributes.subscription === "remove") {
      this.#remove(user, now);
      return true;
    }
    if (!this.#add(user, item.attributes.name)) return false;
    this.#push(this.#item(user, { subscription: "both", name: this.#roster.get(user) }), now);
    return true;
  }

  #add(user: string, name: string | undefined): boolean {
    const roster = this.#roster;
    if (!roster.has(user) && roster.size >= this.#context.settings.limits.contacts) return false;
    roster.set(user, name ?? roster.get(user));
    return true;
  }

  #remove(user: string, now: number): void {
    if (!this.#roster.delete(user)) return;
    this.#client.ask("unwatch", { users: [user] }, now);
    this.#told.delete(user);
    this.#push(this.#item(user, { subscription: "remove" }), now);
  }

  /** A presence stanza of the client (RFC 6121 §3 and §4). */
  receive(presence: XmlElement, now: number): void {
    const { type, to } = presence.attributes;
    // Presence that is directed at somebody says nothing that a watcher does not know.
    if (type === undefined && to === undefined) this.#available(presence, now);
    else if (type === "unavailable" && to === undefined) this.#unavailable(now);
    else if (type === "subscribe" || type === "unsubscribe" || type === "probe") {
      const user = addressOf(parseJid(to ?? ""), this.#client.domain)?.split("/", 1)[0];
      if (user === undefined) return;
      // Whoever asks wants to hear of everybody again (RFC 6121 §4.3).
      if (type === "probe") this.#told.delete(user);
      if (type === "unsubscribe") this.#remove(user, now);
      else this.#subscribe(user, type, now);
    }
  }

  #available(presence: XmlElement, now: number): void {
    const status = childText(presence, "status") ?? childText(presence, "show") ?? "";
    this.#client.available = true;
    this.#status = status.slice(0, longestStatus);
    if (this.#watching) this.#client.ask("status", { status: this.#status }, now);
    else this.watch(now);
  }

  /** Tells the core of the client's status, and watches whoever is in the roster. */
  watch(now: number): void {
    this.#watching = true;
    this.#client.ask("status", { status: this.#status }, now);
    // One by one: what may not be watched must not hide the others.
    for (const user of this.#roster.keys()) this.#client.ask("watch", { users: [user] }, now);
  }

  #unavailable(now: number): void {
    this.#client.available = false;
    if (!this.#watching) return;
    this.#watching = false;
    const users = [...this.#roster.keys()];
    if (users.length > 0) this.#client.ask("unwatch", { users }, now);
    this.#told.clear();
    this.#deferred.clear();
  }

  /** Somebody is to be watched; whoever may be is subscribed to at once. */
  #subscribe(user: string, type: "subscribe" | "probe", now: number): void {
    const answer = (kind: string, later: number): void => {
      const { domain, bareJid } = this.#client;
      this.#client.send(
        element("presence", clientNs, { type: kind, from: jidOf(domain, user), to: bareJid }),
        later,
      );
    };
    this.#client.ask("watch", { users: [user] }, now, (outcome, later) => {
      if (type === "probe") return;
      if ("error" in outcome || !this.#add(user, undefined)) {
        answer("unsubscribed", later);
        return;
      }
      answer("subscribed", later);
      this.#push(this.#item(user, { subscription: "both", name: this.#roster.get(user) }), later);
    });
  }

  /** The core tells who is online. What is new is told to the client. */
  told(presence: Presence, now: number): void {
    const { user, devices } = presence;
    if (!this.#watching) return;
    this.#deferred.delete(user);
    const before = this.#told.get(user) ?? new Map<string, string>();
    const after = new Map(devices.map(({ device, status = "" }) => [device, status]));
    for (const [device, status] of before)
      if (after.has(device)) continue;
      else if (this.#client.calls.talksTo(jidOf(this.#client.domain, user, device))) {
        // stanza would end the call without a word.
        this.#deferred.set(user, presence);
        after.set(device, status);
      } else this.#tell(user, device, "unavailable", undefined, now);
    for (const [device, status] of after)
      if (before.get(device) !== status) this.#tell(user, device, undefined, status, now);
    if (after.size > 0) this.#told.set(user, after);
    else this.#told.delete(user);
  }

  /** A call of the client is over: what had to wait for that is told. */
  callEnded(now: number): void {
    for (const presence of [...this.#deferred.values()]) this.told(presence, now);
  }

  #tell(
    user: string,
    device: string,
    type: string | undefined,
    status: string | undefined,
    now: number,
  ): void {
    const { domain, jid } = this.#client;
    const from = jidOf(domain, user, device);
    const show =
      status === "away" || status === "dnd" || status === "xa" || status === "chat" ? status : undefined;
    const words = show === undefined && status !== undefined && status !== "" ? status : undefined;
    this.#client.send(
      element(
        "presence",
        clientNs,
        { type, from, to: jid },
        show === undefined ? undefined : element("show", clientNs, {}, show),
        words === undefined ? undefined : element("status", clientNs, {}, words),
        type === undefined ? this.#context.caps : undefined,
      ),
      now,
    );
  }
}
