import type { Content } from "./message.ts";

/** A key that was pressed. */
export interface Digit {
  readonly digit: string;
  /** ms */
  readonly duration: number;
}

const digitPattern = /^[0-9A-D*#]$/;
const defaultDuration = 250;
const longest = 10_000;

/** The keys by the event codes of RFC 4733 §3.2, which some phones send in place of the key: 10 is *, 11 is #, 12 to 15 are A to D. */
const eventKeys = "0123456789*#ABCD";

/**
 * Reads the body of an INFO: `application/dtmf-relay` (`Signal=1`, `Duration=250`), or `application/dtmf`, which holds the same or the key
 * alone. A key is written as itself or as its event code. Undefined for anything else, such as 16, a hook flash.
 */
export function parseDigits(type: string, text: string): Digit | undefined {
  if (type !== "application/dtmf" && type !== "application/dtmf-relay") return undefined;
  const alone = type === "application/dtmf" ? /^\s*(\S{1,2})\s*$/.exec(text)?.[1] : undefined;
  const signal = alone ?? /^\s*signal\s*=\s*(\S{1,2})\s*$/im.exec(text)?.[1];
  const duration = Number(/^\s*duration\s*=\s*(\d{1,5})\s*$/im.exec(text)?.[1] ?? defaultDuration);
  if (signal === undefined) return undefined;
  const key = /^1\d$/.test(signal) ? eventKeys[Number(signal)] : signal;
  return key === undefined ? undefined : checkedDigit(key, duration);
}

/** The body of an INFO, as JsSIP and SIP.js write it. */
export function digitsBody(digit: string, duration: number): Content {
  return { type: "application/dtmf-relay", content: `Signal=${digit}\r\nDuration=${duration}\r\n` };
}

/** The key and its time, at most ten seconds; without a usable time the usual one. Undefined where there is no such key. */
export function checkedDigit(signal: string, duration: unknown = defaultDuration): Digit | undefined {
  const digit = signal.toUpperCase();
  if (!digitPattern.test(digit)) return undefined;
  const usable = Number.isInteger(duration) && (duration as number) > 0;
  return { digit, duration: usable ? Math.min(duration as number, longest) : defaultDuration };
}
