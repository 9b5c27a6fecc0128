import type { TransportAddress } from "../wire/stun/transport-address.ts";
import { sourceGroup } from "./source-group.ts";

/**
 * What a datagram's source has shown. A stranger's address may be forged. Proven: somebody at this address, maybe another, has
 * returned a nonce, and so hears what is sent there. Returned: this very request has a nonce that was given to its source.
 */
export type Standing = "stranger" | "proven" | "returned";

/** Each is 8 bytes. */
const slots = 1 << 15;
/** A bucket holds what comes in within this time. ms */
const depth = 2_000;
/** What one port may have of its address' answers: a flood from one port then leaves room for others behind the same NAT. */
const portShare = 1 / 4;
/** How long an address counts as proven. ms */
const provenLife = 3_600_000;

/**
 * Limits what is answered by UDP to who isn't authenticated: per address (IPv6: /64), and less per port. All tables have a fixed
 * size: no flood of addresses makes them grow. Two sources may share a slot; which ones do is known only to who knows the seed.
 */
export class AnswerRates {
  readonly #addresses = new Float64Array(slots);
  readonly #ports = new Float64Array(slots);
  readonly #returned = new Float64Array(slots);
  readonly #perSecond: number;
  readonly #provenPerSecond: number;
  readonly #seed: number;

  /** Answers a second on average, twice as many at once: to strangers (and to each who returned a nonce), and to proven addresses. */
  constructor(perSecond: number, provenPerSecond: number, seed: number) {
    this.#perSecond = perSecond;
    this.#provenPerSecond = Math.max(perSecond, provenPerSecond);
    this.#seed = seed;
  }

  /** False when this source got enough answers. `now` in ms. */
  take({ address, port }: TransportAddress, standing: Standing, now: number): boolean {
    const whole = slotOf(sourceGroup(address), this.#seed);
    const part = slotOf(address, this.#seed ^ Math.imul(port + 1, 0x9e3779b1));
    if (standing === "returned") return commit(this.#returned, part, 1_000 / this.#perSecond, now);
    const cost = 1_000 / (standing === "proven" ? this.#provenPerSecond : this.#perSecond);
    const portCost = Math.min(cost / portShare, 1_000);
    // Nothing is taken of the one where the other has nothing.
    if (fullAfter(this.#addresses, whole, cost, now) === undefined) return false;
    return commit(this.#ports, part, portCost, now) && commit(this.#addresses, whole, cost, now);
  }
}

/** Addresses (IPv6: /64) at which somebody has returned a nonce within the hour; of a fixed size, as the rates are. */
export class ProvenAddresses {
  readonly #until = new Float64Array(slots);
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  add(address: Uint8Array, now: number): void {
    this.#until[slotOf(sourceGroup(address), this.#seed)] = now + provenLife;
  }

  has(address: Uint8Array, now: number): boolean {
    const until = this.#until[slotOf(sourceGroup(address), this.#seed)] ?? 0;
    return until > now && until <= now + provenLife;
  }
}

/** When the bucket will be full again after one answer more; undefined when it has none. */
function fullAfter(table: Float64Array, slot: number, cost: number, now: number): number | undefined {
  const after = Math.min(Math.max(table[slot] ?? 0, now), now + depth) + cost;
  return after - now > depth ? undefined : after;
}

function commit(table: Float64Array, slot: number, cost: number, now: number): boolean {
  const after = fullAfter(table, slot, cost, now);
  if (after === undefined) return false;
  table[slot] = after;
  return true;
}

function slotOf(bytes: Uint8Array, seed: number): number {
  let hash = seed;
  for (const byte of bytes) {
    hash = Math.imul(hash ^ byte, 0x01000193);
    hash ^= hash >>> 15;
  }
  return (Math.imul(hash, 0x85ebca6b) >>> 8) & (slots - 1);
}
