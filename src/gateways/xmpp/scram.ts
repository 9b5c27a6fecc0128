import { fail, ok, type Result } from "../../shared/result.ts";

export type ScramName = "SHA-1" | "SHA-256";

/** What sign-in needs of cryptography. */
export interface SaslCrypto {
  hmac(name: ScramName, key: Uint8Array, text: string): Uint8Array;
  hash(name: ScramName, bytes: Uint8Array): Uint8Array;
  /** Compares in constant time. */
  equal(one: Uint8Array, other: Uint8Array): boolean;
  /** Base64 of bytes, or of a text as UTF-8. */
  toBase64(of: Uint8Array | string): string;
  /** Undefined for what is no base64 (RFC 4648 §4, with its padding). */
  fromBase64(text: string): Uint8Array | undefined;
  /** Undefined for what is no UTF-8. */
  fromUtf8(bytes: Uint8Array): string | undefined;
}

/** What a server keeps of a password (RFC 5802 §3). */
export interface ScramVerifier {
  readonly iterations: number;
  /** Base64. */
  readonly salt: string;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

/** Parses `iterations:salt:StoredKey:ServerKey`, the last three in base64. */
export function parseVerifier(written: string, { fromBase64 }: SaslCrypto): ScramVerifier | undefined {
  const [iterations, salt, stored = "", server = ""] = written.split(":");
  const [storedKey, serverKey] = [fromBase64(stored), fromBase64(server)];
  if (salt === undefined || storedKey === undefined || serverKey === undefined) return undefined;
  return { iterations: Number(iterations), salt, storedKey, serverKey };
}

/** A `client-first-message` (RFC 5802 §7). */
export interface ClientFirst {
  /** The header before the bare message, such as `n,,`. */
  readonly header: string;
  readonly bare: string;
  /** Empty for none. */
  readonly authzid: string;
  readonly username: string;
  readonly nonce: string;
}

/**
 * Parses the first message of a client. A client that wants channel binding is refused: no mechanism that is offered has it, so that
 * `y` is what a client says that can do it, and `n` one that can't.
 */
export function parseClientFirst(message: string): ClientFirst | undefined {
  const parts = /^(([ny]),(?:a=([^,]*))?,)(n=([^,]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^,]+)*)$/.exec(
    message,
  );
  if (parts === null) return undefined;
  const [, header = "", , authzid = "", bare = "", name = "", nonce = ""] = parts;
  const username = saslName(name);
  const acting = saslName(authzid);
  if (username === undefined || acting === undefined) return undefined;
  return { header, bare, authzid: acting, username, nonce };
}

/** A name has `=2C` for a comma and `=3D` for an equals sign; any other equals sign is an error. */
function saslName(written: string): string | undefined {
  if (/=(?!2C|3D)/.test(written)) return undefined;
  return written.replaceAll("=2C", ",").replaceAll("=3D", "=");
}

/** The server's side of one exchange, after the client's first message (RFC 5802 §5). */
export class ScramExchange {
  /** The `server-first-message`. */
  readonly challenge: string;
  readonly #name: ScramName;
  readonly #first: ClientFirst;
  readonly #verifier: ScramVerifier;
  readonly #nonce: string;
  readonly #crypto: SaslCrypto;

  /** `nonce`: the server's part, which no other exchange has. */
  constructor(
    name: ScramName,
    first: ClientFirst,
    verifier: ScramVerifier,
    nonce: string,
    crypto: SaslCrypto,
  ) {
    this.#name = name;
    this.#first = first;
    this.#verifier = verifier;
    this.#nonce = first.nonce + nonce;
    this.#crypto = crypto;
    this.challenge = `r=${this.#nonce},s=${verifier.salt},i=${verifier.iterations}`;
  }

  /** Checks the client's proof. The value is the `server-final-message`. */
  finish(message: string): Result<string, "malformed" | "wrong"> {
    const { hmac, hash, equal, toBase64, fromBase64 } = this.#crypto;
    const parts = /^(c=([^,]+),r=([^,]+)(?:,[A-Za-z]=[^,]+)*),p=([^,]+)$/.exec(message);
    const proof = fromBase64(parts?.[4] ?? "");
    const { storedKey, serverKey } = this.#verifier;
    if (parts === null || proof?.length !== storedKey.length) return fail("malformed");
    const [, withoutProof, header, nonce] = parts;
    if (header !== toBase64(this.#first.header) || nonce !== this.#nonce) return fail("wrong");
    const signed = `${this.#first.bare},${this.challenge},${withoutProof}`;
    const signature = hmac(this.#name, storedKey, signed);
    const clientKey = proof.map((byte, at) => byte ^ (signature[at] ?? 0));
    if (!equal(hash(this.#name, clientKey), storedKey)) return fail("wrong");
    return ok(`v=${toBase64(hmac(this.#name, serverKey, signed))}`);
  }
}
