import type { Json } from "./link-shell.ts";

/** A copy of a frame without credentials: tokens, resume secrets, tickets, TURN credentials. */
export function redact(frame: Json): Json {
  return JSON.parse(
    JSON.stringify(frame, (key, value) => {
      if (/^(token|secret|ticket|credential|username)$/.test(key)) return "…";
      // In a hello these are tickets, in a welcome ids.
      return key === "sessions" && frame.type === "hello" ? value.length : value;
    }),
  );
}
