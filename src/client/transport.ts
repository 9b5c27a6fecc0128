import type { Json } from "./link-shell.ts";

/** Parses a frame. Undefined for text that is none: something between client and server has changed it. */
export function parse(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return value instanceof Object ? (value as Json) : undefined;
  } catch {
    return undefined;
  }
}
