import type { Socket, SocketHandlers, SocketRoute } from "../../../net/http-server.ts";
import { Backlog, type Worker } from "../../../transports/fair-queue.ts";
import { FlowMeter, type FlowRates } from "../../../transports/flow-meter.ts";
import { type EntryGuard, refuseEntry, refuseWhenFull } from "../../../transports/transport-guard.ts";
import type { Flow, FlowOwner } from "../flow.ts";
import { keepAlive, pong } from "../keep-alive.ts";
import type { SipMessage } from "../message.ts";
import { serializeBytes, serializeText } from "../serializer.ts";

/** What the shell of a connection needs of the gateway that it belongs to. */
export interface GatewayShell extends FlowOwner {
  /** The bounds of each connection. */
  readonly rates: FlowRates;
}

/** Close codes (RFC 6455 §7.4.1): the usual one, that for who floods, and that for a fault of ours. */
const [normal, policyViolation, internalError] = [1000, 1008, 1011];

/** SIP over WebSocket (RFC 7118): a message is a frame, of text or of bytes. */
export function socketRoute(gateway: GatewayShell, guard: EntryGuard): SocketRoute {
  return {
    path: "/sip",
    protocol: "sip",
    check: (request, client) => refuseEntry(guard, request, client) ?? refuseWhenFull(gateway),
    open: (socket) => new SocketFlow(gateway, guard, socket),
  };
}

/** A message, or what is to be done after those before. */
type Input = string | Uint8Array | (() => void);

class SocketFlow implements Flow, SocketHandlers, Worker<Input> {
  readonly id: number;
  readonly transport = "WS";
  readonly reliable = true;
  readonly host: string;
  readonly port = undefined;
  readonly #gateway: GatewayShell;
  readonly #guard: EntryGuard;
  readonly #socket: Socket;
  readonly #meter: FlowMeter;
  readonly #backlog: Backlog<Input>;
  open = true;

  constructor(gateway: GatewayShell, guard: EntryGuard, socket: Socket) {
    this.id = gateway.nextFlow();
    this.host = gateway.settings.domain || "switchboard.invalid";
    this.#gateway = gateway;
    this.#guard = guard;
    this.#socket = socket;
    this.#meter = new FlowMeter(gateway.rates, guard.now());
    this.#backlog = new Backlog<Input>(guard.queue, this);
    guard.admission.entered(socket.client);
    gateway.opened(this);
  }

  get address(): string {
    return this.#socket.client.address;
  }

  send(message: SipMessage): void {
    if (!this.open) return;
    this.#gateway.sent();
    // A body that is not text can only be sent as bytes.
    this.#write(serializeText(message) ?? new Uint8Array(serializeBytes(message)));
  }

  close(reason: string): void {
    this.#close(normal, reason);
  }

  text(message: string): void {
    this.#received(message);
  }

  binary(message: Uint8Array): void {
    this.#received(message);
  }

  closed(): void {
    this.#backlog.take(() => this.#gone(), 0, this.#guard.now());
  }

  // Worker

  perform(input: Input): void {
    if (!this.open) return;
    if (typeof input === "function") {
      input();
      return;
    }
    const alive = keepAlive(input);
    if (alive === "ping") this.#write(pong);
    if (alive === undefined) this.#gateway.received(input, this, (text) => this.#write(text));
  }

  flooded(): void {
    if (!this.open) return;
    this.#guard.admission.flooded(this.#socket.client, this.#guard.now());
    this.#close(policyViolation, "too many messages");
  }

  failed(): void {
    this.#close(internalError, "internal error");
  }

  #received(input: string | Uint8Array): void {
    if (!this.open) return;
    const now = this.#guard.now();
    if (this.#meter.message(input.length, now)) this.#backlog.take(input, input.length, now);
    else this.flooded();
  }

  #write(message: string | Uint8Array<ArrayBuffer>): void {
    if (!this.open) return;
    if (!this.#socket.send(message) || !this.#meter.waiting(this.#socket.buffered)) this.close("slow");
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
