import type { SocketRoute } from "../../net/http-server.ts";
import type { StreamHandlers, StreamSocket } from "../../net/tcp.ts";
import type { GatewayPort } from "../../signaling/gateway-port.ts";
import type { TransportGuard } from "../../transports/transport-guard.ts";
import type { Clock } from "./clock.ts";
import type { Flow, FlowOwner } from "./flow.ts";
import { refusal } from "./parse-error.ts";
import { parseMessage } from "./parser.ts";
import type { SipSettings } from "./settings.ts";
import { socketRoute } from "./shell/socket-flow.ts";
import { acceptStream } from "./shell/stream-flow.ts";
import type { SignInPorts } from "./sign-in.ts";
import { type AgentNumbers, UserAgent } from "./user-agent.ts";

export interface SipGatewayOptions extends SignInPorts {
  readonly core: GatewayPort;
  readonly settings: SipSettings;
  /** Unix time in ms. */
  now(): number;
}

/** Numbers for metrics. */
export interface GatewayNumbers extends Omit<AgentNumbers, "unauthorized" | "limited"> {
  readonly connections: number;
  /** Messages since the start, by what became of them. */
  readonly messages: Readonly<Record<"taken" | "malformed" | "sent" | "unauthorized" | "limited", number>>;
}

/**
 * The SIP gateway: it joins connections to the pure stack, and the stack to the core. A fault of ours in the handling of one
 * message costs that message and nobody else.
 */
export class SipGateway implements FlowOwner {
  readonly settings: SipSettings;
  readonly now: () => number;
  readonly #core: GatewayPort;
  readonly #agent: UserAgent;
  readonly #flows = new Set<Flow>();
  readonly #messages = { taken: 0, malformed: 0, sent: 0 };
  #flowCount = 0;

  constructor(options: SipGatewayOptions) {
    const { core, settings, now } = options;
    this.settings = settings;
    this.now = now;
    this.#core = core;
    const clock: Clock = {
      after: (ms, from, due) =>
        core.deadlines.add(from + ms, (later) => this.#guarded("timer", () => due(later))),
    };
    this.#agent = new UserAgent({ ...options, clock, date: (at) => new Date(at).toUTCString() });
  }

  get numbers(): GatewayNumbers {
    const { unauthorized, limited, ...numbers } = this.#agent.numbers;
    const messages = { ...this.#messages, unauthorized, limited };
    return { ...numbers, connections: this.#flows.size, messages };
  }

  /** Where WebSocket clients connect: `/sip`, subprotocol `sip` (RFC 7118). */
  route(guard: Pick<TransportGuard, "access" | "admission" | "now">): SocketRoute {
    return socketRoute(this, guard);
  }

  /** Takes a TCP connection. `local`: the gateway's own address on it, for Via and Contact. */
  acceptStream(
    stream: StreamSocket,
    local: { readonly host: string; readonly port: number },
  ): StreamHandlers | undefined {
    return acceptStream(this, stream, local);
  }

  /** Ends every connection. */
  stop(): void {
    for (const flow of [...this.#flows]) flow.close("shutdown");
  }

  // For the shells

  nextFlow(): number {
    this.#flowCount += 1;
    return this.#flowCount;
  }

  get full(): boolean {
    return this.#flows.size >= this.settings.limits.connections;
  }

  opened(flow: Flow): void {
    this.#flows.add(flow);
    this.#agent.opened(flow, this.now());
  }

  closed(flow: Flow): void {
    if (!this.#flows.delete(flow)) return;
    const now = this.now();
    this.#guarded("close", () => this.#agent.closed(flow, now));
    this.#core.settle(now);
  }

  sent(): void {
    this.#messages.sent += 1;
  }

  /** One whole message. `write` sends the text of a refusal that no parsed message stands for. */
  received(input: string | Uint8Array, flow: Flow, write: (text: string) => void): void {
    const now = this.now();
    const message = parseMessage(input);
    if (message.ok) {
      this.#messages.taken += 1;
      this.#guarded("message", () => this.#agent.receive(message.value, flow, now));
    } else {
      this.#messages.malformed += 1;
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
