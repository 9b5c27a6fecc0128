import type { SocketRoute } from "../../net/http-server.ts";
import type { GatewayPort } from "../../signaling/gateway-port.ts";
import { FlowRates } from "../../transports/flow-meter.ts";
import type { EntryGuard } from "../../transports/transport-guard.ts";
import type { GatewayNumbers } from "../gateway-metrics.ts";
import { PeerjsAgent } from "./agent.ts";
import type { PeerjsClient, PeerjsEvents } from "./listener.ts";
import type { Flow, PeerjsContext } from "./peerjs-context.ts";
import type { PeerjsSettings } from "./settings.ts";
import { answerHttp, type HttpShell } from "./shell/http.ts";
import { type GatewayShell, socketRoutes } from "./shell/socket-flow.ts";
import type { Credentials, SignInPorts } from "./sign-in.ts";

export interface PeerjsGatewayOptions extends SignInPorts {
  readonly core: GatewayPort;
  readonly settings: PeerjsSettings;
  /** Unix time in ms. */
  now(): number;
  /** A new random id that nobody has. */
  uuid(): string;
  readonly events?: PeerjsEvents | undefined;
  /** Asks the other nodes who owns that client there. Undefined: there are none. */
  readonly ownersElsewhere?: ((user: string, device: string) => Promise<readonly string[]>) | undefined;
}

/**
 * The PeerJS gateway: it joins sockets and HTTP requests to the pure agent, and that to the core. A fault of ours in the handling of one
 * message costs that message and nobody else.
 */
export class PeerjsGateway implements GatewayShell, HttpShell {
  /** The bounds of each connection. */
  readonly rates: FlowRates;
  readonly #options: PeerjsGatewayOptions;
  readonly #agent: PeerjsAgent;
  /** By the socket; only where somebody listens. */
  readonly #clients = new Map<Flow, PeerjsClient>();

  constructor(options: PeerjsGatewayOptions) {
    const { core, settings } = options;
    this.#options = options;
    this.rates = new FlowRates(settings.limits, () => this.#agent.traffic.count("limited"));
    const context: PeerjsContext = {
      core,
      settings,
      ownersElsewhere:
        options.ownersElsewhere && ((user, device, done) => this.#askOthers(user, device, done)),
      entered: options.events && ((flow, id, token) => this.#entered(flow, id, token)),
      after: (ms, from, due) =>
        core.deadlines.add(from + ms, (later) => this.#guarded("timer", () => due(later))),
    };
    this.#agent = new PeerjsAgent(context, options);
  }

  get numbers(): GatewayNumbers {
    const { clients, connections, traffic } = this.#agent;
    return {
      devices: clients.size,
      calls: connections,
      connections: traffic.size,
      messages: traffic.messages,
    };
  }

  /** Where WebSocket clients connect. */
  routes(guard: EntryGuard): SocketRoute[] {
    return socketRoutes(this, guard);
  }

  /** Answers the HTTP requests of clients; undefined for every other one. */
  fetch(guard: EntryGuard, request: Request, path: string): Response | undefined {
    return answerHttp(this, guard, request, path);
  }

  /** Ends every connection. */
  stop(): void {
    for (const flow of [...this.#agent.traffic.connections]) flow.close("shutdown");
  }

  /** Whose that client of this node is; undefined where there is none. */
  ownerOf(user: string, device: string): string | undefined {
    return this.#agent.clients.ownerOf(user, device);
  }

  #askOthers(user: string, device: string, done: (owners: readonly string[], now: number) => void): void {
    const told = (owners: readonly string[]): void => {
      const now = this.#options.now();
      this.#guarded("sign-in", () => done(owners, now));
      this.#options.core.settle(now);
    };
    void this.#options.ownersElsewhere?.(user, device).then(told, () => told([]));
  }

  // For the shells

  get full(): boolean {
    return this.#agent.traffic.full;
  }

  newId(key: string): string {
    const { settings, uuid } = this.#options;
    return settings.guestKeys.includes(key) ? settings.guestPrefix + uuid() : uuid();
  }

  get keys(): readonly string[] {
    return this.#options.settings.keys;
  }

  get ids(): readonly string[] | undefined {
    if (!this.#options.settings.discovery) return undefined;
    return [...new Set(Array.from(this.#agent.clients.all, ({ user }) => user))];
  }

  opened(flow: Flow, credentials: Credentials): void {
    const now = this.#options.now();
    this.#guarded("open", () => this.#agent.opened(flow, credentials, now));
    this.#options.core.settle(now);
  }

  closed(flow: Flow): void {
    if (!this.#agent.traffic.has(flow)) return;
    const now = this.#options.now();
    this.#guarded("close", () => this.#agent.closed(flow, now));
    this.#left(flow);
    this.#options.core.settle(now);
  }

  sent(): void {
    this.#agent.traffic.count("sent");
  }

  received(text: string, flow: Flow): void {
    const now = this.#options.now();
    this.#tell(text, flow);
    this.#guarded("message", () => this.#agent.received(text, flow, now));
    this.#options.core.settle(now);
  }

  #entered(flow: Flow, id: string, token: string): void {
    const client = {
      getId: () => id,
      getToken: () => token,
      send: (frame: object) => flow.send(JSON.stringify(frame)),
      getSocket: () => (flow.open ? { close: () => flow.close("closed") } : null),
    };
    this.#clients.set(flow, client);
    this.#guarded("connection", () => this.#options.events?.connection(client));
  }

  #left(flow: Flow): void {
    const client = this.#clients.get(flow);
    if (client === undefined) return;
    this.#clients.delete(flow);
    this.#guarded("disconnect", () => this.#options.events?.disconnect(client));
  }

  #tell(text: string, flow: Flow): void {
    const client = this.#clients.get(flow);
    if (client === undefined) return;
    const frame = jsonObject(text);
    if (frame === undefined) return;
    const from = { ...frame, src: client.getId() };
    this.#guarded("message event", () => this.#options.events?.message(client, from));
  }

  #guarded(where: string, what: () => void): void {
    try {
      what();
    } catch (error) {
      this.#options.core.ports.emit({ type: "fault", where: `peerjs ${where}`, error });
    }
  }
}

function jsonObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
