import { isDigits, isToken } from "./characters.ts";
import { skipBlanks } from "./parameters.ts";

/** Sequence number and method of a request (RFC 3261 §20.16). */
export interface CSeq {
  /** Less than 2³¹. */
  readonly sequence: number;
  readonly method: string;
}

export function parseCSeq(text: string): CSeq | undefined {
  let end = 0;
  while (end < text.length && text[end] !== " " && text[end] !== "\t") end++;
  const digits = text.slice(0, end);
  const method = text.slice(skipBlanks(text, end));
  // Any number of leading zeros is allowed.
  const sequence = Number(digits);
  return isDigits(digits, 64) && sequence < 0x8000_0000 && isToken(method) ? { sequence, method } : undefined;
}
