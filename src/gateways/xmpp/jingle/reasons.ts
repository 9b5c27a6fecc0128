import type { WireReason } from "../../../protocol/end-reasons.ts";
import type { WireError } from "../../../protocol/error-codes.ts";
import { child, element, elements, text, type XmlElement } from "../xml.ts";
import type { JingleFault } from "./faults.ts";
import { namespaces } from "./namespaces.ts";

/** The conditions of XEP-0166 §7.4 that are sent. */
export type Condition =
  | "alternative-session"
  | "busy"
  | "cancel"
  | "connectivity-error"
  | "decline"
  | "expired"
  | "failed-application"
  | "failed-transport"
  | "general-error"
  | "gone"
  | "incompatible-parameters"
  | "security-error"
  | "success"
  | "timeout"
  | "unsupported-applications"
  | "unsupported-transports";

/** The condition that a session ends with when what the client sent can't be used. */
export function conditionOf({ reason }: JingleFault): Condition {
  return reason === "bad-request" ? "failed-application" : reason;
}

/** Why a session ended, in Jingle's words. */
export interface EndReason {
  readonly condition: Condition;
  readonly text?: string;
}

/** How a session's end is told to a client. */
export function reasonOf(reason: WireReason): EndReason {
  switch (reason) {
    case "declined":
    case "forbidden":
      return { condition: "decline" };
    case "declined_elsewhere":
      return { condition: "cancel", text: "Declined on another device" };
    case "answered_elsewhere":
      return { condition: "cancel", text: "Answered on another device" };
    case "moved":
      return { condition: "success", text: "Moved to another device" };
    case "merged":
      return { condition: "cancel", text: "The other call goes on" };
    case "cancelled":
      return { condition: "cancel" };
    case "no_answer":
    case "unconfirmed":
      return { condition: "timeout" };
    case "busy":
      return { condition: "busy" };
    case "incompatible":
      return { condition: "incompatible-parameters" };
    case "failed":
      return { condition: "connectivity-error" };
    case "lost":
      return { condition: "expired" };
    case "unreachable":
    case "closed":
    case "shutdown":
      return { condition: "gone" };
    default:
      return { condition: "success" };
  }
}

/** How the refusal of a call is told to the client that made it. */
export function reasonOfError({ code }: WireError): EndReason {
  switch (code) {
    case "forbidden":
      return { condition: "decline", text: "This call isn't allowed" };
    case "too_many_rings":
    case "too_many_sessions":
      return { condition: "busy" };
    case "too_large":
      return { condition: "incompatible-parameters", text: "The description is too large" };
    case "bad_request":
      return { condition: "gone" };
    default:
      return { condition: "general-error" };
  }
}

/** The `reason` element. */
export function reasonElement({ condition, text: words }: EndReason, ...within: XmlElement[]): XmlElement {
  const { jingle } = namespaces;
  return element(
    "reason",
    jingle,
    {},
    element(condition, jingle, {}, ...within),
    words === undefined ? undefined : element("text", jingle, {}, words),
  );
}

/** The condition and the words of a `reason` inside this element. */
export function reasonIn(of: XmlElement): { readonly condition: string | undefined; readonly text: string } {
  const reason = child(of, "reason", namespaces.jingle);
  const all = reason === undefined ? [] : elements(reason);
  const words = all.find((one) => one.name === "text");
  return {
    condition: all.find((one) => one.name !== "text" && one.ns === namespaces.jingle)?.name,
    text: words === undefined ? "" : text(words).slice(0, 128),
  };
}

/** How a callee's end of a session that has not begun is told to the core. Only a person's word is not `automatic`. */
export function declineOf(condition: string | undefined): {
  readonly reason: "declined" | "busy" | "incompatible";
  readonly automatic: boolean;
} {
  switch (condition) {
    case undefined:
    case "decline":
    case "cancel":
    case "success":
      return { reason: "declined", automatic: false };
    case "busy":
      return { reason: "busy", automatic: false };
    case "gone":
    case "expired":
    case "timeout":
    case "alternative-session":
      return { reason: "declined", automatic: true };
    default:
      return { reason: "incompatible", automatic: true };
  }
}

const ordinary: ReadonlySet<string | undefined> = new Set([
  undefined,
  "success",
  "cancel",
  "decline",
  "busy",
  "gone",
  "alternative-session",
]);

/** How the end of a session that has begun is told to the core. */
export function hangupOf(condition: string | undefined): {
  readonly reason: "hangup" | "failed";
  readonly detail?: string;
} {
  return ordinary.has(condition)
    ? { reason: "hangup" }
    : { reason: "failed", detail: condition!.slice(0, 64) };
}
