import { refuseLargeBody, withBoundedBody } from "./body-limit.ts";
import type { ConnectionLimits } from "./connection-caps.ts";
import { ConnectionCaps } from "./connection-caps.ts";
import type { Client, HandlerOptions, Refusal, Socket, SocketHandlers, SocketRoute } from "./http-server.ts";
import { isHostField } from "./request-url.ts";
import { TrustedProxies } from "./trusted-proxies.ts";
import { TurnFlush } from "./turn-flush.ts";
import { chooseRoute, lastResponse, refusalResponse, unusableRequest, upgradeRequired } from "./upgrade.ts";

/** What Bun lets a message have, and wait to be sent, where nothing is said. Bytes. */
const usualPayload = 16_777_216;
/** A backstop: the code that serves a socket must notice silence sooner. Seconds; Bun's maximum. */
const idleSocketSeconds = 960;

/** Serves requests and sockets that a `Bun.serve` has taken: our own, or one that the application has. */
export class BunHandler {
  /** The handlers of our sockets. */
  readonly sockets: Bun.WebSocketHandler<BunSocket>;
  readonly #options: HandlerOptions;
  readonly #proxies: TrustedProxies;
  readonly #outbox: Outbox;
  readonly #caps: ConnectionCaps;

  constructor(options: HandlerOptions & { readonly connections?: ConnectionLimits }) {
    this.#options = options;
    this.#proxies = new TrustedProxies(options.trustedProxies ?? []);
    this.#outbox = new Outbox(options);
    this.sockets = {
      open: (ws) => {
        // Bun drops a socket whose open handler throws, without a code.
        try {
          ws.data.opened(ws);
        } catch (error) {
          options.fault("socket", error);
          ws.data.failed();
        }
      },
      message: (ws, message) => ws.data.received(message),
      close: (ws, code) => ws.data.vanished(code),
      error: (error, ws) => {
        options.fault("socket", error);
        ws.data.failed();
      },
      maxPayloadLength: options.messageBytes,
      backpressureLimit: options.bufferedBytes,
      idleTimeout: idleSocketSeconds,
      sendPings: false,
      perMessageDeflate: false,
    };
    this.#caps = new ConnectionCaps({
      ...options.connections,
      speaksForMany: (address) => this.#proxies.trusts(address),
    });
  }

  /** Handlers for the one set that a server has: of our sockets ours, of all others these. What both set has the larger value. */
  // biome-ignore lint/suspicious/noExplicitAny: what an application keeps in `data` is its own business
  joined(own: Record<string, any>): { message(ws: any, message: any): void } & Record<string, any> {
    const ours = this.sockets;
    // biome-ignore lint/suspicious/noExplicitAny: as above
    const joint: { message(ws: any, message: any): void } & typeof own = { message: () => {}, ...own };
    for (const name of ["open", "message", "close", "drain", "ping", "pong", "error"] as const) {
      // `error` has the socket second.
      joint[name] = (...args: unknown[]) => {
        const ws = args[name === "error" ? 1 : 0] as Bun.ServerWebSocket<unknown>;
        const handlers = ws?.data instanceof BunSocket ? (ours as typeof own) : own;
        return handlers[name]?.apply(own, args);
      };
    }
    joint.maxPayloadLength = Math.max(own.maxPayloadLength ?? usualPayload, ours.maxPayloadLength ?? 0);
    joint.backpressureLimit = Math.max(own.backpressureLimit ?? usualPayload, ours.backpressureLimit ?? 0);
    return joint;
  }

  /** Sends what waits to be sent. */
  flush(): void {
    this.#outbox.turn.flush();
  }

  /** Answers a request. Undefined: it has become a WebSocket. */
  fetch(request: Request, server: Bun.Server<BunSocket>): Response | Promise<Response> | undefined {
    const peer = server.requestIP(request)?.address ?? "";
    const client = this.#proxies.client(peer, request.headers.get("x-forwarded-for"));
    const { refuse, turn } = this.#options;
    const refusal = refuse?.(client);
    if (refusal !== undefined) return lastResponse(refusal);
    const waiting = turn?.(client);
    if (waiting === undefined) return this.#serve(request, server, client, peer);
    return waiting.then((refused) =>
      refused === undefined ? this.#serve(request, server, client, peer) : lastResponse(refused),
    ) as Promise<Response>;
  }

  /** Without a response the request has become a WebSocket. */
  #serve(
    request: Request,
    server: Bun.Server<BunSocket>,
    client: Client,
    peer: string,
  ): Response | Promise<Response> | undefined {
    const { sockets } = this.#options;
    const host = request.headers.get("host");
    if (host !== null && !isHostField(host)) return refusalResponse(unusableRequest);
    const upgrade = request.headers.get("upgrade")?.toLowerCase() === "websocket";
    if (!URL.canParse(request.url)) {
      // HTTP/1.0 has no Host header (load balancers use it for health checks). Bun then gives only the path.
      const address = `http://localhost${request.url}`;
      return upgrade || !URL.canParse(address)
        ? refusalResponse(unusableRequest)
        : this.#answer(new Request(address, request), client, peer);
    }
    if (!upgrade) {
      const required = upgradeRequired(sockets, new URL(request.url).pathname);
      return required === undefined ? this.#answer(request, client, peer) : refusalResponse(required);
    }
    const choice = chooseRoute(sockets, request, client);
    if ("refusal" in choice) return lastResponse(choice.refusal);
    const { route } = choice;
    const upgraded = server.upgrade(request, {
      data: new BunSocket(route, client, request.url, this.#outbox),
      ...(route.protocol === undefined ? {} : { headers: { "Sec-WebSocket-Protocol": route.protocol } }),
    });
    return upgraded ? undefined : refusalResponse({ status: 400, body: "This is no WebSocket handshake." });
  }

  #answer(asked: Request, client: Client, peer: string): Response | Promise<Response> {
    const { bodyBytes } = this.#options;
    const length = asked.headers.get("content-length");
    const refusal = refuseLargeBody(length, bodyBytes);
    if (refusal !== undefined) return refusal;
    const request = length === null ? withBoundedBody(asked, bodyBytes) : asked;
    const leave = this.#caps.enter(peer);
    if (leave === undefined) return refusalResponse(tooMany);
    let answer: Response | Promise<Response>;
    try {
      answer = this.#options.fetch(request, client);
    } catch (error) {
      leave();
      throw error;
    }
    if (answer instanceof Response) leave();
    else void answer.then(leave, leave);
    return answer;
  }
}

