import { TokenBucket, TokenBuckets } from "../shared/token-bucket.ts";
import type { GatewayLimits } from "./gateway-limits.ts";
import type { MessageCounts, MessageKind } from "./gateway-metrics.ts";

/** Addresses whose failures are remembered. */
const rememberedAddresses = 10_000;

/**
 * The connections of a gateway's clients and what comes by them: counted, and held to the bounds that all gateways have. Pure: the
 * gateway says what happens, and acts on the answers.
 */
export class GatewayTraffic<Connection> {
  readonly #limits: GatewayLimits;
  readonly #rates = new Map<Connection, TokenBucket>();
  readonly #failures: TokenBuckets;
  readonly #messages: Record<MessageKind, number> = {
    taken: 0,
    malformed: 0,
    sent: 0,
    unauthorized: 0,
    limited: 0,
  };

  constructor(limits: GatewayLimits) {
    this.#limits = limits;
    this.#failures = new TokenBuckets(
      limits.failuresPerMinute / 60,
      limits.failuresBurst,
      rememberedAddresses,
    );
  }

  /** The open connections. */
  get connections(): Iterable<Connection> {
    return this.#rates.keys();
  }

  /** How many connections are open. */
  get size(): number {
    return this.#rates.size;
  }

  /** True when no further connection may be opened. */
  get full(): boolean {
    return this.#rates.size >= this.#limits.connections;
  }

  /** Messages since the start, by what became of them. */
  get messages(): MessageCounts {
    return { ...this.#messages };
  }

  opened(connection: Connection, now: number): void {
    const { requestsPerSecond, requestsBurst } = this.#limits;
    this.#rates.set(connection, new TokenBucket(requestsPerSecond, requestsBurst, now));
  }

  has(connection: Connection): boolean {
    return this.#rates.has(connection);
  }

  closed(connection: Connection): void {
    this.#rates.delete(connection);
  }

  count(kind: MessageKind): void {
    this.#messages[kind] += 1;
  }

  /** Takes a request of the connection's rate. Undefined: it may be performed. Otherwise the whole seconds until one may be again. */
  overRate(connection: Connection, now: number): number | undefined {
    const rate = this.#rates.get(connection);
    if (rate === undefined || rate.take(now)) return undefined;
    return Math.max(1, Math.ceil(rate.retryAfter(now) / 1_000));
  }

  /** Credentials that came from this address were refused. Counts the message as `unauthorized`. */
  credentialsRefused(address: string, now: number): void {
    this.count("unauthorized");
    this.#failures.take(address, now);
  }

  /** Whole seconds until credentials from this address are looked at again; 0: they are now. */
  credentialsAfter(address: string, now: number): number {
    return Math.ceil(this.#failures.retryAfter(address, now) / 1_000);
  }
}
