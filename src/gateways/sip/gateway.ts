import type { SocketRoute } from "../../net/http-server.ts";
import type { StreamHandlers, StreamSocket } from "../../net/tcp.ts";
import type { GatewayPort } from "../../signaling/gateway-port.ts";
import { FlowRates } from "../../transports/flow-meter.ts";
import type { EntryGuard } from "../../transports/transport-guard.ts";
import type { GatewayNumbers } from "../gateway-metrics.ts";
import type { Clock } from "./clock.ts";
import type { Flow, FlowOwner } from "./flow.ts";
import type { SipMessage } from "./message.ts";
import { refusal } from "./parse-error.ts";
import { parseMessage } from "./parser.ts";
import type { SipSettings } from "./settings.ts";
import { socketRoute } from "./shell/socket-flow.ts";
import { acceptStream } from "./shell/stream-flow.ts";
import type { SignInPorts } from "./sign-in.ts";
import { UserAgent } from "./user-agent.ts";

export interface SipGatewayOptions extends SignInPorts {
  readonly core: GatewayPort;
  readonly settings: SipSettings;
  /** Unix time in ms. */
  now(): number;
}

/**
 * The SIP gateway: it joins connections to the pure stack, and the stack to the core. A fault of ours in the handling of one
 * message costs that message and nobody else.
 */
export class SipGateway implements FlowOwner {
  readonly settings: SipSettings;
  readonly now: () => number;
  /** The bounds of each connection. */
  readonly rates: FlowRates;
  readonly #core: GatewayPort;
  readonly #agent: UserAgent;
  #flowCount = 0;

  constructor(options: SipGatewayOptions) {
    const { core, settings, now } = options;
    this.settings = settings;
    this.now = now;
    this.rates = new FlowRates(settings.limits, () => this.#agent.traffic.count("limited"));
    this.#core = core;
    const clock: Clock = {
      after: (ms, from, due) =>
        core.deadlines.add(from + ms, (later) => this.#guarded("timer", () => due(later))),
    };
    this.#agent = new UserAgent({ ...options, clock, date: () => new Date().toUTCString() });
  }

  get numbers(): GatewayNumbers {
    const { phones, calls } = this.#agent.numbers;
    const { size, messages } = this.#agent.traffic;
    return { devices: phones, calls, connections: size, messages };
  }

  /** Where WebSocket clients connect: `/sip`, subprotocol `sip` (RFC 7118). */
  route(guard: EntryGuard): SocketRoute {
    return socketRoute(this, guard);
  }

  /** Takes a TCP connection, or refuses it. `local`: the gateway's own address on it, for Via and Contact. */
  acceptStream(
    guard: EntryGuard,
    stream: StreamSocket,
    local: { readonly host: string; readonly port: number },
  ): StreamHandlers | undefined {
    return acceptStream(this, guard, stream, local);
  }

  /** Ends every connection. */
  stop(): void {
    for (const flow of [...this.#agent.traffic.connections]) flow.close("shutdown");
  }

  // For the shells

  nextFlow(): number {
    this.#flowCount += 1;
    return this.#flowCount;
  }

  get full(): boolean {
    return this.#agent.traffic.full;
  }

  opened(flow: Flow): void {
    this.#agent.opened(flow, this.now());
  }

  closed(flow: Flow): void {
    if (!this.#agent.traffic.has(flow)) return;
    const now = this.now();
    this.#guarded("close", () => this.#agent.closed(flow, now));
    this.#core.settle(now);
  }

  sent(message: SipMessage, flow: Flow): void {
    this.#agent.traffic.count("sent");
    this.#agent.words.message(message, flow, false, this.now());
  }

  /** One whole message. `write` sends the text of a refusal that no parsed message stands for. */
  received(input: string | Uint8Array, flow: Flow, write: (text: string) => void): void {
    const now = this.now();
    const message = parseMessage(input);
    if (message.ok) {
      this.#agent.traffic.count("taken");
      this.#guarded("message", () => {
        this.#agent.words.message(message.value, flow, true, now);
        this.#agent.receive(message.value, flow, now);
      });
    } else {
      this.#agent.traffic.count("malformed");
      const text = refusal(message.error);
      if (text !== undefined) write(text);
    }
    this.#core.settle(now);
  }

  #guarded(where: string, what: () => void): void {
    try {
      what();
    } catch (error) {
      this.#core.ports.emit({ type: "fault", where: `sip ${where}`, error });
    }
  }
}
