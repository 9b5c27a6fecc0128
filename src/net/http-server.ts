import type { CertificatePair } from "./certificate-files.ts";
import type { ConnectionLimits } from "./connection-caps.ts";
import type { StreamHandlers, StreamSocket } from "./tcp.ts";

/** The far end of a connection or request. */
export interface Client {
  /** The client's address, canonical; of `X-Forwarded-For` only where every hop behind it is a trusted proxy. */
  readonly address: string;
  /** The address of the socket itself, canonical: the last proxy's where there is one. */
  readonly peer: string;
}

/** One WebSocket connection, seen from the server. */
export interface Socket {
  readonly client: Client;
  /** Sends one message. False when it was not taken: the socket is closed, or too many bytes are waiting. */
  send(message: string | Uint8Array<ArrayBuffer>): boolean;
  /** Starts the closing handshake. The handlers hear nothing after it. */
  close(code: number, reason: string): void;
  /** Bytes that were sent and have not left this process. */
  readonly buffered: number;
}

/** What the owner of a socket hears. Kept for the life of the socket, so keep it small. */
export interface SocketHandlers {
  text(message: string): void;
  binary(message: Uint8Array): void;
  /** The socket is gone, and not because of {@link Socket.close}. 1006 when it just vanished. */
  closed(code: number): void;
}

/** Why a request was refused, for people to read. */
export interface Refusal {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Where WebSocket clients may connect. Several routes may share a path when their subprotocols differ. */
export interface SocketRoute {
  readonly path: string;
  /** The subprotocol that the client must offer and that is then spoken. Without one, any client is taken. */
  readonly protocol?: string;
  /** Undefined lets the client in. */
  check(request: Request, client: Client): Refusal | undefined;
  open(socket: Socket): SocketHandlers;
}

export interface ServerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Lets several processes listen on the same port; the kernel deals connections out to them. */
  readonly reusePort?: boolean;
  /** Without one: plain HTTP. */
  readonly tls: CertificatePair | undefined;
  /** With TLS: takes the connections that speak STUN and not HTTP, so that one port carries TURN as well. Undefined cuts one. */
  readonly stun?: (stream: StreamSocket) => StreamHandlers | undefined;
  /** Addresses and CIDR ranges whose `X-Forwarded-For` is believed. */
  readonly trustedProxies?: readonly string[];
  /**
   * How many connections there may be; those of a trusted proxy are not counted by its address. Bun's own server tells of no
   * connection before its request, and so counts requests under way.
   */
  readonly connections?: ConnectionLimits;
  /** Largest WebSocket message; a larger one ends its socket with 1009. */
  readonly messageBytes: number;
  /** Most bytes that may wait in one socket before {@link Socket.send} answers false. */
  readonly bufferedBytes: number;
  /** Largest body of a request; a larger one is answered 413. */
  readonly bodyBytes: number;
  readonly sockets: readonly SocketRoute[];
  /** Answers every request that is no upgrade. `request.signal` aborts when the client goes away. */
  fetch(request: Request, client: Client): Response | Promise<Response>;
  /** Hears what a handler threw; the client got a 500, the socket a 1011. */
  fault(where: string, error: unknown): void;
}

/** A listening server. One port carries HTTP and every WebSocket route. */
export interface HttpServer {
  readonly port: number;
  /** Takes another certificate for connections to come; established ones go on. Throws where TLS is off. */
  useCertificate(pair: CertificatePair): void;
  /** Stops listening and ends every connection. */
  stop(): Promise<void>;
}
