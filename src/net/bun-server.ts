import type { CertificatePair } from "./certificate-files.ts";
import { every } from "./clock.ts";
import { ConnectionCaps } from "./connection-caps.ts";
import { descriptorsShort } from "./descriptors.ts";
import type {
  Client,
  HttpServer,
  Refusal,
  ServerOptions,
  Socket,
  SocketHandlers,
  SocketRoute,
} from "./http-server.ts";
import { isHostField } from "./request-url.ts";
import { TrustedProxies } from "./trusted-proxies.ts";
import {
  chooseRoute,
  lastResponse,
  refusalResponse,
  serverFailed,
  unusableRequest,
  upgradeRequired,
} from "./upgrade.ts";

/** A backstop: the code that serves a socket must notice silence sooner. Seconds; Bun's maximum. */
const idleSocketSeconds = 960;
/** Time that a request may be idle; longer than any long poll. Seconds. */
const idleRequestSeconds = 60;
/** How often it is looked whether descriptors run out. ms */
const descriptorInterval = 100;

/** {@link HttpServer} on Bun's own HTTP server and WebSockets. */
export class BunServer implements HttpServer {
  readonly #options: ServerOptions;
  readonly #proxies: TrustedProxies;
  readonly #outbox: Outbox;
  readonly #handlers: Bun.WebSocketHandler<BunSocket>;
  readonly #caps: ConnectionCaps;
  readonly #stopLooking: () => void;
  /** Those that serve connections: the one that listens, and before it those whose certificate or pause is past. */
  readonly #servers = new Set<Bun.Server<BunSocket>>();
  /** Undefined while this process has no descriptors for newcomers. */
  #listening: Bun.Server<BunSocket> | undefined;
  #certificate: CertificatePair | undefined;
  readonly port: number;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#proxies = new TrustedProxies(options.trustedProxies ?? []);
    this.#outbox = new Outbox(options.bufferedBytes);
    this.#handlers = {
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
    this.#certificate = options.tls;
    this.port = this.#listen(options.port).port ?? 0;
    this.#stopLooking = every(descriptorInterval, () => this.#listenWithinMeans());
  }

  useCertificate(pair: CertificatePair): void {
    if (this.#options.tls === undefined) throw new Error("this server was started without TLS");
    this.#certificate = pair;
    const before = this.#listening;
    if (before === undefined) return;
    // Bun can't change the certificate of a listener: a second one takes over the port, and the first only
    // serves on what it has accepted.
    this.#listen(this.port);
    this.#retire(before);
  }

  async stop(): Promise<void> {
    this.#stopLooking();
    this.#outbox.flush();
    await Promise.all([...this.#servers].map((server) => server.stop(true)));
  }

  /** Without a descriptor left Bun would try to accept without an end: newcomers are then refused by the system. */
  #listenWithinMeans(): void {
    if (this.#options.connections?.evenWhenShort !== true && descriptorsShort()) {
      if (this.#listening === undefined) return;
      this.#options.connections?.cut?.("descriptors");
      this.#retire(this.#listening);
      this.#listening = undefined;
    } else if (this.#listening === undefined)
      try {
        this.#listen(this.port);
      } catch (error) {
        this.#options.fault("listener", error);
      }
  }

  /** Lets a server serve on what it has accepted, and no more. */
  #retire(server: Bun.Server<BunSocket>): void {
    void server.stop(false).then(() => this.#servers.delete(server));
  }

  #listen(port: number): Bun.Server<BunSocket> {
    const tls = this.#certificate;
    const server = Bun.serve<BunSocket>({
      hostname: this.#options.host,
      port,
      reusePort: this.#options.reusePort === true || tls !== undefined,
      ...(tls === undefined ? {} : { tls: { cert: tls.cert, key: tls.key } }),
      development: false,
      idleTimeout: idleRequestSeconds,
      maxRequestBodySize: this.#options.bodyBytes,
      websocket: this.#handlers,
      fetch: (request, server) => this.#fetch(request, server),
      error: (error) => {
        this.#options.fault("request", error);
        return refusalResponse(serverFailed);
      },
    });
    this.#servers.add(server);
    this.#listening = server;
    return server;
  }

  #fetch(request: Request, server: Bun.Server<BunSocket>): Response | Promise<Response> | undefined {
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

  #answer(request: Request, client: Client, peer: string): Response | Promise<Response> {
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

/**
 * Collects messages until the end of the event loop's turn, and then sends them together. Messages that were read together
 * often go to the same socket, which then needs only one system call. Consecutive system calls are also cheaper than calls
 * between other work, because receivers are woken for many messages at once.
 */
class Outbox {
  /** The most bytes that may wait in one socket. */
  readonly limit: number;
  #due: BunSocket[] = [];
  #scheduled = false;
  readonly #turn = (): void => {
    this.#scheduled = false;
    this.flush();
  };

  constructor(limit: number) {
    this.limit = limit;
  }

  /** This socket has something to send. */
  add(socket: BunSocket): void {
    this.#due.push(socket);
    if (this.#due.length >= socketsDue) this.flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(this.#turn);
    }
  }

  flush(): void {
    const due = this.#due;
    this.#due = [];
    for (const socket of due) socket.flush();
  }
}

class BunSocket implements Socket {
  readonly client: Client;
  readonly #route: SocketRoute;
  readonly #outbox: Outbox;
  /** Until it has opened. */
  #url: string | undefined;
  #ws: Bun.ServerWebSocket<BunSocket> | undefined;
  #handlers: SocketHandlers | undefined;
  /** The collected messages. A single message needs no list. */
  #queue: Message | Message[] | undefined;
  #queued = 0;
  /** The socket had unsent bytes after the last message. */
  #pressed = false;

  constructor(route: SocketRoute, client: Client, url: string, outbox: Outbox) {
    this.client = client;
    this.#route = route;
    this.#url = url;
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
      this.#outbox.add(this);
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
    const handlers = this.#route.open(this, this.#url ?? "");
    this.#url = undefined;
    if (this.#ws !== undefined) this.#handlers = handlers;
  }

  received(message: string | Uint8Array): void {
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
