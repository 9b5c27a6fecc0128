/** What a token permits: each grant with the address patterns that it covers. */
export interface TokenGrants {
  readonly call?: readonly string[];
  readonly join?: readonly string[];
  readonly moderate?: readonly string[];
  readonly publish?: readonly string[];
  readonly view?: readonly string[];
  readonly send?: readonly string[];
  readonly watch?: readonly string[];
}

/** Whom a token is for, and what signs it. */
export interface TokenOptions {
  /** The server's setting `tokens.secret`. */
  readonly secret: string;
  readonly user: string;
  /** The only device that may use it; without it any of the user's. */
  readonly device?: string;
  readonly grants?: TokenGrants;
  /** Anybody may get one: its relays are bounded more tightly. */
  readonly guest?: boolean;
  /** Seconds; an hour by default. */
  readonly lifetime?: number;
  /** The settings `tokens.issuer` and `tokens.audience`; `switchboard` by default. */
  readonly issuer?: string;
  readonly audience?: string;
}

/**
 * Signs a token (HS256) in your own process: no request is made. Rejects with a `TypeError` for a secret under 32 characters.
 *
 * @example
 * const token = await createToken({ secret, user: "alice", grants: { call: ["bob"] } });
 */
export async function createToken(options: TokenOptions): Promise<string> {
  const { secret, user, device, grants = {}, guest, lifetime = 3_600 } = options;
  const { issuer = "switchboard", audience = "switchboard" } = options;
  if (secret.length < 32)
    throw new TypeError("secret: must have at least 32 characters, as tokens.secret has");
  if (user === "") throw new TypeError("user: must not be empty");
  const issuedAt = Math.floor(Date.now() / 1_000);
  const claims = {
    ...{ sub: user, iss: issuer, aud: audience, iat: issuedAt, exp: issuedAt + lifetime, grants },
    ...(device === undefined ? {} : { device }),
    ...(guest === true ? { guest } : {}),
  };
  const text = `${encode(JSON.stringify({ alg: "HS256", typ: "JWT" }))}.${encode(JSON.stringify(claims))}`;
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const bytes = new TextEncoder();
  const key = await crypto.subtle.importKey("raw", bytes.encode(secret), algorithm, false, ["sign"]);
  const signature = await crypto.subtle.sign("HMAC", key, bytes.encode(text));
  return `${text}.${base64Url(new Uint8Array(signature))}`;
}

function encode(text: string): string {
  return base64Url(new TextEncoder().encode(text));
}

function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
