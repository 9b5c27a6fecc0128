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
import { chooseRoute, refusalResponse, serverFailed, upgradeRequired } from "./upgrade.ts";

/** A backstop only: whoever serves a socket has to notice silence itself, and sooner. Seconds, Bun's maximum. */
const idleSocketSeconds = 960;
/** Time that a request may be idle; longer than any long poll. Seconds. */
const idleRequestSeconds = 60;

/** {@link HttpServer} on Bun's own HTTP server and WebSockets. */
export class BunServer implements HttpServer {
  readonly #options: ServerOptions;
  readonly #proxies: TrustedProxies;
  readonly #handlers: Bun.WebSocketHandler<BunSocket>;
  /** The last one listens; those before serve the connections that were made under an older certificate. */
  readonly #servers: Bun.Server<BunSocket>[];

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#proxies = new TrustedProxies(options.trustedProxies ?? []);
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
    const { sockets } = this.#options;
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
      const required = upgradeRequired(sockets, new URL(request.url).pathname);
      return required === undefined ? this.#options.fetch(request, client) : refusalResponse(required);
    }
    const choice = chooseRoute(sockets, request, client);
    if ("refusal" in choice) return refusalResponse(choice.refusal);
    const { route } = choice;
    const upgraded = server.upgrade(request, {
      data: new BunSocket(route, client),
      ...(route.protocol === undefined ? {} : { headers: { "Sec-WebSocket-Protocol": route.protocol } }),
    });
    return upgraded ? undefined : refusalResponse({ status: 400, body: "This is no WebSocket handshake." });
  }
}

class BunSocket implements Socket {
  readonly client: Client;
  readonly #route: SocketRoute;
  #ws: Bun.ServerWebSocket<BunSocket> | undefined;
  #handlers: SocketHandlers | undefined;

  constructor(route: SocketRoute, client: Client) {
    this.client = client;
    this.#route = route;
  }

  get buffered(): number {
    return this.#ws?.getBufferedAmount() ?? 0;
  }

  send(message: string | Uint8Array<ArrayBuffer>): boolean {
    // 0: dropped; -1: waits in the socket's buffer.
    return this.#ws !== undefined && this.#ws.send(message) !== 0;
  }

  close(code: number, reason: string): void {
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
