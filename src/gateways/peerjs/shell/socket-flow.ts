import type { Socket, SocketHandlers, SocketRoute } from "../../../net/http-server.ts";
import { Backlog, type Worker } from "../../../transports/fair-queue.ts";
import { FlowMeter, type FlowRates } from "../../../transports/flow-meter.ts";
import { type EntryGuard, refuseEntry, refuseWhenFull } from "../../../transports/transport-guard.ts";
import { noticeText } from "../frames.ts";
import type { Flow } from "../peerjs-context.ts";
import type { Credentials } from "../sign-in.ts";

/** What the shell of a connection needs of the gateway that it belongs to. */
export interface GatewayShell {
  /** The bounds of each connection. */
  readonly rates: FlowRates;
  /** True when there may be no more connections. */
  readonly full: boolean;
  opened(flow: Flow, credentials: Credentials): void;
  closed(flow: Flow): void;
  received(text: string, flow: Flow): void;
  sent(): void;
}

/** Close codes (RFC 6455 §7.4.1). */
const [normal, unsupported, policyViolation, internalError] = [1000, 1003, 1008, 1011];

/** Where clients connect: those with the option `path: "/peerjs"`, and those without one. */
const socketPaths = ["/peerjs/peerjs", "/peerjs"] as const;

/** The routes of WebSocket clients: a message is a frame of text. */
export function socketRoutes(gateway: GatewayShell, guard: EntryGuard): SocketRoute[] {
  return socketPaths.map((path) => ({
    path,
    check: (request, client) => refuseEntry(guard, request, client) ?? refuseWhenFull(gateway),
    open: (socket, url) => new SocketFlow(gateway, guard, socket, url),
  }));
}

/** A message, or what is to be done after those before. */
type Input = string | (() => void);

class SocketFlow implements Flow, SocketHandlers, Worker<Input> {
  readonly #gateway: GatewayShell;
  readonly #guard: EntryGuard;
  readonly #socket: Socket;
  readonly #meter: FlowMeter;
  readonly #backlog: Backlog<Input>;
  open = true;

  constructor(gateway: GatewayShell, guard: EntryGuard, socket: Socket, url: string) {
    this.#gateway = gateway;
    this.#guard = guard;
    this.#socket = socket;
    this.#meter = new FlowMeter(gateway.rates, guard.now());
    this.#backlog = new Backlog<Input>(guard.queue, this);
    guard.admission.entered(socket.client);
    gateway.opened(this, credentialsOf(url));
  }

  get address(): string {
    return this.#socket.client.address;
  }

  send(text: string): void {
    if (!this.open) return;
    this.#gateway.sent();
    if (!this.#socket.send(text) || !this.#meter.waiting(this.#socket.buffered)) this.close("slow");
  }

  close(reason: string): void {
    this.#close(normal, reason);
  }

  text(message: string): void {
    if (!this.open) return;
    const now = this.#guard.now();
    if (this.#meter.message(message.length, now)) this.#backlog.take(message, message.length, now);
    else this.flooded();
  }

  binary(): void {
    this.send(noticeText({ error: "Messages are text" }));
    this.#close(unsupported, "messages are text");
  }

  closed(): void {
    this.#backlog.take(() => this.#gone(), 0, this.#guard.now());
  }

  // Worker

  perform(input: Input): void {
    if (!this.open) return;
    if (typeof input === "string") this.#gateway.received(input, this);
    else input();
  }

  flooded(): void {
    if (!this.open) return;
    this.#guard.admission.flooded(this.#socket.client, this.#guard.now());
    this.#close(policyViolation, "too many messages");
  }

  failed(): void {
    this.#close(internalError, "internal error");
  }

  #close(code: number, reason: string): void {
    if (!this.open) return;
    this.#socket.close(code, reason);
    this.#gone();
  }

  #gone(): void {
    if (!this.open) return;
    this.open = false;
    this.#backlog.clear();
    this.#guard.admission.left(this.#socket.client);
    this.#gateway.closed(this);
  }
}

function credentialsOf(url: string): Credentials {
  const { searchParams } = new URL(url);
  const get = (name: string) => searchParams.get(name) ?? "";
  return { key: get("key"), id: get("id"), token: get("token") };
}
