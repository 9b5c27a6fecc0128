import type { AddressInfo, Socket } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import type { CertificatePair } from "./certificate-files.ts";
import type { ConnectionCaps } from "./connection-caps.ts";
import { type StreamHandlers, type StreamSocket, serveStream } from "./tcp.ts";
import { handshakeTimeout, limitHandshakes } from "./tls-handshakes.ts";

export interface SharedTlsOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly reusePort?: boolean;
  readonly certificate: CertificatePair;
  /** How many connections there may be, whatever they speak. */
  readonly caps: ConnectionCaps;
  /** Takes connections that speak STUN. Undefined closes one. */
  stun(stream: StreamSocket): StreamHandlers | undefined;
  /** Takes all other connections: an HTTP server's `emit("connection", socket)`. */
  http(socket: Socket): void;
}

/** How long the first byte after the handshake may take. ms */
const patience = handshakeTimeout;

/**
 * One TLS port for HTTPS and TURN, so that one open port is enough. The first decrypted byte tells them apart: STUN's is at most 3,
 * HTTP's is a letter. (RFC 7443's ALPN label would tell it earlier, but no browser sends it.)
 */
export class SharedTlsPort {
  readonly #server: Server;
  readonly #open = new Set<Socket>();

  /** Rejects with an Error that has a `code` when the address can't be used. */
  static async listen(options: SharedTlsOptions): Promise<SharedTlsPort> {
    const shared = new SharedTlsPort(options);
    const { host, port, reusePort = false } = options;
    await new Promise<void>((resolve, reject) => {
      shared.#server.once("error", reject);
      shared.#server.listen({ host, port, ...(reusePort ? { reusePort } : {}) }, () => {
        shared.#server.off("error", reject);
        // Accepting can fail (for example, no descriptors are left). The listener goes on.
        shared.#server.on("error", () => {});
        resolve();
      });
    });
    return shared;
  }

  private constructor(options: SharedTlsOptions) {
    const { cert, key } = options.certificate;
    const tls = { cert, key, ALPNProtocols: ["http/1.1"], noDelay: true };
    this.#server = createServer(tls, (socket) => this.#accept(socket, options));
    limitHandshakes(this.#server);
    options.caps.guard(this.#server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Replaces the certificate for new connections. */
  useCertificate(pair: CertificatePair): void {
    this.#server.setSecureContext({ cert: pair.cert, key: pair.key });
  }

  /** Stops listening and closes all connections. */
  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#open) socket.destroy();
    });
  }

  #accept(socket: TLSSocket, options: SharedTlsOptions): void {
    this.#open.add(socket);
    const silent = setTimeout(() => socket.destroy(), patience);
    const failed = (): void => {
      socket.destroy();
    };
    socket.on("error", failed);
    socket.once("close", () => {
      clearTimeout(silent);
      this.#open.delete(socket);
    });
    socket.once("data", (first: Buffer) => {
      clearTimeout(silent);
      if ((first[0] ?? 0xff) <= 3) {
        serveStream(socket, options.stun, first);
        return;
      }
      socket.pause();
      socket.unshift(first);
      options.http(socket);
      // From here on the HTTP server handles errors.
      socket.off("error", failed);
      socket.resume();
    });
  }
}
