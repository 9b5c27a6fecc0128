/** The WebSocket subprotocol of the native protocol; `features` in `welcome` tell what a server adds to it. */
export const subprotocol = "switchboard.v1";

/** Where the native protocol lives below the server's address. */
export const paths = { websocket: "/ws", http: "/link" } as const;

export const serverFeatures = [
  "calls",
  "move",
  "rooms",
  "presence",
  "messages",
  "tickets",
  "http",
  "refusals",
] as const;
