/** The WebSocket subprotocol of the native protocol; `features` in `welcome` tell what a server adds to it. */
export const subprotocol = "switchboard.v1";

/** Where the native protocol lives below the server's address. */
export const paths = { websocket: "/ws", http: "/link" } as const;

/** All that a server may announce; `streams` only where it has a media server, `push` where it wakes devices. */
export const serverFeatures = [
  "calls",
  "move",
  "rooms",
  "presence",
  "messages",
  "tickets",
  "http",
  "refusals",
  "streams",
  "push",
] as const;
