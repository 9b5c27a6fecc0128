import type { Socket, SocketHandlers, SocketRoute } from "../net/http-server.ts";
import { paths, subprotocol } from "../protocol/version.ts";
import { longerThan } from "../shared/utf8.ts";
import type { Connection } from "../signaling/core.ts";
import type { Transport } from "../signaling/ports.ts";
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
  #gone = false;

  constructor(guard: TransportGuard, socket: Socket) {
    this.#guard = guard;
    this.#socket = socket;
    guard.admission.entered(socket.client);
    this.#connection = guard.core.open(this, socket.client, guard.now());
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
    this.#connection.receive(message, this.#guard.now());
  }

  binary(): void {
    this.#connection.receiveBinary(this.#guard.now());
  }

  closed(code: number): void {
    this.#leave();
    this.#connection.closed(code, this.#guard.now());
  }

  #leave(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#guard.admission.left(this.#socket.client);
  }
}
