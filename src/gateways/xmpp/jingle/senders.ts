import type { Direction } from "../../../wire/sdp/attributes.ts";

/** The two parties of a session. */
export type Party = "initiator" | "responder";

export function otherParty(party: Party): Party {
  return party === "initiator" ? "responder" : "initiator";
}

/** `senders` of a content (XEP-0166 §7.3) whose direction this party has described. */
export function sendersOf(direction: Direction, author: Party): string {
  switch (direction) {
    case "sendrecv":
      return "both";
    case "sendonly":
      return author;
    case "recvonly":
      return otherParty(author);
    default:
      return "none";
  }
}

/** The direction that `senders` means to this party. Undefined for a value that XEP-0166 does not know; both send without one. */
export function directionOf(senders: string | undefined, author: Party): Direction | undefined {
  switch (senders) {
    case undefined:
    case "both":
      return "sendrecv";
    case "none":
      return "inactive";
    case "initiator":
    case "responder":
      return senders === author ? "sendonly" : "recvonly";
    default:
      return undefined;
  }
}
