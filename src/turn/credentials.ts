import type { StunCrypto } from "../wire/stun/crypto.ts";
import { longTermKey, userhash } from "../wire/stun/long-term-key.ts";
import { encodeText } from "../wire/stun/text.ts";
import { base64 } from "./base64.ts";

/** A user with a password that does not expire. */
export interface StaticUser {
  readonly name: string;
  readonly password: string;
}

export interface CredentialOptions {
  readonly realm: string;
  /** Secrets of time-limited credentials. There are several while one is being replaced. */
  readonly secrets: readonly string[];
  readonly users: readonly StaticUser[];
  /** Static users of the server itself. */
  readonly internalUsers: readonly StaticUser[];
  /** Longest life of a time-limited credential, in ms. Revocations are kept for as long. */
  readonly credentialLife: number;
}

/** The account of a user name. */
export interface Account {
  /** The device that quotas and revocations count for, such as `alice/web`: the part behind the expiry, or the static user's name. */
  readonly user: string;
  /** Whose device that is, such as `alice`: what quotas of a user count for. */
  readonly owner: string;
  /** A time-limited credential of a guest: its user part is `user/device/guest`. */
  readonly guest: boolean;
  /** Unix ms; Infinity for static users. */
  readonly expiresAt: number;
  /** The possible keys, one for each secret. */
  keys(algorithm: number): Uint8Array[];
}

/** A revocation list longer than this forgets its oldest entry. */
const mostRevocations = 10_000;
const ofGuest = /^[^/]*\/[^/]*\/guest$/;

/** Whose name it is, as {@link Account.user} has it, without a look at whether there is such a user. */
export function userOf(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}

/**
 * Static users, and time-limited credentials as of draft-uberti-behave-turn-rest-00 §2.2: the name is `expiry:user`, expiry in
 * Unix seconds, the password the base64 of HMAC-SHA1(secret, name).
 */
export class Credentials {
  /** As challenges have it. */
  readonly realm: Uint8Array;
  readonly #options: CredentialOptions;
  readonly #crypto: StunCrypto;
  readonly #wallAhead: () => number;
  readonly #users = new Map<string, StaticUser>();
  readonly #hashes = new Map<string, StaticUser>();
  readonly #secrets: readonly Uint8Array[];
  /** By user: credentials that expire at or before this time (Unix ms) are refused. */
  readonly #revoked = new Map<string, number>();

  /** `wallAhead`: how far the system's clock, by which names are dated, is ahead of the times that are given here. ms */
  constructor(options: CredentialOptions, crypto: StunCrypto, wallAhead: () => number = () => 0) {
    this.#wallAhead = wallAhead;
    this.realm = encodeText(options.realm);
    this.#options = options;
    this.#crypto = crypto;
    this.#secrets = options.secrets.map(encodeText);
    for (const { name, password } of [...options.users, ...options.internalUsers]) {
      const user = { name: name.normalize("NFC"), password: password.normalize("NFC") };
      this.#users.set(user.name, user);
      this.#hashes.set(base64(userhash(user.name, options.realm, crypto)), user);
    }
  }

  /** Clients may hide names (USERHASH) only then: names of time-limited credentials can't be found by their hash. */
  get knowsAllNames(): boolean {
    return this.#secrets.length === 0;
  }

  /** The account. Undefined when no user has this name, or when it has expired. */
  find(username: string, now: number): Account | undefined {
    const user = this.#users.get(username);
    if (user !== undefined) return this.#static(user);
    if (this.#secrets.length === 0) return undefined;
    const match = /^([0-9]{1,12})(?::(.*))?$/s.exec(username);
    if (match === null) return undefined;
    const expiresAt = Number(match[1]) * 1_000 - this.#wallAhead();
    const name = match[2] ?? "";
    if (expiresAt <= now || this.#isRevoked(name, expiresAt)) return undefined;
    const keys = (algorithm: number): Uint8Array[] =>
      this.#secrets.map((secret) => {
        const password = base64(this.#crypto.hmacSha1(secret, [encodeText(username)]));
        return longTermKey(algorithm, username, this.#options.realm, password, this.#crypto);
      });
    const [owner = ""] = name.split("/", 1);
    return { user: name, owner, guest: ofGuest.test(name), expiresAt, keys };
  }

  /** The static user with this USERHASH, and its name. */
  findHash(hash: Uint8Array): string | undefined {
    return this.#hashes.get(base64(hash))?.name;
  }

  /**
   * Refuses all credentials that this user, or a user `user/…`, can have got until `at`. Later credentials are good. Static
   * users are not affected.
   */
  revoke(user: string, at: number, now = at): void {
    for (const [name, until] of this.#revoked) if (until < now) this.#revoked.delete(name);
    const until = Math.max(at + this.#options.credentialLife, this.#revoked.get(user) ?? 0);
    if (until < now) return;
    this.#revoked.delete(user);
    this.#revoked.set(user, until);
    const [oldest] = this.#revoked;
    if (this.#revoked.size > mostRevocations && oldest !== undefined) this.#revoked.delete(oldest[0]);
  }

  #isRevoked(name: string, expiresAt: number): boolean {
    if (this.#revoked.size === 0) return false;
    for (let end = name.length; end > 0; end = name.lastIndexOf("/", end - 1))
      if (expiresAt <= (this.#revoked.get(name.slice(0, end)) ?? 0)) return true;
    return false;
  }

  #static({ name, password }: StaticUser): Account {
    const keys = (algorithm: number): Uint8Array[] => [
      longTermKey(algorithm, name, this.#options.realm, password, this.#crypto),
    ];
    return { user: name, owner: name, guest: false, expiresAt: Number.POSITIVE_INFINITY, keys };
  }
}
