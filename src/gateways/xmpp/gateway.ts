import type { SocketRoute } from "../../net/http-server.ts";
import type { GatewayPort } from "../../signaling/gateway-port.ts";
import { FlowRates } from "../../transports/flow-meter.ts";
import type { EntryGuard } from "../../transports/transport-guard.ts";
import type { GatewayNumbers } from "../gateway-metrics.ts";
import { XmppAgent } from "./agent.ts";
import { Component, type ComponentOptions } from "./component.ts";
import { capsOf } from "./disco.ts";
import type { SaslCrypto } from "./scram.ts";
import { type Mechanism, mechanisms, type XmppSettings } from "./settings.ts";
import { ComponentSocket, type ComponentSocketOptions } from "./shell/component-socket.ts";
import { answerHostMeta } from "./shell/host-meta.ts";
import { type GatewayShell, socketRoute } from "./shell/socket-flow.ts";
import type { Account, Flow, XmppContext } from "./xmpp-context.ts";

export interface XmppGatewayOptions {
  readonly core: GatewayPort;
  readonly settings: XmppSettings;
  readonly crypto: SaslCrypto & { random(bytes: number): Uint8Array };
  /** The server's version. */
  readonly version: string;
  /** Some devices may sign in by a secret. */
  readonly secrets: boolean;
  /** Unix time in ms. */
  now(): number;
  /** The account of `alice` or `alice/desk`; undefined for nobody. */
  identify(login: string, now: number): Account | undefined;
}

/**
 * The XMPP gateway: it joins sockets to the pure agent, and that to the core. A fault of ours in the handling of one message costs that
 * message and nobody else.
 */
export class XmppGateway implements GatewayShell {
  /** The bounds of each connection. */
  readonly rates: FlowRates;
  readonly #core: GatewayPort;
  readonly #now: () => number;
  readonly #context: XmppContext;
  readonly #agent: XmppAgent;
  #component: Component | undefined;
  #socket: ComponentSocket | undefined;

  constructor({ core, settings, crypto, version, secrets, now, identify }: XmppGatewayOptions) {
    this.#core = core;
    this.#now = now;
    this.rates = new FlowRates(settings.limits, () => this.#agent.traffic.count("limited"));
    const usual: readonly Mechanism[] = secrets ? mechanisms : ["PLAIN"];
    const chosen = mechanisms.filter((one) => settings.sasl.includes(one));
    this.#context = {
      core,
      settings,
      crypto,
      version,
      identify,
      saltKey: crypto.random(32),
      mechanisms: chosen.length > 0 ? chosen : usual,
      caps: capsOf(crypto),
      dateTime: (at) => new Date(at).toISOString(),
      after: (ms, from, due) =>
        core.deadlines.add(from + ms, (later) => this.#guarded("timer", () => due(later))),
    };
    this.#agent = new XmppAgent(this.#context);
  }

  get numbers(): GatewayNumbers {
    const { clients, traffic } = this.#agent;
    const remote = [...(this.#component?.users.values() ?? [])];
    return {
      devices: clients.size + remote.length,
      calls: remote.reduce((count, user) => count + user.calls.size, this.#agent.calls),
      connections: traffic.size,
      messages: traffic.messages,
    };
  }

  /** Where WebSocket clients connect: `/xmpp`, subprotocol `xmpp` (RFC 7395). */
  route(guard: EntryGuard): SocketRoute {
    return socketRoute(this, guard);
  }

  /** Tells clients where that is (XEP-0156); undefined for every other request. */
  fetch(request: Request, path: string): Response | undefined {
    return answerHostMeta(request, path);
  }

  /** Joins another server as a component, and keeps at it. */
  join(
    { host, port, ...options }: ComponentOptions & { readonly host: string; readonly port: number },
    tell: ComponentSocketOptions["tell"],
  ): void {
    const component = new Component(this.#context, options);
    this.#component = component;
    this.#socket = new ComponentSocket(component, {
      host,
      port,
      now: this.#now,
      tell,
      guarded: (what) => {
        this.#guarded("component", what);
        this.#core.settle(this.#now());
      },
    });
  }

  /** Ends every connection. */
  stop(): void {
    this.#socket?.stop();
    for (const flow of [...this.#agent.traffic.connections]) flow.close("shutdown");
  }

  // For the shells

  get full(): boolean {
    return this.#agent.traffic.full;
  }

  opened(flow: Flow): void {
    this.#agent.opened(flow, this.#now());
  }

  closed(flow: Flow): void {
    if (!this.#agent.traffic.has(flow)) return;
    const now = this.#now();
    this.#guarded("close", () => this.#agent.closed(flow, now));
    this.#core.settle(now);
  }

  sent(): void {
    this.#agent.traffic.count("sent");
  }

  received(text: string, flow: Flow): void {
    const now = this.#now();
    this.#guarded("message", () => this.#agent.received(text, flow, now));
    this.#core.settle(now);
  }

  #guarded(where: string, what: () => void): void {
    try {
      what();
    } catch (error) {
      this.#core.ports.emit({ type: "fault", where: `xmpp ${where}`, error });
    }
  }
}
