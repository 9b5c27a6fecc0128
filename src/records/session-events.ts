/** What happens in the life of a session, as applications hear of it. */
export type SessionEventType =
  | "session.started"
  | "session.ringing"
  | "session.accepted"
  | "session.connected"
  | "session.restarted"
  | "session.moved"
  | "session.ended";
