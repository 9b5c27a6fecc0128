import {
  isDigits,
  isHostName,
  isIpv6Reference,
  isPassword,
  isUriHeaders,
  isUriParameter,
  isUser,
} from "./characters.ts";
import type { Parameters } from "./parameters.ts";

/** A `sip:` or `sips:` URI (RFC 3261 §19.1). */
export interface SipUri {
  readonly scheme: "sip" | "sips";
  /** As it was written. Requests to the URI must use this. */
  readonly text: string;
  /** Unescaped. Undefined when there is none. */
  readonly user: string | undefined;
  /** Lower case; an IPv6 address with its brackets. */
  readonly host: string;
  readonly port: number | undefined;
  /** Unescaped, with names in lower case. */
  readonly parameters: Parameters;
  /** The part behind the `?`, as it was written. */
  readonly headers: string | undefined;
}

/** A `tel:` URI (RFC 3966). */
interface TelUri {
  readonly scheme: "tel";
  readonly text: string;
  /** Without visual separators; global numbers begin with `+`. */
  readonly number: string;
}

/** A URI of another scheme, which is not parsed. */
interface OtherUri {
  readonly scheme: "other";
  readonly text: string;
}

export type Uri = SipUri | TelUri | OtherUri;

/**
 * Parses a URI. Undefined for what is no URI, or a malformed one of the schemes above. URIs have no blanks, quotes or angle
 * brackets.
 */
export function parseUri(text: string): Uri | undefined {
  const colon = text.indexOf(":");
  if (colon < 1 || !isPlain(text) || !isScheme(text, colon)) return undefined;
  switch (text.slice(0, colon).toLowerCase()) {
    case "sip":
      return sipUri("sip", text, colon + 1);
    case "sips":
      return sipUri("sips", text, colon + 1);
    case "tel":
      return telUri(text);
    default:
      return { scheme: "other", text };
  }
}

/** A `sip:` URI from its parts; the user is escaped. */
export function makeSipUri(user: string | undefined, host: string, parameters = ""): SipUri {
  const text = `sip:${user === undefined ? "" : `${escapeUser(user)}@`}${host}${parameters}`;
  const uri = sipUri("sip", text, 4);
  if (uri === undefined) throw new Error(`no SIP URI: ${text}`);
  return uri;
}

/** Unescapes a text. Undefined when the escapes are not UTF-8. */
function unescaped(text: string): string | undefined {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function escapeUser(user: string): string {
  return encodeURIComponent(user).replaceAll("%2B", "+");
}

function sipUri(scheme: "sip" | "sips", text: string, start: number): SipUri | undefined {
  const sign = text.indexOf("@", start);
  let user: string | undefined;
  if (sign >= 0) {
    const colon = text.indexOf(":", start);
    const end = colon >= 0 && colon < sign ? colon : sign;
    const written = text.slice(start, end);
    if (!isUser(written) || (end < sign && !isPassword(text.slice(end + 1, sign)))) return undefined;
    // The grammar allows escapes that are not UTF-8. Such a user stays as written, and matches nobody.
    user = unescaped(written) ?? written;
  }
  const from = sign < 0 ? start : sign + 1;
  const question = text.indexOf("?", from);
  const headers = question < 0 ? undefined : text.slice(question + 1);
  if (headers !== undefined && !isUriHeaders(headers)) return undefined;
  const pieces = text.slice(from, question < 0 ? text.length : question).split(";");
  const [hostPort = "", ...rest] = pieces;
  const where = parseHostPort(hostPort);
  const parameters = uriParameters(rest);
  if (where === undefined || parameters === undefined) return undefined;
  return { scheme, text, user, host: where.host, port: where.port, parameters, headers };
}

/** Parses `host`, `host:port` and `[v6]:port`. The host is in lower case. */
export function parseHostPort(
  text: string,
): { readonly host: string; readonly port: number | undefined } | undefined {
  const bracket = text[0] === "[" ? text.indexOf("]") : -1;
  const colon = text.indexOf(":", bracket + 1);
  const host = colon < 0 ? text : text.slice(0, colon);
  if (!isHostName(host) && !isIpv6Reference(host)) return undefined;
  if (colon < 0) return { host: host.toLowerCase(), port: undefined };
  const digits = text.slice(colon + 1);
  const port = Number(digits);
  return isDigits(digits, 5) && port <= 0xffff ? { host: host.toLowerCase(), port } : undefined;
}

function uriParameters(pieces: readonly string[]): Parameters | undefined {
  if (pieces.length > 64) return undefined;
  const found = new Map<string, string | undefined>();
  for (const piece of pieces) {
    const equals = piece.indexOf("=");
    const name = equals < 0 ? piece : piece.slice(0, equals);
    const value = equals < 0 ? undefined : piece.slice(equals + 1);
    if (!isUriParameter(name) || (value !== undefined && !isUriParameter(value))) return undefined;
    const key = (unescaped(name) ?? name).toLowerCase();
    if (found.has(key)) return undefined;
    found.set(key, value === undefined ? undefined : (unescaped(value) ?? value));
  }
  return found;
}

function telUri(text: string): TelUri | undefined {
  const semicolon = text.indexOf(";");
  const written = text.slice(4, semicolon < 0 ? text.length : semicolon);
  let number = "";
  for (let at = 0; at < written.length; at++) {
    const character = written[at] ?? "";
    if ("-.()".includes(character)) continue;
    if (!"0123456789ABCDEFabcdef*#".includes(character) && !(character === "+" && at === 0)) return undefined;
    number += character;
  }
  return number === "" || number === "+" ? undefined : { scheme: "tel", text, number };
}

function isScheme(text: string, end: number): boolean {
  for (let at = 0; at < end; at++) {
    const code = text.charCodeAt(at);
    const letter = (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;
    const other = (code >= 0x30 && code <= 0x39) || code === 0x2b || code === 0x2d || code === 0x2e;
    if (!letter && (at === 0 || !other)) return false;
  }
  return true;
}

/** True for printable ASCII without space, `"`, `<` and `>`. */
function isPlain(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code <= 0x20 || code >= 0x7f || code === 0x22 || code === 0x3c || code === 0x3e) return false;
  }
  return true;
}
