import { isToken } from "./characters.ts";
import {
  formatParameters,
  noParameters,
  type Parameters,
  parseParameters,
  quoted,
  quotedEnd,
  skipBlanks,
  unquoted,
} from "./parameters.ts";
import { parseUri, type Uri } from "./uri.ts";

/** A value of headers such as From, To, Contact and Route: `"display" <uri>;parameters` (RFC 3261 §20.10). */
export interface NameAddress {
  readonly display: string | undefined;
  readonly uri: Uri;
  /** The parameters of the header, not those of the URI. */
  readonly parameters: Parameters;
}

/**
 * Parses one such value. Without angle brackets each `;` begins a parameter of the header, and the URI may have no `,` or `?`
 * (RFC 3261 §20). Spaces inside the brackets around the URI are accepted, and so is a display name that should be quoted
 * (RFC 4475 §3.1.2.14, §3.1.2.15).
 */
export function parseNameAddress(text: string): NameAddress | undefined {
  let at = skipBlanks(text, 0);
  let display: string | undefined;
  if (text[at] === '"') {
    const end = quotedEnd(text, at);
    display = end < 0 ? undefined : unquoted(text.slice(at, end));
    at = skipBlanks(text, end);
    if (display === undefined || text[at] !== "<") return undefined;
  } else {
    const open = text.indexOf("<", at);
    if (open < 0) return bareAddress(text, at);
    const name = text.slice(at, open).trim();
    if (name.includes('"') || name.includes(">")) return undefined;
    if (name !== "") display = name;
    at = open;
  }
  const close = text.indexOf(">", at);
  if (close < 0) return undefined;
  const uri = parseUri(text.slice(at + 1, close).trim());
  const parameters = parseParameters(text, close + 1);
  return uri && parameters && { display, uri, parameters };
}

/** The value as text. */
export function formatNameAddress({ display, uri, parameters }: NameAddress): string {
  const name = display === undefined ? "" : `${isToken(display) ? display : quoted(display)} `;
  return `${name}<${uri.text}>${formatParameters(parameters)}`;
}

/** Makes an address without a display name, with these parameters. */
export function nameAddress(
  uri: Uri,
  parameters: Readonly<Record<string, string>> = {},
  display?: string,
): NameAddress {
  const entries = Object.entries(parameters);
  return { display, uri, parameters: entries.length === 0 ? noParameters : new Map(entries) };
}

/** The same address with this tag. */
export function withTag(address: NameAddress, tag: string): NameAddress {
  return { ...address, parameters: new Map([...address.parameters, ["tag", tag]]) };
}

function bareAddress(text: string, start: number): NameAddress | undefined {
  const semicolon = text.indexOf(";", start);
  const end = semicolon < 0 ? text.length : semicolon;
  const written = text.slice(start, end).trim();
  if (written.includes(",") || written.includes("?")) return undefined;
  const uri = parseUri(written);
  const parameters = parseParameters(text, end);
  return uri && parameters && { display: undefined, uri, parameters };
}
