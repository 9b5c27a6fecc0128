import { createServer, type Server } from "node:http";
import { createServer as createSecureServer, Server as SecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { CertificatePair } from "./certificate-files.ts";
import { ConnectionCaps } from "./connection-caps.ts";
import type {
  Client,
  HttpServer,
  ServerOptions,
  Socket,
  SocketHandlers,
  SocketRoute,
} from "./http-server.ts";
import { answer, refuseUpgrade, webRequest } from "./node-web.ts";
import { RequestDeadlines } from "./request-deadlines.ts";
import { SharedTlsPort } from "./shared-tls-port.ts";
import { limitHandshakes } from "./tls-handshakes.ts";
import { TrustedProxies } from "./trusted-proxies.ts";
import { chooseRoute, lastResponse, refusalResponse, serverFailed, upgradeRequired } from "./upgrade.ts";

type Incoming = import("node:http").IncomingMessage;
type Outgoing = import("node:http").ServerResponse;

/** {@link HttpServer} on `node:http` and the `ws` package. */
export class NodeServer implements HttpServer {
  readonly #options: ServerOptions;
  readonly #proxies: TrustedProxies;
  readonly #server: Server;
  readonly #caps: ConnectionCaps;
  readonly #deadlines: RequestDeadlines;
  readonly #sockets: WebSocketServer;
  /** Listens instead of the server if the port serves TURN too. */
  #shared: SharedTlsPort | undefined;
  port = 0;

  /** Resolves when it listens. */
  static async listen(options: ServerOptions): Promise<NodeServer> {
    const server = new NodeServer(options);
    await server.#listen();
    return server;
  }

  private constructor(options: ServerOptions) {
    this.#options = options;
    this.#proxies = new TrustedProxies(options.trustedProxies ?? []);
    // Any other upgrade (such as h2c) is a plain request. Node before 22.21 reports it as an upgrade, which is refused.
    const shared = { shouldUpgradeCallback: isWebSocket };
    this.#server =
      options.tls === undefined || options.stun !== undefined
        ? createServer(shared)
        : createSecureServer({ ...shared, ...options.tls });
    this.#caps = new ConnectionCaps({
      ...options.connections,
      speaksForMany: (address) => this.#proxies.trusts(address),
    });
    this.#deadlines = new RequestDeadlines(this.#server);
    if (this.#server instanceof SecureServer) limitHandshakes(this.#server);
    this.#server.on("request", (incoming, outgoing) => void this.#request(incoming, outgoing));
    this.#server.on("upgrade", (incoming, raw, head) => this.#upgrade(incoming, raw, head));
    this.#sockets = new WebSocketServer({
      noServer: true,
      clientTracking: true,
      perMessageDeflate: false,
      maxPayload: options.messageBytes,
      // The route was chosen before, with its protocol.
      handleProtocols: (_offered, request) => protocols.get(request) ?? false,
    });
  }

  useCertificate(pair: CertificatePair): void {
    if (this.#shared !== undefined) {
      this.#shared.useCertificate(pair);
      return;
    }
    if (!(this.#server instanceof SecureServer)) throw new Error("this server was started without TLS");
    this.#server.setSecureContext({ cert: pair.cert, key: pair.key });
  }

  async stop(): Promise<void> {
    const stopped =
      this.#shared?.stop() ?? new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#server.closeAllConnections();
    await stopped;
  }

  async #listen(): Promise<void> {
    const { host, port, reusePort = false, tls, stun } = this.#options;
    if (tls !== undefined && stun !== undefined) {
      const http = (socket: Duplex) => this.#server.emit("connection", socket);
      const shared = { host, port, reusePort, certificate: tls, caps: this.#caps, stun, http };
      this.#shared = await SharedTlsPort.listen(shared);
      this.port = this.#shared.port;
      return;
    }
    this.#caps.guard(this.#server);
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port, ...(reusePort ? { reusePort } : {}) }, () => {
        this.port = (this.#server.address() as AddressInfo).port;
        this.#server.off("error", reject);
        this.#server.on("error", (error) => this.#options.fault("listener", error));
        resolve();
      });
    });
  }

  #client(incoming: Incoming): Client {
    const forwarded = incoming.headers["x-forwarded-for"];
    const list = Array.isArray(forwarded) ? forwarded.join(",") : forwarded;
    return this.#proxies.client(incoming.socket.remoteAddress ?? "", list ?? null);
  }

  async #request(incoming: Incoming, outgoing: Outgoing): Promise<void> {
    let response: Response;
    try {
      const client = this.#client(incoming);
      const refusal = this.#options.refuse?.(client) ?? (await this.#options.turn?.(client));
      const request =
        refusal === undefined
          ? webRequest(incoming, outgoing, this.#options.bodyBytes)
          : lastResponse(refusal);
      if (request instanceof Response) response = request;
      else {
        const required = upgradeRequired(this.#options.sockets, new URL(request.url).pathname);
        response =
          required === undefined ? await this.#options.fetch(request, client) : refusalResponse(required);
      }
    } catch (error) {
      this.#options.fault("request", error);
      response = refusalResponse(serverFailed);
    }
    this.#deadlines.answering(incoming);
    await answer(response, outgoing, incoming.method === "HEAD").catch(() => outgoing.destroy());
  }

  #upgrade(incoming: Incoming, raw: Duplex, head: Buffer): void {
    raw.on("error", () => raw.destroy());
    const client = this.#client(incoming);
    const chosen = this.#route(incoming, client);
    if (chosen instanceof Response) {
      refuseUpgrade(raw, chosen);
      return;
    }
    const { route, url } = chosen;
    if (route.protocol !== undefined) protocols.set(incoming, route.protocol);
    this.#sockets.handleUpgrade(incoming, raw, head, (ws) => {
      new NodeSocket(ws, client, this.#options).serve(route, url);
    });
  }

  #route(incoming: Incoming, client: Client): { route: SocketRoute; url: string } | Response {
    if (!isWebSocket(incoming))
      return refusalResponse({ status: 400, body: "Only WebSocket upgrades are taken." });
    const refusal = this.#options.refuse?.(client);
    if (refusal !== undefined) return lastResponse(refusal);
    const request = webRequest(incoming, undefined, 0);
    if (request instanceof Response) return request;
    try {
      const choice = chooseRoute(this.#options.sockets, request, client);
      return "route" in choice ? { route: choice.route, url: request.url } : refusalResponse(choice.refusal);
    } catch (error) {
      this.#options.fault("upgrade", error);
      return refusalResponse(serverFailed);
    }
  }
}

