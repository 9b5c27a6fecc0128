import type { Json } from "./link-shell.ts";

/** A transport of the link: a WebSocket, or HTTP where that is blocked. */
export interface Transport {
  send(frame: Json): void;
  close(code: number): void;
}

export interface TransportEvents {
  opened(): void;
  frame(frame: Json): void;
  /** Called once. The code is 1006 when the server did not close. */
  closed(code: number, reason: string): void;
}

/** Parses a frame. Undefined for text that is none: something between client and server has changed it. */
export function parse(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return value instanceof Object ? (value as Json) : undefined;
  } catch {
    return undefined;
  }
}
