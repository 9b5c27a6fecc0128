import type { Client, Socket, SocketHandlers, SocketRoute } from "../net/http-server.ts";
import { closeCodes } from "../protocol/close-codes.ts";
import { paths, subprotocol } from "../protocol/version.ts";
import { longerThan } from "../shared/utf8.ts";
import type { Connection } from "../signaling/core.ts";
import type { Remote, Transport } from "../signaling/ports.ts";
import { Backlog, type Worker } from "./fair-queue.ts";
import { FlowMeter } from "./flow-meter.ts";
import { refuseGuestEntry, type TransportGuard } from "./transport-guard.ts";

/** The bytes that a close frame has for its reason (RFC 6455 §5.5). */
const reasonBytes = 123;

/** The native protocol over WebSocket: one text frame is one message. */
export function websocketRoute(guard: TransportGuard): SocketRoute {
  /** Where pages of guests come from, until their sockets open. */
  const guests = new WeakMap<Client, string>();
  return {
    path: paths.websocket,
    protocol: subprotocol,
    check: (request, client) => {
      const origin = guard.access.guestOrigin(request);
      if (origin !== undefined) guests.set(client, origin);
      return refuseGuestEntry(guard, request, client);
    },
    open: (socket) => new WebSocketTransport(guard, socket, { guestOrigin: guests.get(socket.client) }),
  };
}

/** A frame, or the code with which the socket closed after the frames before. */
type Input = string | Uint8Array | number;

/** Both directions of a socket in one object, because there is one for each client. */
class WebSocketTransport implements Transport, SocketHandlers, Worker<Input> {
  readonly #guard: TransportGuard;
  readonly #socket: Socket;
  readonly #connection: Connection;
  readonly #meter: FlowMeter;
  readonly #backlog: Backlog<Input>;
  #gone = false;

  constructor(guard: TransportGuard, socket: Socket, remote: Remote) {
    this.#guard = guard;
    this.#socket = socket;
    const now = guard.now();
    this.#meter = new FlowMeter(guard.rates, now);
    this.#backlog = new Backlog<Input>(guard.queue, this);
    guard.admission.entered(socket.client);
    this.#connection = guard.core.open(this, remote, now);
  }

  get buffered(): number {
    return this.#socket.buffered;
  }

  send(text: string): boolean {
    // Frames that came before the socket closed may still be answered: nobody reads it.
    return this.#gone || this.#socket.send(text);
  }

  close(code: number, reason: string): void {
    this.#leave();
    this.#backlog.clear();
    this.#socket.close(code, longerThan(reason, reasonBytes) ? reason.slice(0, reasonBytes / 3) : reason);
  }

  text(message: string): void {
    this.#received(message);
  }

  binary(message: Uint8Array): void {
    this.#received(message);
  }

  closed(code: number): void {
    this.#leave();
    this.#backlog.take(code, 0, this.#guard.now());
  }

  // Worker

  perform(input: Input, came: number, waited: boolean): void {
    const now = waited ? this.#guard.now() : came;
    if (typeof input === "string") this.#connection.receive(input, now, came);
    else if (typeof input === "number") this.#connection.closed(input, now);
    else this.#connection.receiveBinary(now);
  }

  flooded(): void {
    const now = this.#guard.now();
    const { code, text } = closeCodes.tooManyRequests;
    if (!this.#gone) {
      this.close(code, text);
      this.#guard.admission.flooded(this.#socket.client, now);
    }
    this.#connection.closed(code, now);
  }

  failed(): void {
    this.close(1011, "internal error");
    this.#connection.closed(1011, this.#guard.now());
  }

  #received(message: string | Uint8Array): void {
    const now = this.#guard.now();
    if (this.#gone) return;
    if (this.#meter.message(message.length, now)) this.#backlog.take(message, message.length, now);
    else {
      // What came before is answered first, as far as there is time. That can't wait for other turns: as long as the socket is open, the
      // platform reads megabytes of such frames from it in each. The last answer tells the client why it is closed.
      const left = this.#backlog.finish();
      if (typeof left === "string") this.#connection.receiveOverRate(left, now);
      this.flooded();
    }
  }

  #leave(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#guard.admission.left(this.#socket.client);
  }
}
