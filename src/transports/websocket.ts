import type { Socket, SocketHandlers, SocketRoute } from "../net/http-server.ts";
import { closeCodes } from "../protocol/close-codes.ts";
import { paths, subprotocol } from "../protocol/version.ts";
import { longerThan } from "../shared/utf8.ts";
import type { Connection } from "../signaling/core.ts";
import type { Transport } from "../signaling/ports.ts";
import { FlowMeter } from "./flow-meter.ts";
import { refuseEntry, type TransportGuard } from "./transport-guard.ts";

/** The bytes that a close frame has for its reason (RFC 6455 §5.5). */
const reasonBytes = 123;

/** The native protocol over WebSocket: one text frame is one message. */
export function websocketRoute(guard: TransportGuard): SocketRoute {
  return {
    path: paths.websocket,
    protocol: subprotocol,
    check: (request, client) => refuseEntry(guard, request, client),
    open: (socket) => new WebSocketTransport(guard, socket),
  };
}

/** Both directions of a socket in one object, because there is one for each client. */
class WebSocketTransport implements Transport, SocketHandlers {
  readonly #guard: TransportGuard;
  readonly #socket: Socket;
  readonly #connection: Connection;
  readonly #meter: FlowMeter;
  #gone = false;

  constructor(guard: TransportGuard, socket: Socket) {
    this.#guard = guard;
    this.#socket = socket;
    const now = guard.now();
    this.#meter = new FlowMeter(guard.rates, now);
    guard.admission.entered(socket.client);
    this.#connection = guard.core.open(this, socket.client, now);
  }

  get buffered(): number {
    return this.#socket.buffered;
  }

  send(text: string): boolean {
    return this.#socket.send(text);
  }

  close(code: number, reason: string): void {
    this.#leave();
    this.#socket.close(code, longerThan(reason, reasonBytes) ? reason.slice(0, reasonBytes / 3) : reason);
  }

  text(message: string): void {
    const now = this.#guard.now();
    if (this.#meter.message(message.length, now)) this.#connection.receive(message, now);
    else this.#flooded(now);
  }

  binary(message: Uint8Array): void {
    const now = this.#guard.now();
    if (this.#meter.message(message.length, now)) this.#connection.receiveBinary(now);
    else this.#flooded(now);
  }

  closed(code: number): void {
    this.#leave();
    this.#connection.closed(code, this.#guard.now());
  }

  #flooded(now: number): void {
    if (this.#gone) return;
    const { code, text } = closeCodes.tooManyRequests;
    this.close(code, text);
    this.#guard.admission.flooded(this.#socket.client, now);
    this.#connection.closed(code, now);
  }

  #leave(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#guard.admission.left(this.#socket.client);
  }
}
