import { BunHandler, type BunSocket } from "./bun-handler.ts";
import type { CertificatePair } from "./certificate-files.ts";
import { every } from "./clock.ts";
import { descriptorsShort } from "./descriptors.ts";
import type { HttpServer, ServerOptions } from "./http-server.ts";
import { refusalResponse, serverFailed } from "./upgrade.ts";

/** Time that a request may be idle; longer than any long poll. Seconds. */
const idleRequestSeconds = 60;
/** How often it is looked whether descriptors run out. ms */
const descriptorInterval = 100;

/** {@link HttpServer} on Bun's own HTTP server and WebSockets. */
export class BunServer implements HttpServer {
  readonly #options: ServerOptions;
  readonly #handler: BunHandler;
  readonly #stopLooking: () => void;
  /** Those that serve connections: the one that listens, and before it those whose certificate or pause is past. */
  readonly #servers = new Set<Bun.Server<BunSocket>>();
  /** Undefined while this process has no descriptors for newcomers. */
  #listening: Bun.Server<BunSocket> | undefined;
  #certificate: CertificatePair | undefined;
  readonly port: number;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#handler = new BunHandler(options);
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
    this.#handler.flush();
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
      // The handler bounds bodies, and says so in its answer: Bun's own 413 is empty.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      websocket: this.#handler.sockets,
      fetch: (request, server) => this.#handler.fetch(request, server),
      error: (error) => {
        this.#options.fault("request", error);
        return refusalResponse(serverFailed);
      },
    });
    this.#servers.add(server);
    this.#listening = server;
    return server;
  }
}
