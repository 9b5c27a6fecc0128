import type { PushBody, PushOf } from "../../protocol/pushes.ts";
import type { Result } from "../../shared/result.ts";
import { GatewayTraffic } from "../gateway-traffic.ts";
import type { ClientOutlet, XmppClient } from "./client.ts";
import { ClientStream, type StreamIdentity, type StreamUser } from "./client-stream.ts";
import { Clients, type ClientsUser } from "./clients.ts";
import { addressOf, parseJid } from "./jid.ts";
import { namespaces as jingle } from "./jingle/namespaces.ts";
import { carbon, messageOf, sendMessage } from "./messages.ts";
import { answerQuery } from "./queries.ts";
import { payloadOf, type StanzaCondition, stanzaError } from "./stanza.ts";
import type { XmlElement } from "./xml.ts";
import type { Flow, XmppContext } from "./xmpp-context.ts";

/** What the gateway does with what its clients say, and tells them what the core says. Pure. */
export class XmppAgent implements StreamUser, ClientsUser {
  readonly traffic: GatewayTraffic<Flow>;
  readonly clients: Clients;
  readonly #context: XmppContext;
  readonly #streams = new Map<Flow, ClientStream>();

  constructor(context: XmppContext) {
    this.#context = context;
    this.traffic = new GatewayTraffic(context.settings.limits);
    this.clients = new Clients(context, this);
  }

  /** A socket was opened. */
  opened(flow: Flow, now: number): void {
    this.traffic.opened(flow, now);
    const stream = new ClientStream(this.#context, this, this.traffic, flow);
    this.#streams.set(flow, stream);
    this.#context.after(this.#context.settings.limits.signInTimeout, now, (later) => {
      if (flow.open) stream.late(later);
    });
  }

  closed(flow: Flow, now: number): void {
    this.traffic.closed(flow);
    const stream = this.#streams.get(flow);
    this.#streams.delete(flow);
    if (stream?.client !== undefined) this.clients.lost(stream.client, stream, now);
  }

  /** One message of a client. */
  received(text: string, flow: Flow, now: number): void {
    this.#streams.get(flow)?.receive(text, now);
  }

  // StreamUser

  bind(
    who: StreamIdentity,
    resource: string | undefined,
    outlet: ClientOutlet,
    now: number,
  ): Result<XmppClient, StanzaCondition> {
    return this.clients.enter(who, resource, outlet, now);
  }

  resumable(who: StreamIdentity, id: string): XmppClient | undefined {
    return this.clients.resumable(who, id);
  }

  resumed(client: XmppClient, outlet: ClientOutlet, who: StreamIdentity, now: number): void {
    this.clients.resumed(client, outlet, who, now);
  }

  keep(client: XmppClient, id: string): void {
    this.clients.keep(client, id);
  }

  left(client: XmppClient, now: number): void {
    this.clients.remove(client, "client", now);
  }

  stanza(client: XmppClient, stanza: XmlElement, now: number): void {
    if (stanza.name === "presence") this.#presence(client, stanza, now);
    else if (stanza.name === "iq") this.#asked(client, stanza, now);
    else if (!client.calls.message(stanza, now))
      sendMessage(client, stanza, now, (later) => this.#copy(client, "sent", stanza, later));
  }

  /** With its first presence a client is asked what it can do. */
  #presence(client: XmppClient, presence: XmlElement, now: number): void {
    const before = client.available;
    client.contacts.receive(presence, now);
    if (before || !client.available) return;
    client.whenKnown(now, (later) => {
      if (this.clients.known(client, later)) client.contacts.watch(later);
    });
  }

  #asked(client: XmppClient, iq: XmlElement, now: number): void {
    const { type, id, to } = iq.attributes;
    if (type === "result" || type === "error") {
      client.answered(iq, now);
      return;
    }
    const payload = payloadOf(iq);
    if ((type !== "get" && type !== "set") || id === undefined || payload === undefined) {
      client.send(stanzaError(iq, "bad-request"), now);
      return;
    }
    const jid = to === undefined ? undefined : parseJid(to);
    const isServer = jid?.local === "" && jid.domain === client.domain && jid.resource === "";
    const isCall = payload.ns === jingle.jingle && type === "set" && to !== undefined;
    if (isCall && jid?.domain === client.domain) client.calls.request(iq, now);
    else if (isServer) answerQuery(this.#context, client, iq, payload, "server", now);
    else if (to === undefined || to === client.bareJid)
      answerQuery(this.#context, client, iq, payload, "account", now);
    else if (addressOf(jid, client.domain) !== undefined)
      answerQuery(this.#context, client, iq, payload, "device", now);
    else client.send(stanzaError(iq, jid === undefined ? "jid-malformed" : "remote-server-not-found"), now);
  }

  /** Calls of all clients. */
  get calls(): number {
    let count = 0;
    for (const client of this.clients.all) count += client.calls.size;
    return count;
  }

  // ClientsUser

  pushed(client: XmppClient, push: PushBody, now: number): void {
    switch (push.type) {
      case "presence":
        client.contacts.told(push, now);
        break;
      case "message":
        this.#message(client, push, now);
        break;
      case "incoming":
        client.whenKnown(now, (later) => {
          if (client.takesCalls) client.calls.push(push, later);
          else
            client.ask("decline", { session: push.session, reason: "incompatible", automatic: true }, later);
        });
        break;
      default:
        client.calls.push(push, now);
        if (push.type === "ended") client.contacts.callEnded(now);
    }
  }

  #message(client: XmppClient, push: Omit<PushOf<"message">, "seq">, now: number): void {
    const message = messageOf(this.#context, client, push);
    client.send(message, now);
    // What went to all devices of the user, they all have.
    if (!push.to.includes("/")) return;
    this.#copy(client, "received", message, now);
  }

  /** Copies a message to the user's other clients. */
  #copy(client: XmppClient, way: "sent" | "received", message: XmlElement, now: number): void {
    for (const other of this.clients.of(client.user))
      if (other !== client) carbon(this.#context, other, way, message, now);
  }
}
