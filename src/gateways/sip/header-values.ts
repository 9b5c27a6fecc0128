import { isDigits } from "./characters.ts";
import { quotedEnd } from "./parameters.ts";

/** The values of a line at its commas outside of quotes and angle brackets, trimmed; no empty ones. */
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

/** A header value of digits alone that is below 2³², with any number of zeros in front; undefined for everything else. */
export function parseCount(value: string | undefined): number | undefined {
  if (value === undefined || !isDigits(value, 64)) return undefined;
  const number = Number(value);
  return number < 2 ** 32 ? number : undefined;
}
