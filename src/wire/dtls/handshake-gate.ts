import { formatAddress } from "../../shared/ip-address.ts";

/** Asked by a server before it makes a key pair and signs for a client that has proved nothing but its ICE password. */
export interface HandshakeGate {
  /**
   * Begins a handshake. The milliseconds to wait before its signature, often 0; undefined when it is refused, and the client's repeat may
   * ask again.
   */
  begin(now: number): number | undefined;
  /** The handshake that began is complete or was given up. */
  end(): void;
}

export interface HandshakeLimits {
  /** Half-open handshakes, all together. */
  readonly total: number;
  /** Of those, from one address. */
  readonly perAddress: number;
  /** Of those, from one /64 of IPv6. */
  readonly perBlock: number;
  readonly signaturesPerSecond: number;
  /** Signatures that may be made at once after a pause. */
  readonly burst: number;
  /** The longest that a handshake waits for its signature, in ms. */
  readonly longestWait: number;
}

const handshakeLimits: HandshakeLimits = {
  total: 2_048,
  perAddress: 256,
  perBlock: 512,
  signaturesPerSecond: 1_000,
  burst: 50,
  longestWait: 1_000,
};

/**
 * Bounds half-open handshakes by address, and spreads their signatures over time, so that a flood of ClientHellos neither fills the memory
 * nor blocks those who are connected. One belongs to all sessions of a worker.
 */
export class HandshakeGates {
  readonly #limits: HandshakeLimits;
  readonly #open = new Map<string, number>();
  #total = 0;
  /** When the next signature may be made, burst aside. */
  #nextAt = Number.NEGATIVE_INFINITY;

  constructor(limits: Partial<HandshakeLimits> = {}) {
    this.#limits = { ...handshakeLimits, ...limits };
  }

  /** Half-open handshakes right now. */
  get halfOpen(): number {
    return this.#total;
  }

  /** The gate of one session, whose peer has that address (4 or 16 bytes). */
  gate(address: Uint8Array): HandshakeGate {
    const keys = this.#keys(address);
    let begun = false;
    return {
      begin: (now) => {
        const wait = begun ? undefined : this.#begin(keys, now);
        begun ||= wait !== undefined;
        return wait;
      },
      end: () => {
        if (begun) this.#end(keys);
        begun = false;
      },
    };
  }

  #keys(address: Uint8Array): Map<string, number> {
    const { perAddress, perBlock } = this.#limits;
    const keys = new Map([[formatAddress(address), perAddress]]);
    if (address.length === 16) keys.set(`${formatAddress(maskTo64(address))}/64`, perBlock);
    return keys;
  }

  #begin(keys: ReadonlyMap<string, number>, now: number): number | undefined {
    if (this.#total >= this.#limits.total) return undefined;
    for (const [key, most] of keys) if ((this.#open.get(key) ?? 0) >= most) return undefined;
    const { signaturesPerSecond, burst, longestWait } = this.#limits;
    const cost = 1_000 / signaturesPerSecond;
    const at = Math.max(this.#nextAt, now - (burst - 1) * cost);
    const wait = Math.max(0, at - now);
    if (wait > longestWait) return undefined;
    this.#nextAt = at + cost;
    this.#total++;
    for (const key of keys.keys()) this.#open.set(key, (this.#open.get(key) ?? 0) + 1);
    return wait;
  }

  #end(keys: ReadonlyMap<string, number>): void {
    this.#total--;
    for (const key of keys.keys()) {
      const left = (this.#open.get(key) ?? 1) - 1;
      if (left > 0) this.#open.set(key, left);
      else this.#open.delete(key);
    }
  }
}

function maskTo64(address: Uint8Array): Uint8Array {
  const masked = new Uint8Array(16);
  masked.set(address.subarray(0, 8));
  return masked;
}
