import { createHmac } from "node:crypto";
import { parseAddress } from "../protocol/address.ts";
import type { Grants } from "../signaling/grants.ts";
import type { Identity } from "../signaling/ports.ts";
import {
  type DigestName,
  deriveSecret,
  digestKey,
  type ScramName,
  sameHash,
  scramVerifier,
  secretHash,
  type Verifiers,
} from "./credential-verifiers.ts";
import { allGrants } from "./grant-claims.ts";

/** A credential whose verifiers are kept. */
export interface StoredCredential {
  /** `alice/desk`, or `alice` for any device of hers. */
  readonly login: string;
  /** What the digests are bound to. */
  readonly realm: string;
  readonly grants: Grants;
  readonly verifiers: Verifiers;
}

export interface CredentialRules {
  readonly realm: string;
  /** Keys that secrets are derived from, the current one first. */
  readonly keys: readonly string[];
  /** Login → version of its derived secret, where that is not 1. */
  readonly versions: ReadonlyMap<string, number>;
  /** Of those who have a derived secret. */
  readonly grants: Grants;
  readonly stored: readonly StoredCredential[];
  /** In development mode alice's secret is `dev:alice`. */
  readonly dev: boolean;
}

/** Whom a login stands for, and how to check that it is her device. */
export interface Account {
  readonly identity: Identity;
  /** HA1 of digest authentication, hex; more than one while keys are being replaced. */
  ha1(name: DigestName): readonly string[];
  /** `iterations:salt:StoredKey:ServerKey`; undefined where the login has none. */
  scram(name: ScramName): string | undefined;
  /** True when this is the secret. */
  matches(secret: string): boolean;
}

/** How long who signed in is who it is, ms. A credential itself doesn't end; it is taken back by its version, or its entry. */
const lifetime = 7 * 86_400_000;

/** Secrets of devices that speak other protocols than ours, and carry no token: given out by this server, or derived. */
export class Credentials {
  readonly #rules: CredentialRules;
  readonly #stored: ReadonlyMap<string, StoredCredential>;

  constructor(rules: CredentialRules) {
    this.#rules = rules;
    this.#stored = new Map(rules.stored.map((one) => [one.login, one]));
  }

  /** The account of a login, `alice/desk` or `alice`; undefined when there is none. Whether it may be hers, the secret tells. */
  find(login: string, now: number): Account | undefined {
    const address = parseAddress(login);
    if (address?.kind !== "user" && address?.kind !== "device") return undefined;
    const who = (grants: Grants): Identity => ({
      user: address.user,
      ...(address.kind === "device" ? { device: address.device } : {}),
      grants,
      expires: now + lifetime,
      issuedAt: now,
      undated: true,
    });
    const stored = this.#stored.get(login);
    if (stored !== undefined) return storedAccount(stored, this.#rules.realm, who(stored.grants));
    const { dev, keys, versions, realm, grants } = this.#rules;
    if (dev) return knownAccount(login, realm, [`dev:${address.user}`], who(allGrants));
    if (keys.length === 0) return undefined;
    const version = versions.get(login) ?? 1;
    const secrets = keys.map((key) => deriveSecret(key, login, version));
    return knownAccount(login, realm, secrets, who(grants));
  }
}

function storedAccount({ realm, verifiers }: StoredCredential, asked: string, identity: Identity): Account {
  const digest = { MD5: verifiers.digestMd5, "SHA-256": verifiers.digestSha256 };
  const scram = { "SHA-1": verifiers.scramSha1, "SHA-256": verifiers.scramSha256 };
  return {
    identity,
    ha1: (name) => (realm === asked ? [digest[name]] : []),
    scram: (name) => scram[name],
    matches: (secret) => sameHash(secretHash(secret), verifiers.secret),
  };
}

/** Of a login whose secrets the server can tell itself. */
function knownAccount(login: string, realm: string, secrets: readonly string[], identity: Identity): Account {
  return {
    identity,
    ha1: (name) => secrets.map((secret) => digestKey(name, login, realm, secret)),
    scram: (name) => {
      const [current = ""] = secrets;
      // The salt is to be the same each time, and to tell nothing.
      const salt = createHmac("sha256", current).update("salt").digest().subarray(0, 16);
      return scramVerifier(name, current, salt);
    },
    matches: (secret) => secrets.some((one) => sameHash(secretHash(secret), secretHash(one))),
  };
}
