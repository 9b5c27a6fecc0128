import type { ShownPublishableKey } from "../api/context.ts";
import { type OriginRule, parseOriginRule } from "../net/origin-rule.ts";
import { parseAddress } from "../protocol/address.ts";
import { type KeptKey, KeyFile, type KeyKind, revokeKeys } from "./key-file.ts";

/** A key that stands in public pages: it gets tokens for guests who may call one target. */
export interface PublishableKey extends KeptKey, ShownPublishableKey {}

const publishablePrefix = "sbp_";

/** What a key has where nothing else is said. */
export const usualRates = { perMinute: 60, perAddress: 6, lifetime: 3_600 } as const;

export const publishableKeys: KeyKind<PublishableKey> = {
  fileName: "publishable-keys.json",
  words: "publishable keys",
  prefix: publishablePrefix,
  check: (key): key is PublishableKey & Record<string, unknown> =>
    typeof key.name === "string" &&
    isTarget(key.target) &&
    Array.isArray(key.origins) &&
    key.origins.every(isPageOrigin) &&
    [key.perMinute, key.perAddress, key.lifetime].every((count) => Number.isInteger(count)) &&
    (key.expires === undefined || typeof key.expires === "number"),
};

/** True for what guests may be let call: a user, or one device. */
export function isTarget(text: unknown): text is string {
  const kind = typeof text === "string" ? parseAddress(text)?.kind : undefined;
  return kind === "user" || kind === "device";
}

/** True for the origin of a site, or of all sites below a domain. `*` and `null` would be everybody's. */
export function isPageOrigin(text: unknown): text is string {
  return (
    typeof text === "string" && !["*", "self", "null"].includes(text) && parseOriginRule(text) !== undefined
  );
}

/** The publishable keys of a running server: which origins they let in, and with which keys. */
export class GuestKeys {
  readonly #folder: string;
  readonly #file: KeyFile<PublishableKey>;
  readonly #wall: () => number;
  readonly #rules = new WeakMap<PublishableKey, readonly OriginRule[]>();

  /** `wall`: Unix ms, by the system's clock. `failed` hears why the file can't be used: then no key is valid. */
  constructor(folder: string, wall: () => number, failed: (reason: string) => void) {
    this.#folder = folder;
    this.#file = new KeyFile(publishableKeys, folder, failed);
    this.#wall = wall;
  }

  /** The key, where it is valid. */
  find(key: string): PublishableKey | undefined {
    const found = key.startsWith(publishablePrefix) ? this.#file.find(key) : undefined;
    return found !== undefined && this.#isValid(found) ? found : undefined;
  }

  /** The key of that id, where it is valid. */
  byId(id: string): PublishableKey | undefined {
    for (const key of this.#file.list()) if (key.id === id && this.#isValid(key)) return key;
    return undefined;
  }

  /** True where pages of that origin may use the key. */
  allows(key: PublishableKey, origin: string): boolean {
    let rules = this.#rules.get(key);
    if (rules === undefined) {
      rules = key.origins.flatMap((text) => parseOriginRule(text) ?? []);
      this.#rules.set(key, rules);
    }
    return rules.some((rule) => rule(origin, null));
  }

  /** True where pages of that origin may use any key. A key that another process has just made or revoked is known within 20 ms. */
  allowsOrigin(origin: string): boolean {
    for (const key of this.#file.recent()) if (this.#isValid(key) && this.allows(key, origin)) return true;
    return false;
  }

  /** Calls back with the id of each key that is revoked, by {@link revoke} or in the file, until the returned function is called. */
  watch(revoked: (id: string) => void): () => void {
    return this.#file.watch(({ id }) => revoked(id));
  }

  /** Revokes a key of this node. False: there is none of that id. Throws an Error where that can't be kept. */
  revoke(id: string): boolean {
    // What is read now is missed then.
    this.#file.look();
    const count = revokeKeys(publishableKeys, this.#folder, (key) => key.id === id);
    this.#file.look();
    return count > 0;
  }

  #isValid({ expires }: PublishableKey): boolean {
    return expires === undefined || expires > this.#wall();
  }
}
