import type { WireReason } from "../../protocol/end-reasons.ts";
import type { Limits } from "../../protocol/limits.ts";
import { keepNewest } from "../../shared/keep-newest.ts";

/** A call that a client may ask for again. */
export interface KeyedCall {
  readonly session: string;
  readonly device: string;
  readonly expires: number;
  /** Set once the call is over. */
  reason?: WireReason;
}

/** A key whose call is over, for another node. */
export interface KeySnapshot {
  readonly key: string;
  readonly session: string;
  readonly device: string;
  /** ms for which it still counts. */
  readonly expiresIn: number;
  readonly reason: WireReason;
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

  set(
    user: string,
    key: string,
    session: string,
    device: string,
    now: number,
    ttl = this.#limits.keyTtl,
  ): void {
    let keys = this.#users.get(user);
    if (keys === undefined) {
      keys = new Map();
      this.#users.set(user, keys);
    }
    keepNewest(keys, key, { session, device, expires: now + ttl }, this.#limits.keysPerUser);
  }

  delete(user: string, key: string): void {
    const keys = this.#users.get(user);
    if (keys?.delete(key) && keys.size === 0) this.#users.delete(user);
  }

  /** The keys of the user whose calls are over; with a device, those that it has given. A call that goes on takes its key along. */
  over(user: string, now: number, device?: string): KeySnapshot[] {
    const found: KeySnapshot[] = [];
    for (const [key, call] of this.#users.get(user) ?? []) {
      const { reason, expires, session } = call;
      if (reason === undefined || expires <= now || (device ?? call.device) !== call.device) continue;
      found.push({ key, session, device: call.device, expiresIn: expires - now, reason });
    }
    return found;
  }

  /** Whose keys are remembered. */
  users(): Iterable<string> {
    return this.#users.keys();
  }

  /** Remembers what another node did, unless the key names a newer call here. */
  restore(user: string, keys: readonly KeySnapshot[], now: number): void {
    for (const { key, session, device, expiresIn, reason } of keys) {
      if (this.get(user, key, now) !== undefined) continue;
      this.set(user, key, session, device, now, expiresIn);
      const call = this.get(user, key, now);
      if (call !== undefined) call.reason = reason;
    }
  }

  /** Forgets what has expired. Now and then. */
  sweep(now: number): void {
    for (const [user, keys] of this.#users) {
      for (const [key, call] of keys) if (call.expires <= now) keys.delete(key);
      if (keys.size === 0) this.#users.delete(user);
    }
  }
}
