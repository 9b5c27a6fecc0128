import type { CoreEvent } from "../signaling/events.ts";
import type { Logger } from "./log.ts";

/** Writes what happened to the log. Events hold no token, secret or SDP, so neither does the log. */
export function logEvent(log: Logger, event: CoreEvent): void {
  const { type, ...facts } = event;
  switch (event.type) {
    case "link_opened":
    case "link_resumed":
    case "link_closed":
    case "session_started":
    case "session_accepted":
      log.info(facts, words(type));
      break;
    case "session_ended":
      log.info(event.record, words(type));
      break;
    case "link_suspended":
    case "resume_refused":
    case "transport_refused":
    case "report":
    case "limit":
      log.debug(facts, words(type));
      break;
    case "request":
    case "request_failed":
      log.trace(facts, words(type));
      break;
    case "fault":
      log.error({ where: event.where, err: event.error }, "fault");
      break;
  }
}

function words(type: string): string {
  return type.replaceAll("_", " ");
}
