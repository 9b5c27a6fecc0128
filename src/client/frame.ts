import type { Incoming } from "./link.ts";

const secrets = new Set(["token", "secret", "ticket", "credential", "username"]);

/** A frame without what gives authority: tokens, resume secrets, tickets, TURN credentials. */
export function redact(frame: Incoming): Incoming {
  const hello = frame.type === "hello";
  return JSON.parse(
    JSON.stringify(frame, (key, value) => {
      if (secrets.has(key) && typeof value === "string") return "…";
      // In a hello these are tickets, in a welcome ids.
      return hello && key === "sessions" ? [`${value.length} tickets`] : value;
    }),
  );
}
