import {
  type Authenticator,
  credsAuthenticator,
  type NatsConnection,
  NatsConnectionImpl,
  nkeyAuthenticator,
  setTransportFactory,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from "@nats-io/transport-node";
import { NodeTransport, nodeResolveHost } from "@nats-io/transport-node/lib/node_transport.js";

/** A NATS server, and how to sign in there. */
export interface NatsServer {
  readonly host: string;
  readonly port: number;
  /** Require TLS. */
  readonly secure: boolean;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
}

/** How to sign in, for all servers. */
export interface NatsIdentity {
  /** The connection's name in the server's monitoring. */
  readonly name: string;
  /** The text of a `.creds` file: a JWT and its seed. */
  readonly creds?: string;
  /** The seed of an NKey. */
  readonly nkey?: string;
  /** PEM: the certificates to trust, and our own for servers that require one. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

/** The default time-out for a usable connection. ms */
const usualTimeout = 3_000;
/** A server that does not answer is given up after three intervals, 4.5 s at most: two pings may be unanswered. ms */
const pingInterval = 1_500;

/** Closes the socket of an attempt that timed out. The library forgets it, and it would stay open while the server hangs. */
class Transport extends NodeTransport {
  override async close(error?: Error): Promise<void> {
    if (!this.connected) this.discard();
    await super.close(error);
  }
}
setTransportFactory({ factory: () => new Transport(), dnsResolveFn: nodeResolveHost });

/**
 * Opens one connection. It does not reconnect, so that nothing that waits in it can be sent later. Rejects when it can't connect,
 * and leaves no socket behind.
 */
export async function dialNats(
  server: NatsServer,
  identity: NatsIdentity,
  timeout = usualTimeout,
): Promise<NatsConnection> {
  return await NatsConnectionImpl.connect({
    servers: `${server.host}:${server.port}`,
    authenticator: authenticators(server, identity),
    ...(server.secure || identity.tls !== undefined ? { tls: { ...identity.tls } } : {}),
    name: identity.name,
    noEcho: true,
    reconnect: false,
    ignoreClusterUpdates: true,
    timeout,
    pingInterval,
    maxPingOut: 2,
  });
}

function authenticators(
  { user, password, token }: NatsServer,
  { creds, nkey }: NatsIdentity,
): Authenticator[] {
  const encoder = new TextEncoder();
  return [
    ...(creds === undefined ? [] : [credsAuthenticator(encoder.encode(creds))]),
    ...(nkey === undefined ? [] : [nkeyAuthenticator(encoder.encode(nkey))]),
    ...(token === undefined ? [] : [tokenAuthenticator(token)]),
    ...(user === undefined ? [] : [usernamePasswordAuthenticator(user, password)]),
  ];
}
