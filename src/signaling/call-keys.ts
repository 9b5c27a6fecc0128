import type { WireReason } from "../protocol/end-reasons.ts";
import type { Limits } from "../protocol/limits.ts";

/** A call that a client may ask for again. */
export interface KeyedCall {
  readonly session: string;
  readonly device: string;
  readonly expires: number;
  /** Set once the call is over. */
  reason?: WireReason;
}

/**
 * Calls by the key that their caller gave: a client that did not hear the reply asks again, and means the same call.
 * Per user the newest `keysPerUser` are remembered, each for `keyTtl`.
 */
export class CallKeys {
  readonly #limits: Limits;
  readonly #users = new Map<string, Map<string, KeyedCall>>();

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#users.size;
  }

  get(user: string, key: string, now: number): KeyedCall | undefined {
    const call = this.#users.get(user)?.get(key);
    return call !== undefined && call.expires > now ? call : undefined;
  }

  set(user: string, key: string, session: string, device: string, now: number): void {
    let keys = this.#users.get(user);
    if (keys === undefined) {
      keys = new Map();
      this.#users.set(user, keys);
    }
    keys.delete(key);
    keys.set(key, { session, device, expires: now + this.#limits.keyTtl });
    for (const oldest of keys.keys()) {
      if (keys.size <= this.#limits.keysPerUser) break;
      keys.delete(oldest);
    }
  }

  delete(user: string, key: string): void {
    const keys = this.#users.get(user);
    if (keys?.delete(key) && keys.size === 0) this.#users.delete(user);
  }

  /** Forgets what has expired. Now and then. */
  sweep(now: number): void {
    for (const [user, keys] of this.#users) {
      // In order of expiry: each key was put at the end with the same time to live.
      for (const [key, call] of keys) {
        if (call.expires > now) break;
        keys.delete(key);
      }
      if (keys.size === 0) this.#users.delete(user);
    }
  }
}
