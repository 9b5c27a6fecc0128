import type { IncomingMessage as Incoming, ServerResponse as Outgoing } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { Client, HandlerOptions, Socket, SocketHandlers, SocketRoute } from "./http-server.ts";
import { answer, refuseUpgrade, webRequest } from "./node-web.ts";
import { TrustedProxies } from "./trusted-proxies.ts";
import { chooseRoute, lastResponse, refusalResponse, serverFailed, upgradeRequired } from "./upgrade.ts";

/** Serves requests and upgrades that a server of `node:http` has taken: our own, or one that the application has. */
export class NodeHandler {
  readonly proxies: TrustedProxies;
  readonly #options: HandlerOptions;
  readonly #sockets: WebSocketServer;

  constructor(options: HandlerOptions) {
    this.#options = options;
    this.proxies = new TrustedProxies(options.trustedProxies ?? []);
    this.#sockets = new WebSocketServer({
      noServer: true,
      clientTracking: true,
      perMessageDeflate: false,
      maxPayload: options.messageBytes,
      // The route was chosen before, with its protocol.
      handleProtocols: (_offered, request) => protocols.get(request) ?? false,
    });
  }

  /** Ends every socket. */
  stop(): void {
    for (const socket of this.#sockets.clients) socket.terminate();
  }

  #client(incoming: Incoming): Client {
    const forwarded = incoming.headers["x-forwarded-for"];
    const list = Array.isArray(forwarded) ? forwarded.join(",") : forwarded;
    return this.proxies.client(incoming.socket.remoteAddress ?? "", list ?? null);
  }

  /** Answers a request. `answering` is called once its answer is ready. */
  async request(
    incoming: Incoming,
    outgoing: Outgoing,
    answering?: (incoming: Incoming) => void,
  ): Promise<void> {
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
    answering?.(incoming);
    await answer(response, outgoing, incoming.method === "HEAD").catch(() => outgoing.destroy());
  }

  /** Makes a WebSocket of an upgrade, or refuses it. */
  upgrade(incoming: Incoming, raw: Duplex, head: Buffer): void {
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

export function isWebSocket(incoming: Incoming): boolean {
  return incoming.headers.upgrade?.toLowerCase() === "websocket";
}

const protocols = new WeakMap<Incoming, string>();

/** How long a client may take to answer a close before its socket is destroyed. ms */
const closeTimeout = 5_000;

class NodeSocket implements Socket {
  readonly client: Client;
  readonly #ws: WebSocket;
  readonly #options: HandlerOptions;
  #open = true;

  constructor(ws: WebSocket, client: Client, options: HandlerOptions) {
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
