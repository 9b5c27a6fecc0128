import { child, clientNs, element, type XmlElement } from "../xml.ts";
import { namespaces } from "./namespaces.ts";
import { type EndReason, reasonElement } from "./reasons.ts";

/** From whom, to whom. */
export interface Route {
  readonly from: string;
  readonly to: string;
}

/** Actions of XEP-0166 §7.2. */
const actions = [
  "content-accept",
  "content-add",
  "content-modify",
  "content-reject",
  "content-remove",
  "description-info",
  "security-info",
  "session-accept",
  "session-info",
  "session-initiate",
  "session-terminate",
  "transport-accept",
  "transport-info",
  "transport-reject",
  "transport-replace",
] as const;

export type Action = (typeof actions)[number];

export function isAction(text: string | undefined): text is Action {
  return (actions as readonly (string | undefined)[]).includes(text);
}

/** An error to an IQ (RFC 6120 §8.3), with one of XEP-0166's own beside it. */
export interface StanzaError {
  readonly type: "cancel" | "modify" | "wait" | "auth";
  readonly condition:
    | "bad-request"
    | "conflict"
    | "feature-not-implemented"
    | "item-not-found"
    | "resource-constraint"
    | "unexpected-request";
  readonly jingle?: "out-of-order" | "tie-break" | "unknown-session" | "unsupported-info";
}

export const stanzaErrors = {
  badRequest: { type: "modify", condition: "bad-request" },
  unknownSession: { type: "cancel", condition: "item-not-found", jingle: "unknown-session" },
  noSuchPeer: { type: "cancel", condition: "item-not-found" },
  outOfOrder: { type: "wait", condition: "unexpected-request", jingle: "out-of-order" },
  tieBreak: { type: "cancel", condition: "conflict", jingle: "tie-break" },
  unsupported: { type: "modify", condition: "feature-not-implemented", jingle: "unsupported-info" },
  full: { type: "wait", condition: "resource-constraint" },
} as const satisfies Record<string, StanzaError>;

export function resultIq({ from, to }: Route, id: string): XmlElement {
  return element("iq", clientNs, { type: "result", from, to, id });
}

export function errorIq(
  { from, to }: Route,
  id: string,
  { type, condition, jingle }: StanzaError,
): XmlElement {
  return element(
    "iq",
    clientNs,
    { type: "error", from, to, id },
    element(
      "error",
      clientNs,
      { type },
      element(condition, namespaces.stanzaErrors),
      jingle === undefined ? undefined : element(jingle, namespaces.errors),
    ),
  );
}

/** What a client's error says: the condition, and XEP-0166's own. */
export function errorIn(iq: XmlElement): { readonly condition?: string; readonly jingle?: string } {
  const error = child(iq, "error");
  const found: { condition?: string; jingle?: string } = {};
  for (const one of error?.children ?? []) {
    if (typeof one === "string") continue;
    if (one.ns === namespaces.stanzaErrors && one.name !== "text") found.condition = one.name;
    if (one.ns === namespaces.errors) found.jingle = one.name;
  }
  return found;
}

/** Messages of XEP-0353. */
export type Initiation = "propose" | "ringing" | "proceed" | "accept" | "reject" | "retract" | "finish";

const initiations: readonly string[] = [
  "propose",
  "ringing",
  "proceed",
  "accept",
  "reject",
  "retract",
  "finish",
] satisfies Initiation[];

/** The element of XEP-0353 in a message, and the id of the session that it speaks of. */
export function initiationIn(
  message: XmlElement,
): { readonly kind: Initiation; readonly id: string; readonly element: XmlElement } | undefined {
  for (const one of message.children) {
    if (typeof one === "string" || one.ns !== namespaces.message || !initiations.includes(one.name)) continue;
    const { id } = one.attributes;
    if (id === undefined || id === "" || id.length > 128) return undefined;
    return { kind: one.name as Initiation, id, element: one };
  }
  return undefined;
}

/** A message of XEP-0353. It is stored where the client is away, so that a missed call is seen, except for what only the moment needs. */
export function initiationMessage(
  { from, to }: Route,
  kind: Initiation,
  sid: string,
  id: string,
  { reason, children = [] }: { reason?: EndReason | undefined; children?: readonly XmlElement[] } = {},
): XmlElement {
  const why = reason === undefined ? undefined : reasonElement(reason);
  return element(
    "message",
    clientNs,
    { type: "chat", from, to, id },
    element(kind, namespaces.message, { id: sid }, ...children, why),
    kind === "ringing" ? undefined : element("store", namespaces.hints),
  );
}

/** The descriptions of a proposal: what kinds of media the call is to have. */
export function proposedMedia(media: { audio?: boolean; video?: boolean }): XmlElement[] {
  const kinds = (["audio", "video"] as const).filter((kind) => media[kind] === true);
  return (kinds.length === 0 ? ["audio"] : kinds).map((kind) =>
    element("description", namespaces.rtp, { media: kind }),
  );
}

/** What a proposal is for. */
export function mediaProposed(propose: XmlElement): { audio: boolean; video: boolean } {
  const kinds = propose.children.map((one) =>
    typeof one !== "string" && one.name === "description" && one.ns === namespaces.rtp
      ? one.attributes.media
      : undefined,
  );
  return { audio: kinds.includes("audio"), video: kinds.includes("video") };
}
