import { Rate, TokenBuckets } from "../shared/token-bucket.ts";
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
  readonly #rate: Rate;
  /** When the bucket of requests of each open connection will be full. */
  readonly #fullAt = new Map<Connection, number>();
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
    this.#rate = new Rate(limits.requestsPerSecond, limits.requestsBurst);
    this.#failures = new TokenBuckets(
      limits.failuresPerMinute / 60,
      limits.failuresBurst,
      rememberedAddresses,
    );
  }

  /** The open connections. */
  get connections(): Iterable<Connection> {
    return this.#fullAt.keys();
  }

  /** How many connections are open. */
  get size(): number {
    return this.#fullAt.size;
  }

  /** True when no further connection may be opened. */
  get full(): boolean {
    return this.#fullAt.size >= this.#limits.connections;
  }

  /** Messages since the start, by what became of them. */
  get messages(): MessageCounts {
    return { ...this.#messages };
  }

  opened(connection: Connection, now: number): void {
    this.#fullAt.set(connection, now);
  }

  has(connection: Connection): boolean {
    return this.#fullAt.has(connection);
  }

  closed(connection: Connection): void {
    this.#fullAt.delete(connection);
  }

  count(kind: MessageKind): void {
    this.#messages[kind] += 1;
  }

  /** Takes a request of the connection's rate. Undefined: it may be performed. Otherwise the whole seconds until one may be again. */
  overRate(connection: Connection, now: number): number | undefined {
    const fullAt = this.#fullAt.get(connection);
    if (fullAt === undefined) return undefined;
    const after = this.#rate.take(fullAt, now);
    if (after === undefined) return Math.max(1, Math.ceil(this.#rate.retryAfter(fullAt, now) / 1_000));
    this.#fullAt.set(connection, after);
    return undefined;
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
