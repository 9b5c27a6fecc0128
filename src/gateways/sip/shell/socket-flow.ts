import type { Refusal, Socket, SocketHandlers, SocketRoute } from "../../../net/http-server.ts";
import type { TransportGuard } from "../../../transports/transport-guard.ts";
import { refuseEntry } from "../../../transports/transport-guard.ts";
import type { Flow, FlowOwner } from "../flow.ts";
import { keepAlive, pong } from "../keep-alive.ts";
import type { SipMessage } from "../message.ts";
import { serializeBytes, serializeText } from "../serializer.ts";

type Entry = Pick<TransportGuard, "access" | "admission" | "now">;

/** SIP over WebSocket (RFC 7118): a message is a frame, of text or of bytes. */
export function socketRoute(gateway: FlowOwner, guard: Entry): SocketRoute {
  return {
    path: "/sip",
    protocol: "sip",
    check: (request, client) => refuseEntry(guard, request, client) ?? full(gateway),
    open: (socket) => new SocketFlow(gateway, guard, socket),
  };
}

function full(gateway: FlowOwner): Refusal | undefined {
  if (!gateway.full) return undefined;
  return { status: 503, body: "Too many connections.", headers: { "Retry-After": "5" } };
}

class SocketFlow implements Flow, SocketHandlers {
  readonly id: number;
  readonly transport = "WS";
  readonly reliable = true;
  readonly host: string;
  readonly port = undefined;
  readonly #gateway: FlowOwner;
  readonly #guard: Entry;
  readonly #socket: Socket;
  open = true;

  constructor(gateway: FlowOwner, guard: Entry, socket: Socket) {
    this.id = gateway.nextFlow();
    this.host = gateway.settings.domain || "switchboard.invalid";
    this.#gateway = gateway;
    this.#guard = guard;
    this.#socket = socket;
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
    const taken = this.#socket.send(serializeText(message) ?? new Uint8Array(serializeBytes(message)));
    if (!taken) this.close("slow");
  }

  close(reason: string): void {
    if (!this.open) return;
    this.#socket.close(1000, reason);
    this.#gone();
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
    const alive = keepAlive(input);
    if (alive === "ping") this.#socket.send(pong);
    if (alive === undefined) this.#gateway.received(input, this, (text) => this.#socket.send(text));
  }

  #gone(): void {
    if (!this.open) return;
    this.open = false;
    this.#guard.admission.left(this.#socket.client);
    this.#gateway.closed(this);
  }
}
