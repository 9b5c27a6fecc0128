import { developmentIdentity } from "./admin/development-token.ts";
import type { Logger } from "./admin/log.ts";
import type { Settings } from "./config/schema.ts";
import { digestHash } from "./gateways/sip/digest.ts";
import { type GatewayNumbers, SipGateway } from "./gateways/sip/gateway.ts";
import type { Known } from "./gateways/sip/sign-in.ts";
import type { SocketRoute } from "./net/http-server.ts";
import { stunCrypto } from "./net/stun-crypto.ts";
import { listenTcp, type TcpListener } from "./net/tcp.ts";
import type { Core } from "./signaling/core.ts";
import type { Door } from "./transports/door.ts";

/** The SIP gateway as the rest of the server sees it. */
export interface RunningSip {
  readonly routes: readonly SocketRoute[];
  readonly numbers: (() => GatewayNumbers) | undefined;
  stop(): Promise<void>;
}

/** Starts what the settings ask for. Rejects with an Error of one line where the TCP port can't be had. */
export async function startSipService(
  settings: Settings,
  host: string,
  core: Core,
  door: Door,
  log: Logger,
): Promise<RunningSip> {
  const { sip, dev } = settings;
  if (!sip.enabled && !sip.tcp.enabled) return { routes: [], numbers: undefined, stop: async () => {} };
  const gateway = new SipGateway({
    core: core.gateway(),
    settings: sip,
    now: door.now,
    crypto: stunCrypto,
    identify: (username, realm, now) => (dev ? developer(username, realm, now) : undefined),
  });
  const listener = sip.tcp.enabled ? await listenSip(settings, host, gateway, log) : undefined;
  return {
    routes: sip.enabled ? [gateway.route(door)] : [],
    numbers: () => gateway.numbers,
    stop: async () => {
      gateway.stop();
      await listener?.stop();
    },
  };
}

async function listenSip(
  { sip }: Settings,
  host: string,
  gateway: SipGateway,
  log: Logger,
): Promise<TcpListener> {
  const address = sip.tcp.host || host;
  let port = sip.tcp.port;
  const listener = await listenTcp({
    address,
    port,
    connections: sip.limits.connections,
    accept: (stream) => gateway.acceptStream(stream, { host: address, port }),
  }).catch((error: Error) => {
    throw new Error(`SIP can't listen on TCP ${address} port ${port}: ${error.message}`);
  });
  port = listener.port;
  log.info({ address, port }, "SIP over TCP");
  return listener;
}

/** In development mode `dev:alice` is alice's password; the username may name a device: `alice/desk`. */
function developer(username: string, realm: string, now: number): Known | undefined {
  const [name = ""] = username.split("@");
  const [user = "", device] = name.split("/");
  const password = `dev:${user}`;
  const identity = developmentIdentity(password, now);
  if (!identity.ok) return undefined;
  return {
    identity: device === undefined ? identity.value : { ...identity.value, device },
    ha1: (algorithm) => [digestHash(algorithm, `${username}:${realm}:${password}`, stunCrypto)],
  };
}
