import type { Json } from "./link-shell.ts";

/** One transport under the link: a WebSocket, or HTTP where that is blocked. */
export interface Transport {
  send(frame: Json): void;
  close(code: number): void;
}

export interface TransportEvents {
  opened(): void;
  frame(frame: Json): void;
  /** Told once; 1006 when there was no close from the other side. */
  closed(code: number, reason: string): void;
}

/** A frame, or undefined for what is none: something between here and the server changed it. */
export function parse(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Json) : undefined;
  } catch {
    return undefined;
  }
}
