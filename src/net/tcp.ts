import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, TLSSocket, type Server as TlsServer } from "node:tls";
import type { CertificatePair } from "./certificate-files.ts";
import type { ConnectionCaps } from "./connection-caps.ts";
import { StreamWriter } from "./stream-writer.ts";
import { limitHandshakes } from "./tls-handshakes.ts";

/** A stream to a client, over TCP or TLS. */
export interface StreamSocket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** The common name of the client's certificate, where {@link TcpOptions.clientAuthority} has signed it. */
  readonly certificateName?: string | undefined;
  /** Bytes that were not sent yet. */
  readonly buffered: number;
  /** Writes, at the end of this turn of the event loop. The bytes must not change afterwards. */
  write(bytes: Uint8Array): void;
  /** Stops reading, and goes on with it. What the platform has read already may still come. */
  pause(): void;
  resume(): void;
  /** Closes the connection after what was written. */
  end(): void;
  /** Closes the connection at once. */
  destroy(): void;
}

export interface StreamHandlers {
  /** Bytes came. The receiver may keep them. */
  data(bytes: Uint8Array): void;
  /** The stream has closed, whoever closed it. Called once. */
  closed(): void;
}

export interface TcpOptions {
  /** A numeric address. An IPv6 listener takes no IPv4. */
  readonly address: string;
  readonly port: number;
  /** Without one: plain TCP. */
  readonly tls?: CertificatePair;
  /** With TLS: asks clients for certificates of these authorities (PEM). A client without one is let in, without a name. */
  readonly clientAuthority?: string;
  /** How many connections there may be. Listeners can share them. */
  readonly caps: ConnectionCaps;
  /** Takes a connection. Undefined closes it. */
  accept(socket: StreamSocket): StreamHandlers | undefined;
}

/** A listener for streams. */
export interface TcpListener {
  readonly address: string;
  readonly port: number;
  /** Replaces the certificate for new connections. Throws when TLS is off. */
  useCertificate(pair: CertificatePair): void;
  /** Stops listening and closes all connections. */
  stop(): Promise<void>;
}

/** Listens. Rejects with an Error that has a `code` when the address can't be used. */
export function listenTcp(options: TcpOptions): Promise<TcpListener> {
  const { address, port, tls } = options;
  const open = new Set<Socket>();
  const accept = (socket: Socket): void => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    serveStream(socket, options.accept);
  };
  let secure: TlsServer | undefined;
  let server: Server;
  if (tls === undefined) server = createServer({ noDelay: true }, accept);
  else {
    const { clientAuthority: ca } = options;
    const asking = ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: false };
    secure = createTlsServer({ ...tls, ...asking, noDelay: true }, accept);
    limitHandshakes(secure);
    server = secure;
  }
  options.caps.guard(server);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: address, port, ipv6Only: address.includes(":") }, () => {
      server.off("error", reject);
      // Accepting can fail (for example, no descriptors are left). The listener goes on.
      server.on("error", () => {});
      const bound = server.address();
      resolve({
        address,
        port: bound === null || typeof bound === "string" ? port : bound.port,
        useCertificate: (pair) => {
          if (secure === undefined) throw new Error("this listener was started without TLS");
          secure.setSecureContext({ cert: pair.cert, key: pair.key });
        },
        stop: () =>
          new Promise((stopped) => {
            server.close(() => stopped());
            for (const socket of open) socket.destroy();
          }),
      });
    });
  });
}

/** How long a closed connection may take for what was written before, ms. */
const lastWords = 2_000;

/** The common name in a certificate that one of our authorities has signed. */
function nameOf(socket: Socket): string | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const name: unknown = socket.getPeerCertificate().subject?.CN;
  return typeof name === "string" ? name : undefined;
}

/** Connects a socket of the platform with handlers. `head`: bytes that were read before. */
export function serveStream(
  socket: Socket,
  accept: (stream: StreamSocket) => StreamHandlers | undefined,
  head?: Uint8Array,
): void {
  // A `close` event follows each error.
  socket.on("error", () => {});
  const { remoteAddress, remotePort } = socket;
  if (remoteAddress === undefined || remotePort === undefined) {
    socket.destroy();
    return;
  }
  const certificateName = nameOf(socket);
  const writer = new StreamWriter(socket);
  const handlers = accept({
    remoteAddress,
    remotePort,
    ...(certificateName !== undefined && { certificateName }),
    get buffered() {
      return writer.buffered;
    },
    write: (bytes) => writer.write(bytes),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    end: () => {
      writer.flush();
      socket.end();
      // Whoever does not read is not waited for.
      setTimeout(() => socket.destroy(), lastWords).unref();
    },
    destroy: () => {
      // What was written is with the system, as far as that takes it.
      writer.flush();
      socket.destroy();
    },
  });
  if (handlers === undefined) {
    socket.destroy();
    return;
  }
  socket.on("close", () => handlers.closed());
  socket.on("end", () => socket.destroy());
  socket.on("data", (bytes: Uint8Array) => handlers.data(bytes));
  if (head !== undefined) handlers.data(head);
}
