import type { CertificatePair } from "./certificate-files.ts";
import type { ConnectionLimits } from "./connection-caps.ts";
import type { StreamHandlers, StreamSocket } from "./tcp.ts";

/** The client of a connection or request. */
export interface Client {
  /** The client's address, canonical; of `X-Forwarded-For` only where every hop behind it is a trusted proxy. */
  readonly address: string;
  /** The address of the socket itself, canonical: the last proxy's where there is one. */
  readonly peer: string;
}

/** A WebSocket connection. */
export interface Socket {
  readonly client: Client;
  /** Sends one message. False when it could not: the socket is closed, or too many bytes are waiting. */
  send(message: string | Uint8Array<ArrayBuffer>): boolean;
  /** Starts the closing handshake. The handlers are not called after that. */
  close(code: number, reason: string): void;
  /** Bytes that have not left this process yet. */
  readonly buffered: number;
}

/** The events of a socket. One such object is kept for each socket: keep it small. */
export interface SocketHandlers {
  text(message: string): void;
  binary(message: Uint8Array): void;
  /** The socket has closed, other than by {@link Socket.close}. 1006 when there was no close frame. */
  closed(code: number): void;
}

/** The response to a request that is refused, with a body for people to read. */
export interface Refusal {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Where WebSocket clients may connect. Several routes may share a path when their subprotocols differ. */
export interface SocketRoute {
  readonly path: string;
  /** The subprotocol that the client must offer. Without one, any client may connect. */
  readonly protocol?: string;
  /** Why the client may not connect. Undefined if it may. */
  check(request: Request, client: Client): Refusal | undefined;
  /** `url`: what the client asked for, whole. */
  open(socket: Socket, url: string): SocketHandlers;
}

/** How requests and sockets are served, whoever listens. */
export interface HandlerOptions {
  /** Addresses and CIDR ranges whose `X-Forwarded-For` is trusted. */
  readonly trustedProxies?: readonly string[];
  /** Largest WebSocket message; a larger one ends its socket with 1009. */
  readonly messageBytes: number;
  /** Most bytes that may wait in one socket before {@link Socket.send} answers false. */
  readonly bufferedBytes: number;
  /** Largest body of a request; a larger one is answered 413. */
  readonly bodyBytes: number;
  readonly sockets: readonly SocketRoute[];
  /** Asked first about every request, upgrades included. A refusal is all that the request gets, and its connection is closed. */
  readonly refuse?: (client: Client) => Refusal | undefined;
  /** Asked next: undefined, or a promise to wait for before the request is looked at, of a refusal or not. */
  readonly turn?: (client: Client) => Promise<Refusal | undefined> | undefined;
  /** Answers all requests other than upgrades. `request.signal` aborts when the client goes away. */
  fetch(request: Request, client: Client): Response | Promise<Response>;
  /** Called with what a handler throws. The client gets a 500, a socket a 1011. */
  fault(where: string, error: unknown): void;
}

export interface ServerOptions extends HandlerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Lets several processes listen on the same port. The kernel distributes connections over them. */
  readonly reusePort?: boolean;
  /** Without one: plain HTTP. */
  readonly tls: CertificatePair | undefined;
  /** With TLS: takes connections that speak STUN instead of HTTP, so that the port serves TURN too. Undefined closes one. */
  readonly stun?: (stream: StreamSocket) => StreamHandlers | undefined;
  /**
   * How many connections there may be; those of a trusted proxy are not counted by its address. Bun's own server tells of no
   * connection before its request, and so counts requests under way.
   */
  readonly connections?: ConnectionLimits;
}

/** A listening server. One port serves HTTP and all WebSocket routes. */
export interface HttpServer {
  readonly port: number;
  /** Replaces the certificate for new connections. Throws when TLS is off. */
  useCertificate(pair: CertificatePair): void;
  /** Stops listening and ends every connection. */
  stop(): Promise<void>;
}
