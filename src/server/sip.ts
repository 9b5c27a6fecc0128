import { registerGatewayMetrics } from "../gateways/gateway-metrics.ts";
import { SipGateway } from "../gateways/sip/gateway.ts";
import { ConnectionCaps } from "../net/connection-caps.ts";
import { stunCrypto } from "../net/stun-crypto.ts";
import { listenTcp, type TcpListener } from "../net/tcp.ts";
import { credentialsOf } from "./device-credentials.ts";
import { openPorts } from "./ports.ts";
import type { CoreContext, Part } from "./service.ts";

const name = "sip";

/** The SIP gateway: WebSocket on the server's port, and a TCP port of its own. */
export const sip: Part = {
  start: async (context) => {
    const { settings, core, guard, now, cut } = context;
    const { enabled, tcp } = settings.sip;
    if (!enabled && !tcp.enabled) return undefined;
    const credentials = credentialsOf(settings);
    const gateway = new SipGateway({
      // A phone can't ring before it has the offer.
      core: core.gateway({ name, asksOffers: true }),
      settings: { ...settings.sip, realm: settings.credentials.realm },
      now,
      crypto: stunCrypto,
      identify: (username, at) => credentials.find(username, at),
    });
    const caps = new ConnectionCaps({
      total: settings.sip.limits.connections,
      perAddress: settings.limits.linksPerAddress,
      cut,
    });
    const listener = tcp.enabled ? await listenSip(context, gateway, caps) : undefined;
    return {
      routes: enabled ? [gateway.route(guard)] : [],
      metrics: (registry) => registerGatewayMetrics(registry, name, () => gateway.numbers),
      stop: async () => {
        gateway.stop();
        await listener?.stop();
      },
    };
  },
};

async function listenSip(
  context: CoreContext,
  gateway: SipGateway,
  caps: ConnectionCaps,
): Promise<TcpListener> {
  const { settings, host, log, guard } = context;
  const { tcp } = settings.sip;
  const address = tcp.host || host;
  const listener = await openPorts(context, { "sip.tcp.port": tcp.port }, async (wanted) => {
    let port = wanted["sip.tcp.port"];
    const listener = await listenTcp({
      address,
      port,
      caps,
      accept: (stream) => gateway.acceptStream(guard, stream, { host: address, port }),
    }).catch((error: Error) => {
      throw new Error(`SIP can't listen on TCP ${address} port ${port}: ${error.message}`);
    });
    port = listener.port;
    return listener;
  });
  log.info({ address, port: listener.port }, "SIP over TCP");
  return listener;
}
