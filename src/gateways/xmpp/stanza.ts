import type { WireError } from "../../protocol/error-codes.ts";
import { namespaces } from "./namespaces.ts";
import { child, clientNs, element, elements, text, type XmlElement } from "./xml.ts";

/** Defined conditions of stanza errors (RFC 6120 §8.3.3) that are used, each with its type. */
const conditions = {
  "bad-request": "modify",
  conflict: "cancel",
  "feature-not-implemented": "cancel",
  forbidden: "auth",
  "internal-server-error": "cancel",
  "item-not-found": "cancel",
  "jid-malformed": "modify",
  "not-acceptable": "modify",
  "not-allowed": "cancel",
  "remote-server-not-found": "cancel",
  "resource-constraint": "wait",
  "service-unavailable": "cancel",
  "unexpected-request": "wait",
} as const;

export type StanzaCondition = keyof typeof conditions;

/** The result of an iq, from the entity that was asked. */
export function iqResult(iq: XmlElement, payload?: XmlElement): XmlElement {
  const { id, from, to } = iq.attributes;
  return element("iq", clientNs, { type: "result", id, from: to, to: from }, payload);
}

/** The error that answers a stanza (RFC 6120 §8.3). */
export function stanzaError(stanza: XmlElement, condition: StanzaCondition, words?: string): XmlElement {
  const { id, from, to } = stanza.attributes;
  const error = element(
    "error",
    clientNs,
    { type: conditions[condition] },
    element(condition, namespaces.stanzaErrors),
    words === undefined ? undefined : element("text", namespaces.stanzaErrors, { "xml:lang": "en" }, words),
  );
  return element(stanza.name, clientNs, { type: "error", id, from: to, to: from }, error);
}

/** What an iq asks: its one child (RFC 6120 §8.2.3). */
export function payloadOf(iq: XmlElement): XmlElement | undefined {
  const [payload, ...others] = elements(iq);
  return others.length === 0 ? payload : undefined;
}

/** The text of a child element; undefined without one. */
export function childText(of: XmlElement, name: string): string | undefined {
  const one = child(of, name);
  return one === undefined ? undefined : text(one);
}

/** How a refusal of the core is told. */
export function conditionOf({ code }: WireError): StanzaCondition {
  switch (code) {
    case "forbidden":
      return "forbidden";
    case "bad_request":
      return "bad-request";
    case "too_large":
      return "not-acceptable";
    case "no_device":
      return "service-unavailable";
    case "internal":
      return "internal-server-error";
    default:
      return "resource-constraint";
  }
}
