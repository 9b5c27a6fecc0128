import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { after } from "./clock.ts";

/** Longest time for each part of a request, however it is spread. ms */
export interface RequestTimes {
  /** From the connection to the end of the first request's head. */
  readonly firstHead: number;
  /** From an answer to the end of the next request's head. */
  readonly nextHead: number;
  readonly body: number;
  /** From the first byte of an answer to its last. */
  readonly answer: number;
}

/** As long as Bun's own server allows. */
const usualRequestTimes: RequestTimes = {
  firstHead: 12_000,
  nextHead: 60_000,
  body: 60_000,
  answer: 60_000,
};

/**
 * Cuts connections to a `node:http` server whose requests trickle in, or whose answers are not read. Node's own limits start with
 * `listen`, and so leave out connections that somebody else accepted; some begin anew with each byte.
 */
export class RequestDeadlines {
  readonly #times: RequestTimes;
  readonly #connections = new WeakMap<Socket, { cancel: () => void; underWay: number }>();

  constructor(server: Server, times: RequestTimes = usualRequestTimes) {
    this.#times = times;
    server.on("connection", (socket: Socket) => {
      this.#connections.set(socket, { cancel: () => {}, underWay: 0 });
      this.#set(socket, times.firstHead);
      socket.once("close", () => this.#clear(socket));
    });
    // Before those that answer, which may do so at once.
    server.prependListener("request", (incoming, outgoing) => this.#request(incoming, outgoing));
    server.on("upgrade", ({ socket }) => this.#clear(socket));
  }

  /** The answer of a request begins to be written. */
  answering({ socket }: IncomingMessage): void {
    this.#set(socket, this.#times.answer);
  }

  #request(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { socket } = incoming;
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    connection.underWay++;
    this.#clear(socket);
    if (hasBody(incoming)) {
      this.#set(socket, this.#times.body);
      incoming.once("end", () => this.#clear(socket));
    }
    outgoing.once("close", () => {
      connection.underWay--;
      if (connection.underWay === 0) this.#set(socket, this.#times.nextHead);
    });
  }

  #set(socket: Socket, time: number): void {
    this.#clear(socket);
    const connection = this.#connections.get(socket);
    if (connection !== undefined && !socket.destroyed)
      connection.cancel = after(time, () => socket.destroy());
  }

  #clear(socket: Socket): void {
    this.#connections.get(socket)?.cancel();
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers["content-length"];
  return headers["transfer-encoding"] !== undefined || (length !== undefined && length !== "0");
}
