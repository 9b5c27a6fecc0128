import { elements, type XmlElement } from "../xml.ts";
import { contentsByName } from "./description.ts";
import { namespaces } from "./namespaces.ts";
import type { Party } from "./senders.ts";
import { type Action, type StanzaError, stanzaErrors } from "./stanzas.ts";

export type Phase =
  /** A proposal is out (XEP-0353), of the client or to it. */
  | "proposed"
  /** The client is to be rung, and the core side has made no offer yet. */
  | "awaiting-offer"
  /** The session-initiate has gone its way, and there is no session-accept. */
  | "pending"
  /** The client has answered, and the core has not confirmed that. */
  | "answering"
  | "active"
  | "over";

const infos: ReadonlySet<string> = new Set(["ringing", "hold", "unhold", "active", "mute", "unmute"]);

/** Where a session stands. */
export interface Standing {
  /** The party that the client is. */
  readonly role: Party;
  readonly phase: Phase;
  /** The proposal of the client was told to proceed. */
  readonly proceeds: boolean;
}

/** Why an action of the client can't be where its session stands (XEP-0166 §7.2); undefined where nothing is against it. */
export function refusalOf(
  action: Action,
  jingle: XmlElement,
  { role, phase, proceeds }: Standing,
): StanzaError | undefined {
  const { outOfOrder, unsupported, badRequest } = stanzaErrors;
  const named =
    action.startsWith("content-") || action.startsWith("transport-") || action === "session-accept";
  switch (action) {
    case "session-initiate":
      return phase === "proposed" && role === "initiator" && proceeds ? undefined : outOfOrder;
    case "session-info": {
      const info = elements(jingle).filter((one) => one.name !== "content");
      const known = info.every(({ ns, name }) => ns === namespaces.rtpInfo && infos.has(name));
      return known ? undefined : unsupported;
    }
    case "session-terminate":
    case "description-info":
      return undefined;
    case "security-info":
      return unsupported;
    default:
  }
  if (named && !contentsByName(jingle).ok) return badRequest;
  switch (action) {
    case "session-accept":
      return role === "responder" && phase === "pending" ? undefined : outOfOrder;
    case "transport-info":
      return phase === "proposed" ? outOfOrder : undefined;
    case "content-add":
    case "content-modify":
    case "content-remove":
    case "transport-replace":
      return phase === "active" ? undefined : outOfOrder;
    default:
      // Nothing was asked that these answer.
      return outOfOrder;
  }
}
