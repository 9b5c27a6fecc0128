import { createServer, type Server } from "node:http";
import { createServer as createSecureServer, Server as SecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { CertificatePair } from "./certificate-files.ts";
import { ConnectionCaps } from "./connection-caps.ts";
import type { HttpServer, ServerOptions } from "./http-server.ts";
import { isWebSocket, NodeHandler } from "./node-handler.ts";
import { RequestDeadlines } from "./request-deadlines.ts";
import { SharedTlsPort } from "./shared-tls-port.ts";
import { limitHandshakes } from "./tls-handshakes.ts";

/** {@link HttpServer} on `node:http` and the `ws` package. */
export class NodeServer implements HttpServer {
  readonly #options: ServerOptions;
  readonly #server: Server;
  readonly #caps: ConnectionCaps;
  readonly #deadlines: RequestDeadlines;
  readonly #handler: NodeHandler;
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
    this.#handler = new NodeHandler(options);
    // Any other upgrade (such as h2c) is a plain request. Node before 22.21 reports it as an upgrade, which is refused.
    const shared = { shouldUpgradeCallback: isWebSocket };
    this.#server =
      options.tls === undefined || options.stun !== undefined
        ? createServer(shared)
        : createSecureServer({ ...shared, ...options.tls });
    this.#caps = new ConnectionCaps({
      ...options.connections,
      speaksForMany: (address) => this.#handler.proxies.trusts(address),
    });
    this.#deadlines = new RequestDeadlines(this.#server);
    if (this.#server instanceof SecureServer) limitHandshakes(this.#server);
    const answering = this.#deadlines.answering.bind(this.#deadlines);
    this.#server.on(
      "request",
      (incoming, outgoing) => void this.#handler.request(incoming, outgoing, answering),
    );
    this.#server.on("upgrade", (incoming, raw, head) => this.#handler.upgrade(incoming, raw, head));
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
    this.#handler.stop();
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
}
