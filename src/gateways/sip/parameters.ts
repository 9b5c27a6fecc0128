import { isBlank, isHostName, isIpv6Reference, isToken } from "./characters.ts";

/** Parameters of a header value by their lower-case names; undefined for those without a value. Values are unquoted. */
export type Parameters = ReadonlyMap<string, string | undefined>;

export const noParameters: Parameters = new Map();

/** The most parameters of a header value. */
const mostParameters = 64;

/**
 * Reads `;name=value…` (RFC 3261 §25.1 generic-param) from `at` to the end. Undefined when that isn't what is there, or when
 * a name comes twice.
 */
export function parseParameters(text: string, at: number): Parameters | undefined {
  let here = skipBlanks(text, at);
  if (here === text.length) return noParameters;
  const found = new Map<string, string | undefined>();
  while (here < text.length) {
    if (text[here] !== ";" || found.size === mostParameters) return undefined;
    here = skipBlanks(text, here + 1);
    const end = parameterEnd(text, here);
    const equals = text.indexOf("=", here);
    const named = equals >= 0 && equals < end;
    const name = text.slice(here, named ? equals : end).trim();
    if (!isToken(name)) return undefined;
    const key = name.toLowerCase();
    if (found.has(key)) return undefined;
    if (named) {
      const value = parameterValue(text.slice(equals + 1, end).trim());
      if (value === undefined) return undefined;
      found.set(key, value);
    } else found.set(key, undefined);
    here = end;
  }
  return found;
}

/** The inverse, quoting the values that are no tokens. */
export function formatParameters(parameters: Parameters): string {
  let text = "";
  for (const [name, value] of parameters)
    text += value === undefined ? `;${name}` : `;${name}=${isBare(value) ? value : quoted(value)}`;
  return text;
}

/** The text as a quoted-string. */
export function quoted(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** The text of a quoted-string. Undefined when it isn't one. */
export function unquoted(text: string): string | undefined {
  if (text.length < 2 || text[0] !== '"' || quotedEnd(text, 0) !== text.length) return undefined;
  const inside = text.slice(1, -1);
  if (!inside.includes("\\")) return inside;
  let value = "";
  for (let at = 0; at < inside.length; at++) {
    if (inside[at] === "\\") at++;
    value += inside[at];
  }
  return value;
}

/** The end of the quoted-string that starts at `at`, behind its closing quote; -1 when there is none. */
export function quotedEnd(text: string, at: number): number {
  for (let here = at + 1; here < text.length; here++) {
    const code = text.charCodeAt(here);
    if (code === 0x5c) here++;
    else if (code === 0x22) return here + 1;
  }
  return -1;
}

export function skipBlanks(text: string, at: number): number {
  let here = at;
  while (here < text.length && isBlank(text.charCodeAt(here))) here++;
  return here;
}

/** The end of the parameter that starts at `at`: the next `;` outside of quotes, or the end of the text. */
function parameterEnd(text: string, at: number): number {
  for (let here = at; here < text.length; here++) {
    const code = text.charCodeAt(here);
    if (code === 0x3b) return here;
    if (code === 0x22) {
      const end = quotedEnd(text, here);
      if (end < 0) return text.length;
      here = end - 1;
    }
  }
  return text.length;
}

function parameterValue(text: string): string | undefined {
  return text[0] === '"' ? unquoted(text) : isBare(text) ? text : undefined;
}

function isBare(text: string): boolean {
  return isToken(text) || isHostName(text) || isIpv6Reference(text);
}
