import type { Refusal, Socket, SocketHandlers, SocketRoute } from "../../../net/http-server.ts";
import { FlowMeter, type FlowRates } from "../../../transports/flow-meter.ts";
import { type EntryGuard, refuseEntry } from "../../../transports/transport-guard.ts";
import type { Flow, FlowOwner } from "../flow.ts";
import { keepAlive, pong } from "../keep-alive.ts";
import type { SipMessage } from "../message.ts";
import { serializeBytes, serializeText } from "../serializer.ts";

/** What the shell of a connection needs of the gateway that it belongs to. */
export interface GatewayShell extends FlowOwner {
  /** The bounds of each connection. */
  readonly rates: FlowRates;
}

/** Close codes (RFC 6455 §7.4.1): the usual one, and that for who floods. */
const [normal, policyViolation] = [1000, 1008];

/** SIP over WebSocket (RFC 7118): a message is a frame, of text or of bytes. */
export function socketRoute(gateway: GatewayShell, guard: EntryGuard): SocketRoute {
  return {
    path: "/sip",
    protocol: "sip",
    check: (request, client) => refuseEntry(guard, request, client) ?? full(gateway),
    open: (socket) => new SocketFlow(gateway, guard, socket),
  };
}

function full(gateway: GatewayShell): Refusal | undefined {
  if (!gateway.full) return undefined;
  return { status: 503, body: "Too many connections.", headers: { "Retry-After": "5" } };
}

class SocketFlow implements Flow, SocketHandlers {
  readonly id: number;
  readonly transport = "WS";
  readonly reliable = true;
  readonly host: string;
  readonly port = undefined;
  readonly #gateway: GatewayShell;
  readonly #guard: EntryGuard;
  readonly #socket: Socket;
  readonly #meter: FlowMeter;
  open = true;

  constructor(gateway: GatewayShell, guard: EntryGuard, socket: Socket) {
    this.id = gateway.nextFlow();
    this.host = gateway.settings.domain || "switchboard.invalid";
    this.#gateway = gateway;
    this.#guard = guard;
    this.#socket = socket;
    this.#meter = new FlowMeter(gateway.rates, guard.now());
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
    this.#gone();
  }

  #received(input: string | Uint8Array): void {
    if (!this.open) return;
    if (!this.#meter.message(input.length, this.#guard.now())) {
      this.#guard.admission.flooded(this.#socket.client, this.#guard.now());
      this.#close(policyViolation, "too many messages");
      return;
    }
    const alive = keepAlive(input);
    if (alive === "ping") this.#write(pong);
    if (alive === undefined) this.#gateway.received(input, this, (text) => this.#write(text));
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
    this.#guard.admission.left(this.#socket.client);
    this.#gateway.closed(this);
  }
}