/** The answer to a client that has as many requests under way as one may have. */
const tooMany: Refusal = {
  status: 429,
  body: "Too many requests are under way from this address.",
  headers: { "Retry-After": "5", Connection: "close" },
};

type Message = string | Uint8Array<ArrayBuffer>;

/** When this many sockets have something to send, it is sent at once. */
const socketsDue = 64;

/** What sockets share: their bounds, and when they send. */
class Outbox {
  /** The most bytes that may wait in one socket, and that a message of a client may have. */
  readonly limit: number;
  readonly messageBytes: number;
  readonly turn = new TurnFlush(socketsDue);

  constructor({ bufferedBytes, messageBytes }: Pick<HandlerOptions, "bufferedBytes" | "messageBytes">) {
    this.limit = bufferedBytes;
    this.messageBytes = messageBytes;
  }
}

/** A socket of ours: the `data` of Bun's. */
export class BunSocket implements Socket {
  readonly client: Client;
  readonly #outbox: Outbox;
  /** Where it was asked for, until it has opened. */
  #asked: { readonly route: SocketRoute; readonly url: string } | undefined;
  #ws: Bun.ServerWebSocket<BunSocket> | undefined;
  #handlers: SocketHandlers | undefined;
  /** The collected messages. A single message needs no list. */
  #queue: Message | Message[] | undefined;
  #queued = 0;
  /** The socket had unsent bytes after the last message. */
  #pressed = false;

  constructor(route: SocketRoute, client: Client, url: string, outbox: Outbox) {
    this.client = client;
    this.#asked = { route, url };
    this.#outbox = outbox;
  }

  get buffered(): number {
    return this.#queued + (this.#pressed ? (this.#ws?.getBufferedAmount() ?? 0) : 0);
  }

  send(message: Message): boolean {
    if (this.#ws === undefined || this.buffered > this.#outbox.limit) return false;
    const queue = this.#queue;
    this.#queued += message.length;
    if (queue === undefined) {
      this.#queue = message;
      this.#outbox.turn.add(this);
    } else if (Array.isArray(queue)) queue.push(message);
    else this.#queue = [queue, message];
    return true;
  }

  /**
   * Hands the collected messages to the socket. If it does not take one, it is closed, because later messages would leave a
   * gap.
   */
  flush(): void {
    const ws = this.#ws;
    const queue = this.#queue;
    this.#queue = undefined;
    this.#queued = 0;
    if (ws === undefined || queue === undefined) return;
    let taken = true;
    if (Array.isArray(queue)) {
      ws.cork(() => {
        for (const message of queue) taken = taken && ws.send(message) !== 0;
      });
      this.#pressed = ws.getBufferedAmount() > 0;
    } else {
      // 0: dropped; -1: waits in the socket's buffer.
      const sent = ws.send(queue);
      taken = sent !== 0;
      this.#pressed = sent < 0;
    }
    if (!taken) ws.terminate();
  }

  close(code: number, reason: string): void {
    this.flush();
    const ws = this.#ws;
    this.#ws = undefined;
    this.#handlers = undefined;
    ws?.close(code, reason);
  }

  opened(ws: Bun.ServerWebSocket<BunSocket>): void {
    this.#ws = ws;
    const handlers = this.#asked?.route.open(this, this.#asked.url);
    this.#asked = undefined;
    if (this.#ws !== undefined) this.#handlers = handlers;
  }

  received(message: string | Uint8Array): void {
    if (message.length > this.#outbox.messageBytes) {
      const handlers = this.#handlers;
      this.close(1009, "message too large");
      handlers?.closed(1009);
      return;
    }
    if (typeof message === "string") this.#handlers?.text(message);
    else this.#handlers?.binary(message);
  }

  failed(): void {
    const handlers = this.#handlers;
    this.close(1011, "internal error");
    handlers?.closed(1011);
  }

  vanished(code: number): void {
    const handlers = this.#handlers;
    this.#ws = undefined;
    this.#handlers = undefined;
    handlers?.closed(code);
  }
}
