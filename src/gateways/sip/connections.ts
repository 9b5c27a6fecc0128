import { TokenBucket } from "../../shared/token-bucket.ts";
import type { Flow } from "./flow.ts";
import type { Phone } from "./phone.ts";
import { sendSingle } from "./single-request.ts";
import type { SipContext } from "./sip-context.ts";

/** What is known of a connection beside its phones. */
interface Connection {
  readonly rate: TokenBucket;
  heardAt: number;
}

/**
 * The connections that there are: how much each may ask, that each brings a phone in time, and that one that broke without a word
 * is found out.
 */
export class Connections {
  readonly #agent: SipContext;
  /** The phones that are reached by a connection. */
  readonly #phones: (flow: Flow) => ReadonlySet<Phone>;
  readonly #connections = new Map<Flow, Connection>();

  constructor(agent: SipContext, phones: (flow: Flow) => ReadonlySet<Phone>) {
    this.#agent = agent;
    this.#phones = phones;
  }

  /** A connection opened. It has some time to bring a phone. */
  opened(flow: Flow, now: number): void {
    const { requestsPerSecond, requestsBurst, registerTimeout } = this.#agent.settings.limits;
    const rate = new TokenBucket(requestsPerSecond, requestsBurst, now);
    this.#connections.set(flow, { rate, heardAt: now });
    this.#askLater(flow, now);
    this.#agent.clock.after(registerTimeout, now, () => {
      if (flow.open && this.#phones(flow).size === 0) flow.close("nobody has registered");
    });
  }

  closed(flow: Flow): void {
    this.#connections.delete(flow);
  }

  /** Something came. */
  heard(flow: Flow, now: number): void {
    const connection = this.#connections.get(flow);
    if (connection !== undefined) connection.heardAt = now;
  }

  /** Takes a request of the connection's rate; where there is none left: after how many seconds there is. */
  overRate(flow: Flow, now: number): number | undefined {
    const rate = this.#connections.get(flow)?.rate;
    if (rate === undefined || rate.take(now)) return undefined;
    return Math.max(1, Math.ceil(rate.retryAfter(now) / 1_000));
  }

  /** Whoever is registered there answers an OPTIONS, or is gone. */
  #askLater(flow: Flow, now: number): void {
    const { pingAfter } = this.#agent.settings.limits;
    this.#agent.clock.after(pingAfter, now, (later) => {
      const connection = this.#connections.get(flow);
      if (connection === undefined || !flow.open) return;
      const [phone] = this.#phones(flow);
      const unanswered = (): void => flow.close("silent");
      if (phone !== undefined && later - connection.heardAt >= pingAfter)
        sendSingle(this.#agent, phone, flow, { method: "OPTIONS", unanswered }, later);
      this.#askLater(flow, later);
    });
  }
}
