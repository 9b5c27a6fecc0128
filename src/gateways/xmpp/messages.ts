import type { PushOf } from "../../protocol/pushes.ts";
import type { Outcome } from "../../signaling/device.ts";
import type { XmppClient } from "./client.ts";
import { addressOf, jidOf, parseJid } from "./jid.ts";
import { namespaces } from "./namespaces.ts";
import { childText, conditionOf, stanzaError } from "./stanza.ts";
import { child, clientNs, element, text, type XmlElement } from "./xml.ts";
import type { XmppContext } from "./xmpp-context.ts";

/** Who sends and gets messages: a client, or a user of another server. */
export interface MessageOwner {
  readonly domain: string;
  readonly jid: string;
  readonly bareJid: string;
  send(stanza: XmlElement, now: number): void;
  ask(
    type: "send",
    fields: { to: string; body: unknown },
    now: number,
    done: (outcome: Outcome, now: number) => void,
  ): void;
}

/**
 * A message of a client becomes `send`: of its body's text, or of the JSON that it carries (XEP-0335). One without either, such as a chat
 * state, is dropped. `sent` is called once the core has taken it.
 */
export function sendMessage(
  client: MessageOwner,
  message: XmlElement,
  now: number,
  sent: (now: number) => void = () => {},
): void {
  const { to = client.bareJid, type } = message.attributes;
  if (type === "error") return;
  const body = bodyOf(message);
  if (body === undefined) return;
  const jid = parseJid(to);
  const address = addressOf(jid, client.domain);
  const refused =
    type === "groupchat" ? "feature-not-implemented" : jid === undefined ? "jid-malformed" : undefined;
  if (refused !== undefined || address === undefined) {
    const condition = jid?.domain === client.domain ? "item-not-found" : "remote-server-not-found";
    client.send(stanzaError(message, refused ?? condition), now);
    return;
  }
  client.ask("send", { to: address, body }, now, (outcome, later) => {
    if ("error" in outcome)
      client.send(stanzaError(message, conditionOf(outcome.error), outcome.error.message), later);
    else sent(later);
  });
}

/** A message of the core, for a client. */
export function messageOf(
  context: XmppContext,
  client: MessageOwner,
  { from, to, body }: Omit<PushOf<"message">, "seq">,
): XmlElement {
  const json = typeof body === "string" ? undefined : JSON.stringify(body);
  return element(
    "message",
    clientNs,
    {
      type: "chat",
      id: context.core.ports.random(9),
      from: jidOf(client.domain, from.user, from.device),
      to: to.includes("/") ? client.jid : client.bareJid,
    },
    element("body", clientNs, {}, json ?? (body as string)),
    json === undefined ? undefined : element("json", namespaces.json, {}, json),
  );
}

/** A copy of a message that another client of the user sent, or got alone (XEP-0280). */
export function carbon(
  context: XmppContext,
  client: XmppClient,
  way: "sent" | "received",
  message: XmlElement,
  now: number,
): void {
  if (!client.carbons || child(message, "private", namespaces.carbons) !== undefined) return;
  const { bareJid, jid } = client;
  const forwarded = element("forwarded", namespaces.forward, {}, message);
  client.send(
    element(
      "message",
      clientNs,
      { type: "chat", id: context.core.ports.random(9), from: bareJid, to: jid },
      element(way, namespaces.carbons, {}, forwarded),
    ),
    now,
  );
}

function bodyOf(message: XmlElement): unknown {
  const json = child(message, "json", namespaces.json);
  if (json === undefined) return childText(message, "body");
  try {
    return JSON.parse(text(json));
  } catch {
    return childText(message, "body");
  }
}