function isWebSocket(incoming: Incoming): boolean {
  return incoming.headers.upgrade?.toLowerCase() === "websocket";
}

const protocols = new WeakMap<Incoming, string>();

/** How long a client may take to answer a close before its socket is destroyed. ms */
const closeTimeout = 5_000;

class NodeSocket implements Socket {
  readonly client: Client;
  readonly #ws: WebSocket;
  readonly #options: ServerOptions;
  #open = true;

  constructor(ws: WebSocket, client: Client, options: ServerOptions) {
    this.#ws = ws;
    this.client = client;
    this.#options = options;
  }

  get buffered(): number {
    return this.#ws.bufferedAmount;
  }

  send(message: string | Uint8Array<ArrayBuffer>): boolean {
    if (!this.#open || this.#ws.bufferedAmount > this.#options.bufferedBytes) return false;
    this.#ws.send(message);
    return true;
  }

  close(code: number, reason: string): void {
    if (!this.#open) return;
    this.#open = false;
    this.#ws.close(code, reason);
    const cut = setTimeout(() => this.#ws.terminate(), closeTimeout).unref();
    this.#ws.once("close", () => clearTimeout(cut));
  }

  serve(route: SocketRoute, url: string): void {
    // A `close` event follows each error.
    this.#ws.on("error", () => {});
    let handlers: SocketHandlers | undefined;
    this.#guard(() => {
      handlers = route.open(this, url);
    });
    this.#ws.on("message", (data: Buffer, binary) => {
      if (!this.#open || handlers === undefined) return;
      try {
        if (binary) handlers.binary(data);
        else handlers.text(data.toString());
      } catch (error) {
        this.#failed(error);
        this.#guard(() => handlers?.closed(1011));
      }
    });
    this.#ws.on("close", (code) => {
      if (!this.#open) return;
      this.#open = false;
      this.#guard(() => handlers?.closed(code));
    });
  }

  /** Runs a handler. If it throws, its socket is closed, and the process goes on. */
  #guard(task: () => void): void {
    try {
      task();
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.#options.fault("socket", error);
    this.close(1011, "internal error");
  }
}
