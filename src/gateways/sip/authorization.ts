import { isToken } from "./characters.ts";
import { quotedEnd, skipBlanks, unquoted } from "./parameters.ts";

/** A digest Authorization (RFC 7616 §3.4), with unquoted values. */
export interface DigestAuthorization {
  readonly scheme: "digest";
  readonly username: string;
  readonly realm: string;
  readonly nonce: string;
  readonly uri: string;
  /** Lower-case hex. */
  readonly response: string;
  /** Upper case; `MD5` when none is named. */
  readonly algorithm: string;
  readonly qop: string | undefined;
  readonly cnonce: string | undefined;
  readonly nc: string | undefined;
}

/** A bearer token (RFC 8898). */
interface BearerAuthorization {
  readonly scheme: "bearer";
  readonly token: string;
}

export type Authorization = DigestAuthorization | BearerAuthorization;

const longest = 8_192;
const mostParameters = 32;

/** Parses an Authorization or Proxy-Authorization. Undefined for other schemes and malformed values. */
export function parseAuthorization(value: string): Authorization | undefined {
  if (value.length > longest) return undefined;
  const blank = value.indexOf(" ");
  const scheme = value.slice(0, blank).toLowerCase();
  const rest = value.slice(skipBlanks(value, blank));
  if (blank < 1) return undefined;
  if (scheme === "bearer") return isBearerToken(rest) ? { scheme, token: rest } : undefined;
  return scheme === "digest" ? digest(rest) : undefined;
}

/** Parses `name=value, name="value"`, with names in lower case. Undefined for anything else, and when a name comes twice. */
function parseAuthParameters(text: string): ReadonlyMap<string, string> | undefined {
  const found = new Map<string, string>();
  for (let at = skipBlanks(text, 0); at < text.length; ) {
    const equals = text.indexOf("=", at);
    if (equals < 0 || found.size === mostParameters) return undefined;
    const name = text.slice(at, equals).trim().toLowerCase();
    const start = skipBlanks(text, equals + 1);
    const comma = text.indexOf(",", start);
    const end = text[start] === '"' ? quotedEnd(text, start) : comma < 0 ? text.length : comma;
    if (end < 0) return undefined;
    const written = text.slice(start, end).trim();
    const value = written[0] === '"' ? unquoted(written) : isToken(written) ? written : undefined;
    if (!isToken(name) || value === undefined || found.has(name)) return undefined;
    found.set(name, value);
    at = skipBlanks(text, end);
    if (at < text.length && text[at] !== ",") return undefined;
    at = skipBlanks(text, at + 1);
  }
  return found;
}

function digest(text: string): DigestAuthorization | undefined {
  const parameters = parseAuthParameters(text);
  if (parameters === undefined) return undefined;
  const [username, realm, nonce, uri, response] = ["username", "realm", "nonce", "uri", "response"].map(
    (name) => parameters.get(name),
  );
  if (!username || realm === undefined || !nonce || !uri || !response) return undefined;
  return {
    scheme: "digest",
    username,
    realm,
    nonce,
    uri,
    response: response.toLowerCase(),
    algorithm: (parameters.get("algorithm") ?? "MD5").toUpperCase(),
    qop: parameters.get("qop")?.toLowerCase(),
    cnonce: parameters.get("cnonce"),
    nc: parameters.get("nc")?.toLowerCase(),
  };
}

/** True for one or more characters of RFC 6750 §2.1. */
function isBearerToken(text: string): boolean {
  return /^[A-Za-z0-9\-._~+/]+=*$/.test(text);
}
