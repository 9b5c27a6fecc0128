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

/** Reads the body of an INFO: `application/dtmf-relay` (`Signal=1`, `Duration=250`) or `application/dtmf`. */
export function parseDigits(type: string, text: string): Digit | undefined {
  if (type === "application/dtmf") return checkedDigit(text.trim());
  if (type !== "application/dtmf-relay") return undefined;
  const signal = /^\s*signal\s*=\s*(\S)\s*$/im.exec(text)?.[1];
  const duration = Number(/^\s*duration\s*=\s*(\d{1,5})\s*$/im.exec(text)?.[1] ?? defaultDuration);
  return signal === undefined ? undefined : checkedDigit(signal, duration);
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
