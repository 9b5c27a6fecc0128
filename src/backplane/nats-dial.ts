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

/** A server of NATS, and who we are there. */
export interface NatsServer {
  readonly host: string;
  readonly port: number;
  /** Never speaks to it without TLS. */
  readonly secure: boolean;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
}

/** How to sign in, whichever server it is. */
export interface NatsIdentity {
  /** The connection's name in the server's monitoring. */
  readonly name: string;
  /** The text of a `.creds` file: a JWT and its seed. */
  readonly creds?: string;
  /** The seed of an NKey. */
  readonly nkey?: string;
  /** PEM: whom to trust, and our own certificate for servers that ask for one. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

/** How long the whole way to a usable connection may take, unless the caller says otherwise. ms */
const usualTimeout = 3_000;
/** A server that answers nothing is given up after three of these, 4.5 s at most: two pings may be out. ms */
const pingInterval = 1_500;

/** The library forgets the socket of an attempt that timed out; where the server hangs, it would stay for ever. */
class Transport extends NodeTransport {
  override async close(error?: Error): Promise<void> {
    if (!this.connected) this.discard();
    await super.close(error);
  }
}
setTransportFactory({ factory: () => new Transport(), dnsResolveFn: nodeResolveHost });

/**
 * One connection, for as long as it lasts: it does not reconnect, so that nothing that waits in it can come out later.
 * Rejects when there is none to be had, and leaves no socket behind then.
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
