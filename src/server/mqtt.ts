import { readFileSync } from "node:fs";
import { registerGatewayMetrics } from "../gateways/gateway-metrics.ts";
import { MqttGateway } from "../gateways/mqtt/gateway.ts";
import type { BrokerBridge } from "../gateways/mqtt/shell/broker-bridge.ts";
import { type CertificatePair, readCertificate } from "../net/certificate-files.ts";
import { ConnectionCaps } from "../net/connection-caps.ts";
import { listenTcp, type TcpListener } from "../net/tcp.ts";
import { credentialsOf } from "./device-credentials.ts";
import { openPorts } from "./ports.ts";
import type { CoreContext, Part } from "./service.ts";

const name = "mqtt";

/** MQTT: WebSocket on the server's port, and ports of its own for TCP and TLS. */
export const mqtt: Part = {
  start: async (context) => {
    const { settings, core, guard, now, cut } = context;
    const { enabled, tcp, tls, limits, bridge } = settings.mqtt;
    if (!enabled && !tcp.enabled && !tls.enabled && bridge.url === "") return undefined;
    const credentials = credentialsOf(settings);
    const gateway = new MqttGateway({
      core: core.gateway({ name, asksOffers: false }),
      open: core.open.bind(core),
      limits,
      identify: (login, at) => credentials.find(login, at),
      now,
    });
    const caps = new ConnectionCaps({
      total: limits.connections,
      perAddress: settings.limits.linksPerAddress,
      cut,
    });
    const plain = tcp.enabled ? await listenMqtt(context, gateway, caps, "tcp") : undefined;
    const secure = tls.enabled
      ? await listenMqtt(context, gateway, caps, "tls").catch(async (error: unknown) => {
          await plain?.stop();
          throw error;
        })
      : undefined;
    const bridged = bridge.url === "" ? undefined : await joinBroker(context, gateway);
    return {
      routes: enabled ? gateway.routes(guard) : [],
      metrics: (registry) => registerGatewayMetrics(registry, name, () => gateway.numbers),
      revoke: () => gateway.revoke(),
      ...(bridged && {
        health: () => ({ name: "mqttBroker", state: bridged.online ? "up" : "down", ok: bridged.online }),
      }),
      useCertificate: (pair) => secure?.useCertificate(pair),
      stop: async () => {
        gateway.stop();
        await Promise.all([plain?.stop(), secure?.stop(), bridged?.stop()]);
      },
    };
  },
};

async function listenMqtt(
  context: CoreContext,
  gateway: MqttGateway,
  caps: ConnectionCaps,
  kind: "tcp" | "tls",
): Promise<TcpListener> {
  const { settings, host, log, guard } = context;
  const wanted = settings.mqtt[kind];
  const address = wanted.host || host;
  const secure = kind === "tls" ? certificates(settings) : {};
  const setting = `mqtt.${kind}.port`;
  const listener = await openPorts(context, { [setting]: wanted.port }, (ports) =>
    listenTcp({
      address,
      port: ports[setting] ?? wanted.port,
      caps,
      ...secure,
      accept: (stream) => gateway.acceptStream(guard, stream),
    }).catch((error: Error) => {
      throw new Error(
        `MQTT can't listen on ${address} port ${wanted.port} (setting ${setting}): ${error.message}`,
      );
    }),
  );
  log.info({ address, port: listener.port }, kind === "tls" ? "MQTT over TLS" : "MQTT over TCP");
  return listener;
}

function certificates({ tls, mqtt }: CoreContext["settings"]): {
  tls: CertificatePair;
  clientAuthority?: string;
} {
  const { clientCa } = mqtt.tls;
  const pair = readCertificate(tls.cert, tls.key);
  if (clientCa === "") return { tls: pair };
  try {
    return { tls: pair, clientAuthority: readFileSync(clientCa, "utf8") };
  } catch (error) {
    throw new Error(`setting mqtt.tls.clientCa: ${(error as Error).message}`);
  }
}

/** The server as a client of a broker. The library for that is large: a server without a broker does not read it. */
async function joinBroker(
  { settings, core, node, log, now }: CoreContext,
  gateway: MqttGateway,
): Promise<BrokerBridge> {
  const { BrokerBridge } = await import("../gateways/mqtt/shell/broker-bridge.ts");
  const { bridge, limits } = settings.mqtt;
  const credentials = credentialsOf(settings);
  return new BrokerBridge({
    ...bridge,
    clientId: bridge.clientId || `switchboard-${node}`,
    devices: limits.connections,
    sendBuffer: limits.sendBuffer,
    open: core.open.bind(core),
    identify: (user, device) => credentials.find(`${user}/${device}`, now())?.identity,
    act: (work) => gateway.act(work),
    changed: (online, why) => {
      if (online) log.info({ url: bridge.url }, "MQTT broker joined");
      else log.warn({ url: bridge.url, why }, "MQTT broker lost: the links of its devices are suspended");
    },
  });
}
