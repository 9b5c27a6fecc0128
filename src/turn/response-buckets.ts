import { sourceGroup } from "./source-group.ts";

/** Each is 8 bytes. */
const slots = 1 << 15;

/**
 * Limits the answers to unauthenticated requests per source address (IPv6: /64), whatever the port. The table has a fixed size, so
 * that a flood of addresses can't make it grow. Two sources may share a slot; only those who know the seed can tell which.
 */
export class ResponseBuckets {
  readonly #fullAt = new Float64Array(slots);
  readonly #cost: number;
  readonly #depth: number;
  readonly #seed: number;

  /** `perSecond` answers on average, twice as many at once. */
  constructor(perSecond: number, seed: number) {
    this.#cost = 1_000 / perSecond;
    this.#depth = 2_000;
    this.#seed = seed;
  }

  /** Takes an answer; false when this source has had its share. `now` in ms. */
  take(address: Uint8Array, now: number): boolean {
    const slot = this.#slot(address);
    const fullAt = Math.min(Math.max(this.#fullAt[slot] ?? 0, now), now + this.#depth) + this.#cost;
    if (fullAt - now > this.#depth) return false;
    this.#fullAt[slot] = fullAt;
    return true;
  }

  #slot(address: Uint8Array): number {
    let hash = this.#seed;
    for (const byte of sourceGroup(address)) {
      hash = Math.imul(hash ^ byte, 0x01000193);
      hash ^= hash >>> 15;
    }
    return (Math.imul(hash, 0x85ebca6b) >>> 8) & (slots - 1);
  }
}
