import type { CoreEvent } from "../signaling/events.ts";
import type { Logger } from "./log.ts";

/** How loud each event is. What happens for every request is the quietest. */
const levels = {
  link_opened: "info",
  link_resumed: "info",
  link_closed: "info",
  kicked: "info",
  kick_learned: "debug",
  session_started: "info",
  session_accepted: "info",
  session_joined: "info",
  session_moved: "info",
  session_adopted: "debug",
  session_left: "debug",
  session_ended: "info",
  room_opened: "debug",
  room_knocked: "debug",
  room_joined: "debug",
  room_left: "debug",
  room_closed: "debug",
  link_suspended: "debug",
  resume_refused: "debug",
  transport_refused: "debug",
  report: "debug",
  limit: "debug",
  request: "trace",
  request_failed: "trace",
  decided: "debug",
  wake: "debug",
  fault: "error",
} as const satisfies Record<CoreEvent["type"], string>;

/** Writes what happened to the log. Events hold no token, secret or SDP, so neither does the log. */
export function logEvent(log: Logger, event: CoreEvent): void {
  const level = levels[event.type];
  if (log.isLevelEnabled(level)) log[level](facts(event), event.type.replaceAll("_", " "));
}

function facts(event: CoreEvent): object {
  if (event.type === "session_ended") return event.record;
  if (event.type === "fault") return { where: event.where, err: event.error };
  const { type: _, ...rest } = event;
  return rest;
}
