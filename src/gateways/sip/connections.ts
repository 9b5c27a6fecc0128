import type { GatewayTraffic } from "../gateway-traffic.ts";
import type { Flow } from "./flow.ts";
import type { Phone } from "./phone.ts";
import { sendSingle } from "./single-request.ts";
import type { SipContext } from "./sip-context.ts";

/** The connections that there are: each has to bring a phone in time, and one that broke without a word is found out. */
export class Connections {
  readonly #agent: SipContext;
  readonly #traffic: GatewayTraffic<Flow>;
  /** The phones that are reached by a connection. */
  readonly #phones: (flow: Flow) => ReadonlySet<Phone>;
  /** When something last came by each. */
  readonly #heardAt = new Map<Flow, number>();

  constructor(agent: SipContext, traffic: GatewayTraffic<Flow>, phones: (flow: Flow) => ReadonlySet<Phone>) {
    this.#agent = agent;
    this.#traffic = traffic;
    this.#phones = phones;
  }

  /** A connection opened. It has some time to bring a phone. */
  opened(flow: Flow, now: number): void {
    const { registerTimeout } = this.#agent.settings.limits;
    this.#traffic.opened(flow, now);
    this.#heardAt.set(flow, now);
    this.#askLater(flow, now);
    this.#agent.clock.after(registerTimeout, now, () => {
      if (flow.open && this.#phones(flow).size === 0) flow.close("nobody has registered");
    });
  }

  closed(flow: Flow): void {
    this.#traffic.closed(flow);
    this.#heardAt.delete(flow);
  }

  /** Something came. */
  heard(flow: Flow, now: number): void {
    if (this.#heardAt.has(flow)) this.#heardAt.set(flow, now);
  }

  /** Whoever is registered there answers an OPTIONS, or is gone. */
  #askLater(flow: Flow, now: number): void {
    const { pingAfter } = this.#agent.settings.limits;
    this.#agent.clock.after(pingAfter, now, (later) => {
      const heardAt = this.#heardAt.get(flow);
      if (heardAt === undefined || !flow.open) return;
      const [phone] = this.#phones(flow);
      const unanswered = (): void => flow.close("silent");
      if (phone !== undefined && later - heardAt >= pingAfter)
        sendSingle(this.#agent, phone, flow, { method: "OPTIONS", unanswered }, later);
      this.#askLater(flow, later);
    });
  }
}
