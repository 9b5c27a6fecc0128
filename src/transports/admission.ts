import { addressGroup } from "../net/client-address.ts";
import type { Client, Refusal } from "../net/http-server.ts";
import type { Limits } from "../protocol/limits.ts";
import { TokenBuckets } from "../shared/token-bucket.ts";

/** The most addresses whose rate is remembered. The least recently used one is forgotten first. */
const rememberedAddresses = 100_000;

type Counted = Pick<
  Limits,
  | "connectsPerSecond"
  | "connectsBurst"
  | "linksPerAddress"
  | "floodsPerMinute"
  | "floodsBurst"
  | "httpRequestsPerSecond"
  | "httpRequestsBurst"
>;

/** Limits the transports and requests of an address, per second and at a time. IPv6 counts by /64. */
export class Admission {
  readonly #limits: Counted;
  readonly #bit: (limit: keyof Limits) => void;
  readonly #rates: TokenBuckets;
  readonly #requests: TokenBuckets;
  readonly #floods: TokenBuckets;
  readonly #open = new Map<string, number>();

  /** `bit` is called each time that a limit refuses a client. */
  constructor(limits: Counted, bit: (limit: keyof Limits) => void) {
    this.#limits = limits;
    this.#bit = bit;
    this.#rates = new TokenBuckets(limits.connectsPerSecond, limits.connectsBurst, rememberedAddresses);
    this.#floods = new TokenBuckets(limits.floodsPerMinute / 60, limits.floodsBurst, rememberedAddresses);
    this.#requests = new TokenBuckets(
      limits.httpRequestsPerSecond,
      limits.httpRequestsBurst,
      rememberedAddresses,
    );
  }

  /** Why an HTTP request of this client is refused, if it is. */
  refuseRequest(client: Client, now: number): Refusal | undefined {
    const group = addressGroup(client.address);
    if (this.#requests.take(group, now)) return undefined;
    this.#bit("httpRequestsPerSecond");
    return busy(
      "Too many requests in a short time from this address.",
      this.#requests.retryAfter(group, now),
    );
  }

  /** Why a new transport of this client is refused, if it is. */
  refuse(client: Client, now: number): Refusal | undefined {
    const group = addressGroup(client.address);
    if ((this.#open.get(group) ?? 0) >= this.#limits.linksPerAddress) {
      this.#bit("linksPerAddress");
      return busy("Too many connections are open from this address.", 5_000);
    }
    const calm = this.#floods.retryAfter(group, now);
    if (calm > 0) {
      this.#bit("floodsPerMinute");
      return busy("Connections from this address sent far too much.", calm);
    }
    if (!this.#rates.take(group, now)) {
      this.#bit("connectsPerSecond");
      return busy(
        "Too many connections in a short time from this address.",
        this.#rates.retryAfter(group, now),
      );
    }
    return undefined;
  }

  /** A transport of the client opened. Call {@link left} once when it closes. */
  entered(client: Client): void {
    const group = addressGroup(client.address);
    this.#open.set(group, (this.#open.get(group) ?? 0) + 1);
  }

  /**
   * A transport of the client was closed because it sent far too much. Each transport has an allowance of its own: an address that
   * floods again and again must wait for the next one.
   */
  flooded(client: Client, now: number): void {
    this.#floods.take(addressGroup(client.address), now);
  }

  left(client: Client): void {
    const group = addressGroup(client.address);
    const count = (this.#open.get(group) ?? 0) - 1;
    if (count > 0) this.#open.set(group, count);
    else this.#open.delete(group);
  }
}

function busy(body: string, retryAfter: number): Refusal {
  return {
    status: 429,
    body,
    headers: { "Retry-After": String(Math.max(1, Math.ceil(retryAfter / 1_000))) },
  };
}
