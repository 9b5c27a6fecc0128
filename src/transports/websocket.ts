import type { Socket, SocketHandlers, SocketRoute } from "../net/http-server.ts";
import { paths, subprotocol } from "../protocol/version.ts";
import { longerThan } from "../shared/utf8.ts";
import type { Connection } from "../signaling/core.ts";
import type { Transport } from "../signaling/ports.ts";
import { type Door, refuseEntry } from "./door.ts";

/** RFC 6455 §5.5: what is left of a close frame beside its code. */
const reasonBytes = 123;

/** The native protocol over WebSocket: one text frame is one message. */
export function websocketRoute(door: Door): SocketRoute {
  return {
    path: paths.websocket,
    protocol: subprotocol,
    check: (request, client) => refuseEntry(door, request, client),
    open: (socket) => new WebSocketTransport(door, socket),
  };
}

/** Both directions of one socket in one object, since there are as many as clients. */
class WebSocketTransport implements Transport, SocketHandlers {
  readonly #door: Door;
  readonly #socket: Socket;
  readonly #connection: Connection;
  #gone = false;

  constructor(door: Door, socket: Socket) {
    this.#door = door;
    this.#socket = socket;
    door.admission.entered(socket.client);
    this.#connection = door.core.open(this, socket.client, door.now());
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
    this.#connection.receive(message, this.#door.now());
  }

  binary(): void {
    this.#connection.receiveBinary(this.#door.now());
  }

  closed(code: number): void {
    this.#leave();
    this.#connection.closed(code, this.#door.now());
  }

  #leave(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#door.admission.left(this.#socket.client);
  }
}
