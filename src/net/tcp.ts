import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type Server as TlsServer } from "node:tls";
import type { CertificatePair } from "./certificate-files.ts";
import type { ConnectionCaps } from "./connection-caps.ts";
import { limitHandshakes } from "./tls-handshakes.ts";

/** A stream to a client, over TCP or TLS. */
export interface StreamSocket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Bytes that wait to be sent. */
  readonly buffered: number;
  /** Writes; the bytes must stay as they are. */
  write(bytes: Uint8Array): void;
  /** Cuts the connection. */
  destroy(): void;
}

export interface StreamHandlers {
  /** The bytes are the receiver's. */
  data(bytes: Uint8Array): void;
  /** Once, whoever ended it. */
  closed(): void;
}

export interface TcpOptions {
  /** A numeric address. An IPv6 listener takes no IPv4. */
  readonly address: string;
  readonly port: number;
  /** Without one: plain TCP. */
  readonly tls?: CertificatePair;
  /** How many connections there may be; several listeners can share these. Those above are cut before a byte is read. */
  readonly caps: ConnectionCaps;
  /** Undefined cuts the connection. */
  accept(socket: StreamSocket): StreamHandlers | undefined;
}

/** A listener for streams. */
export interface TcpListener {
  readonly address: string;
  readonly port: number;
  /** Takes another certificate for connections to come. Throws where TLS is off. */
  useCertificate(pair: CertificatePair): void;
  /** Stops listening and cuts every connection. */
  stop(): Promise<void>;
}

/** Listens. Rejects with an Error that has a `code` when the address can't be had. */
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
    secure = createTlsServer({ ...tls, noDelay: true }, accept);
    limitHandshakes(secure);
    server = secure;
  }
  options.caps.guard(server);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: address, port, ipv6Only: address.includes(":") }, () => {
      server.off("error", reject);
      // Accepting can fail (no descriptors, say); the listener goes on.
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

/** Gives a socket of the platform to handlers. What it has read before may be given as `head`. */
export function serveStream(
  socket: Socket,
  accept: (stream: StreamSocket) => StreamHandlers | undefined,
  head?: Uint8Array,
): void {
  // `close` follows each error and says all that there is to say.
  socket.on("error", () => {});
  const { remoteAddress, remotePort } = socket;
  if (remoteAddress === undefined || remotePort === undefined) {
    socket.destroy();
    return;
  }
  const handlers = accept({
    remoteAddress,
    remotePort,
    get buffered() {
      return socket.writableLength;
    },
    write: (bytes) => {
      if (socket.writable) socket.write(bytes);
    },
    destroy: () => socket.destroy(),
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
