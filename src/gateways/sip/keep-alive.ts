/** The answer to a ping. */
export const pong = "\r\n";

/**
 * Recognizes keep-alives (RFC 5626 §3.5.1), which are WebSocket frames of their own (RFC 7118 §6): CRLF CRLF is a ping, CRLF the
 * answer. Undefined for messages.
 */
export function keepAlive(frame: string | Uint8Array): "ping" | "pong" | undefined {
  if (frame.length !== 2 && frame.length !== 4) return undefined;
  for (let at = 0; at < frame.length; at++) {
    const code = typeof frame === "string" ? frame.charCodeAt(at) : frame[at];
    if (code !== (at % 2 === 0 ? 0x0d : 0x0a)) return undefined;
  }
  return frame.length === 4 ? "ping" : "pong";
}
