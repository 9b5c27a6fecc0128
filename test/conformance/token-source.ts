import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";

/** What a check needs of a token; what is absent is the default: every grant, an hour. */
export interface TokenRequest {
  readonly user: string;
  readonly device?: string;
  readonly grants?: Record<string, readonly string[]>;
  /** Seconds from now. */
  readonly lifetime?: number;
  /** Other claims, over the default ones. */
  readonly claims?: Record<string, unknown>;
  /** Signs with another key. */
  readonly forged?: boolean;
}

export interface TokenSource {
  /** True when tokens can be made to measure; without it, the checks that need it are skipped. */
  readonly mints: boolean;
  token(request: TokenRequest): string;
}

const everything = {
  call: ["*"],
  join: ["room:*"],
  moderate: ["room:*"],
  publish: ["stream:*"],
  view: ["stream:*"],
  send: ["*", "room:*"],
  watch: ["*"],
};

/**
 * Where tokens come from, told by `--token-of`:
 *
 * - `dev`: `dev:USER` of a server in development mode;
 * - a text with `{user}`: a template;
 * - `secret:SECRET?iss=ISSUER&aud=AUDIENCE`: minted here with HS256;
 * - `command:PROGRAM`: the program is called with the claims as JSON in its only argument, and prints the token.
 */
export function tokenSource(spec: string): TokenSource {
  if (spec === "dev") return template("dev:{user}");
  if (spec.startsWith("secret:")) return minted(spec.slice("secret:".length));
  if (spec.startsWith("command:")) return commanded(spec.slice("command:".length));
  if (spec.includes("{user}")) return template(spec);
  throw new Error("--token-of is dev, a template with {user}, secret:… or command:…");
}

function template(text: string): TokenSource {
  return { mints: false, token: ({ user }) => text.replaceAll("{user}", user) };
}

function minted(spec: string): TokenSource {
  const [secret = "", query = ""] = spec.split("?");
  const base = Object.fromEntries(new URLSearchParams(query));
  return {
    mints: true,
    token: (request) =>
      signedToken({ ...claimsOf(request, base), ...request.claims }, request.forged ? `${secret}x` : secret),
  };
}

function commanded(program: string): TokenSource {
  return {
    mints: true,
    token: (request) =>
      execFileSync(program, [JSON.stringify(claimsOf(request, {}))], { encoding: "utf8" }).trim(),
  };
}

function claimsOf(request: TokenRequest, base: Record<string, string>): Record<string, unknown> {
  const now = Math.floor(Date.now() / 1000);
  return {
    ...base,
    sub: request.user,
    iat: now,
    exp: now + (request.lifetime ?? 3_600),
    grants: request.grants ?? everything,
    ...(request.device === undefined ? {} : { device: request.device }),
  };
}

/** A JWT signed with HS256 (RFC 7519, RFC 7515). */
export function signedToken(claims: Record<string, unknown>, secret: string, header: object = {}): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${encode({ alg: "HS256", typ: "JWT", ...header })}.${encode(claims)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}
