import { Credentials } from "../auth/credentials.ts";
import { parseGrants } from "../auth/grant-claims.ts";
import type { Settings } from "../config/schema.ts";
import { type GatewayNumbers, SipGateway } from "../gateways/sip/gateway.ts";
import { ConnectionCaps, type CutReason } from "../net/connection-caps.ts";
import type { SocketRoute } from "../net/http-server.ts";
import { stunCrypto } from "../net/stun-crypto.ts";
import { listenTcp, type TcpListener } from "../net/tcp.ts";
import type { Core } from "../signaling/core.ts";
import type { Logger } from "../telemetry/log.ts";
import type { TransportGuard } from "../transports/transport-guard.ts";

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
  guard: TransportGuard,
  log: Logger,
  cut: (reason: CutReason) => void,
): Promise<RunningSip> {
  const { sip } = settings;
  if (!sip.enabled && !sip.tcp.enabled) return { routes: [], numbers: undefined, stop: async () => {} };
  const credentials = credentialsOf(settings);
  const gateway = new SipGateway({
    core: core.gateway(),
    settings: { ...sip, realm: settings.credentials.realm },
    now: guard.now,
    crypto: stunCrypto,
    identify: (username, at) => credentials.find(username, at),
  });
  const caps = new ConnectionCaps({
    total: sip.limits.connections,
    perAddress: settings.limits.linksPerAddress,
    cut,
  });
  const listener = sip.tcp.enabled ? await listenSip(settings, host, gateway, caps, log) : undefined;
  return {
    routes: sip.enabled ? [gateway.route(guard)] : [],
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
  caps: ConnectionCaps,
  log: Logger,
): Promise<TcpListener> {
  const address = sip.tcp.host || host;
  let port = sip.tcp.port;
  const listener = await listenTcp({
    address,
    port,
    caps,
    accept: (stream) => gateway.acceptStream(stream, { host: address, port }),
  }).catch((error: Error) => {
    throw new Error(`SIP can't listen on TCP ${address} port ${port}: ${error.message}`);
  });
  port = listener.port;
  log.info({ address, port }, "SIP over TCP");
  return listener;
}

/** The secrets of devices that have no token. The settings were checked: every grant can be read. */
function credentialsOf({ credentials, dev }: Settings): Credentials {
  const grants = (texts: readonly string[]) => {
    const parsed = parseGrants(texts);
    return parsed.ok ? parsed.value : {};
  };
  return new Credentials({
    realm: credentials.realm,
    keys: [credentials.key, credentials.formerKey].filter((key) => key !== ""),
    versions: new Map(credentials.versions.map(({ login, version }) => [login, version])),
    grants: grants(credentials.grants),
    stored: credentials.stored.map((one) => ({ ...one, grants: grants(one.grants) })),
    dev,
  });
}
