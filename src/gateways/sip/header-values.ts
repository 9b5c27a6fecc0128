import { isDigits } from "./characters.ts";
import { quotedEnd } from "./parameters.ts";

/** Splits a line at commas outside of quotes and angle brackets. Values are trimmed, and empty ones are left out. */
export function splitValues(line: string): string[] {
  if (!line.includes(",")) return line.trim() === "" ? [] : [line.trim()];
  const found: string[] = [];
  const take = (value: string) => {
    const trimmed = value.trim();
    if (trimmed !== "") found.push(trimmed);
  };
  let start = 0;
  let bracketed = false;
  for (let at = 0; at < line.length; at++) {
    const code = line.charCodeAt(at);
    if (code === 0x22 && !bracketed) {
      const end = quotedEnd(line, at);
      if (end < 0) break;
      at = end - 1;
    } else if (code === 0x3c) bracketed = true;
    else if (code === 0x3e) bracketed = false;
    else if (code === 0x2c && !bracketed) {
      take(line.slice(start, at));
      start = at + 1;
    }
  }
  take(line.slice(start));
  return found;
}

/** Parses a number below 2³² that consists of digits, with any number of leading zeros. Undefined for anything else. */
export function parseCount(value: string | undefined): number | undefined {
  if (value === undefined || !isDigits(value, 64)) return undefined;
  const number = Number(value);
  return number < 2 ** 32 ? number : undefined;
}
