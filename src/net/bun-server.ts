import type { CertificatePair } from "./certificate-files.ts";
import { TrustedProxies } from "./client-address.ts";
import type {
  Client,
  HttpServer,
  ServerOptions,
  Socket,
  SocketHandlers,
  SocketRoute,
} from "./http-server.ts";
import { chooseRoute, lastResponse, refusalResponse, serverFailed, upgradeRequired } from "./upgrade.ts";

/** A backstop: the code that serves a socket must notice silence sooner. Seconds; Bun's maximum. */
const idleSocketSeconds = 960;
/** Time that a request may be idle; longer than any long poll. Seconds. */
const idleRequestSeconds = 60;

/** {@link HttpServer} on Bun's own HTTP server and WebSockets. */
export class BunServer implements HttpServer {
  readonly #options: ServerOptions;
  readonly #proxies: TrustedProxies;
  readonly #outbox: Outbox;
  readonly #handlers: Bun.WebSocketHandler<BunSocket>;
  /** The last server listens. The others serve connections that were made under an older certificate. */
  readonly #servers: Bun.Server<BunSocket>[];

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
    this.#servers = [this.#listen(options.port, options.tls)];
  }

  get port(): number {
    return this.#listening.port ?? 0;
  }

  useCertificate(pair: CertificatePair): void {
    if (this.#options.tls === undefined) throw new Error("this server was started without TLS");
    // Bun can't change the certificate of a listener: a second one takes over the port, and the first only
    // serves on what it has accepted.
    const before = this.#listening;
    this.#servers.push(this.#listen(this.port, pair));
    void before.stop(false).then(() => this.#servers.splice(this.#servers.indexOf(before), 1));
  }

  async stop(): Promise<void> {
    this.#outbox.flush();
    await Promise.all(this.#servers.map((server) => server.stop(true)));
  }

  get #listening(): Bun.Server<BunSocket> {
    return this.#servers.at(-1) as Bun.Server<BunSocket>;
  }

  #listen(port: number, tls: CertificatePair | undefined): Bun.Server<BunSocket> {
    return Bun.serve<BunSocket>({
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
  }

  #fetch(request: Request, server: Bun.Server<BunSocket>): Response | Promise<Response> | undefined {
    const client = this.#proxies.client(
      server.requestIP(request)?.address ?? "",
      request.headers.get("x-forwarded-for"),
    );
    const { sockets, refuse } = this.#options;
    const refusal = refuse?.(client);
    if (refusal !== undefined) return lastResponse(refusal);
    const upgrade = request.headers.get("upgrade")?.toLowerCase() === "websocket";
    if (!URL.canParse(request.url)) {
      // HTTP/1.0 has no Host header (load balancers use it for health checks). Bun then gives only the path.
      const address = `http://localhost${request.url}`;
      return upgrade || !URL.canParse(address)
        ? refusalResponse({ status: 400, body: "This is no usable request line." })
        : this.#options.fetch(new Request(address, request), client);
    }
    if (!upgrade) {
      const required = upgradeRequired(sockets, new URL(request.url).pathname);
      return required === undefined ? this.#options.fetch(request, client) : refusalResponse(required);
    }
    const choice = chooseRoute(sockets, request, client);
    if ("refusal" in choice) return refusalResponse(choice.refusal);
    const { route } = choice;
    const upgraded = server.upgrade(request, {
      data: new BunSocket(route, client, this.#outbox),
      ...(route.protocol === undefined ? {} : { headers: { "Sec-WebSocket-Protocol": route.protocol } }),
    });
    return upgraded ? undefined : refusalResponse({ status: 400, body: "This is no WebSocket handshake." });
  }
}

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
  #ws: Bun.ServerWebSocket<BunSocket> | undefined;
  #handlers: SocketHandlers | undefined;
  /** The collected messages. A single message needs no list. */
  #queue: Message | Message[] | undefined;
  #queued = 0;
  /** The socket had unsent bytes after the last message. */
  #pressed = false;

  constructor(route: SocketRoute, client: Client, outbox: Outbox) {
    this.client = client;
    this.#route = route;
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
    const handlers = this.#route.open(this);
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
