import { encodeText } from "../../wire/stun/text.ts";
import type { DigestAuthorization } from "./authorization.ts";
import { type DigestAlgorithm, type DigestCrypto, digestResponse } from "./digest.ts";
import { DigestNonces } from "./digest-nonces.ts";
import type { HeaderEntry, SipRequest } from "./message.ts";
import { quoted } from "./parameters.ts";
import { parseUri, type Uri } from "./uri.ts";

/** In this order: the best first (RFC 8760 §2.4). Clients that take only one challenge take the last one, and know MD5. */
const known: readonly DigestAlgorithm[] = ["SHA-256", "MD5"];
/** For phones and tools of RFC 2617, which take the first challenge, or give up when they don't know one of them. */
const knownToAll: readonly DigestAlgorithm[] = ["MD5"];

/** The hex digits of a nonce count, and the longest cnonce. */
const countDigits = 8;
const longestCnonce = 256;

export interface AuthenticatorOptions {
  readonly realm: string;
  /** Key of the nonces' HMAC. Servers with the same key accept each other's nonces. */
  readonly key: Uint8Array;
  /** How long a nonce is valid, in ms. Default 5 minutes. */
  readonly nonceAge?: number;
  /** Uses of nonces that are remembered. Default 65 536. */
  readonly mostUses?: number;
}

/**
 * The result of checking an Authorization:
 * - `accepted`: the password is right, and the nonce was not used like this before.
 * - `stale`: the password is right, but the nonce is too old or was used like this before. Challenge again, with `stale=true`.
 * - `refused`: the password is wrong, or the header does not fit the challenge. Challenge again.
 */
export type Verdict = "accepted" | "stale" | "refused";

/** Digest authentication with `qop=auth` (RFC 3261 §22, RFC 7616, RFC 8760). `auth-int` is neither offered nor accepted. */
export class Authenticator {
  readonly #realm: string;
  readonly #nonces: DigestNonces;
  readonly #crypto: DigestCrypto;

  constructor(options: AuthenticatorOptions, crypto: DigestCrypto) {
    const { realm, key, nonceAge = 300_000, mostUses = 65_536 } = options;
    this.#realm = realm;
    this.#nonces = new DigestNonces(key, nonceAge, mostUses, crypto);
    this.#crypto = crypto;
  }

  /** The challenges of a 401 (WWW-Authenticate) or a 407 (Proxy-Authenticate). `transport`: the one that they are sent over. */
  challenges(status: 401 | 407, stale: boolean, now: number, transport = "WS"): HeaderEntry[] {
    const name = status === 401 ? "WWW-Authenticate" : "Proxy-Authenticate";
    const nonce = this.#nonces.make(now);
    return (transport === "TCP" ? knownToAll : known).map((algorithm) => [
      name,
      `Digest realm=${quoted(this.#realm)}, nonce="${nonce}", algorithm=${algorithm}, qop="auth"${stale ? ", stale=true" : ""}`,
    ]);
  }

  /** `ha1` gives the possible hashes of `username:realm:password` of the user, in hex: several while a secret is being replaced. */
  check(
    request: SipRequest,
    authorization: DigestAuthorization,
    ha1: (algorithm: DigestAlgorithm) => readonly string[],
    now: number,
  ): Verdict {
    const { realm, algorithm, qop, cnonce, nc, nonce, uri, response } = authorization;
    if (realm !== this.#realm || qop !== "auth" || !isKnown(algorithm)) return "refused";
    if (!cnonce || cnonce.length > longestCnonce || !isCount(nc)) return "refused";
    if (!isAbout(uri, request.uri)) return "refused";
    const method = request.method;
    const proven = ha1(algorithm).some((one) => {
      const expected = digestResponse({ algorithm, ha1: one, nonce, nc, cnonce, method, uri }, this.#crypto);
      return this.#crypto.equal(encodeText(response), encodeText(expected));
    });
    if (!proven) return "refused";
    // Only clients that know the password learn that the nonce was the problem (RFC 7616 §3.3).
    if (this.#nonces.state(nonce, now) !== "fresh") return "stale";
    return this.#nonces.use(nonce, cnonce, nc, now) ? "accepted" : "stale";
  }
}

function isKnown(algorithm: string): algorithm is DigestAlgorithm {
  return (known as readonly string[]).includes(algorithm);
}

function isCount(nc: string | undefined): nc is string {
  return nc !== undefined && nc.length === countDigits && /^[0-9a-f]+$/.test(nc) && nc !== "00000000";
}

/** True when a digest is for this URI, even if a proxy has added or dropped parameters (RFC 3261 §22.4). */
function isAbout(written: string, uri: Uri): boolean {
  if (written === uri.text) return true;
  const other = parseUri(written);
  if (other === undefined || !("host" in other) || !("host" in uri)) return false;
  return other.host === uri.host && other.user === uri.user && other.port === uri.port;
}
