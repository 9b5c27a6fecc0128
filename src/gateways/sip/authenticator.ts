import { encodeText } from "../../wire/stun/text.ts";
import type { DigestAuthorization } from "./authorization.ts";
import { type DigestAlgorithm, type DigestCrypto, digestResponse } from "./digest.ts";
import { DigestNonces } from "./digest-nonces.ts";
import type { HeaderEntry, SipRequest } from "./message.ts";
import { quoted } from "./parameters.ts";
import { parseUri, type Uri } from "./uri.ts";

/** Order counts: clients that know one challenge only take the last that they read, and know MD5 (RFC 8760 §2.4 has the best first). */
const known: readonly DigestAlgorithm[] = ["SHA-256", "MD5"];
/** Phones and tools of RFC 2617 take the first challenge, or give up when there is one that they don't know. */
const knownToAll: readonly DigestAlgorithm[] = ["MD5"];

/** Hex of a nonce count, and how long a client's own nonce may be. */
const countDigits = 8;
const longestCnonce = 256;

export interface AuthenticatorOptions {
  readonly realm: string;
  /** Of the nonces' HMAC. Servers with the same key take each other's nonces. */
  readonly key: Uint8Array;
  /** How long a nonce is good, ms. Default 5 minutes. */
  readonly nonceAge?: number;
  /** Uses of nonces that are remembered. Default 65 536. */
  readonly mostUses?: number;
}

/**
 * What came of an Authorization:
 * - `accepted`: the password was known, and nothing was sent twice.
 * - `stale`: the password was known, but the nonce is too old or was used so already: to be challenged again, with `stale=true`.
 * - `refused`: wrong, or not what was asked for: to be challenged again.
 */
export type Verdict = "accepted" | "stale" | "refused";

/** Digest authentication with `qop=auth` (RFC 3261 §22, RFC 7616, RFC 8760). `auth-int` is not offered, and not taken. */
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

  /** The challenges of a 401 (WWW-Authenticate) or a 407 (Proxy-Authenticate). `transport`: by which they go. */
  challenges(status: 401 | 407, stale: boolean, now: number, transport = "WS"): HeaderEntry[] {
    const name = status === 401 ? "WWW-Authenticate" : "Proxy-Authenticate";
    const nonce = this.#nonces.make(now);
    return (transport === "TCP" ? knownToAll : known).map((algorithm) => [
      name,
      `Digest realm=${quoted(this.#realm)}, nonce="${nonce}", algorithm=${algorithm}, qop="auth"${stale ? ", stale=true" : ""}`,
    ]);
  }

  /** `ha1` gives what may be known of the named user: hex of `username:realm:password` hashed; several while one is replaced. */
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
    // Only who knows the password is told that it was the nonce (RFC 7616 §3.3).
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

/** A digest is of the URI that was asked for, whatever parameters someone on the way added or dropped (RFC 3261 §22.4). */
function isAbout(written: string, uri: Uri): boolean {
  if (written === uri.text) return true;
  const other = parseUri(written);
  if (other === undefined || !("host" in other) || !("host" in uri)) return false;
  return other.host === uri.host && other.user === uri.user && other.port === uri.port;
}
