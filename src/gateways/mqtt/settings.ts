import { Type } from "typebox";
import { flag, limitsGroup, port, secret, text } from "../../shared/setting.ts";
import { defaultGatewayLimits, gatewayLimitMeanings } from "../gateway-limits.ts";

/** Every bound of the endpoint. Times in ms, sizes in bytes. */
export const defaultMqttLimits = {
  ...defaultGatewayLimits,
  /** Each frame of the native protocol is a message here, and has an acknowledgement beside it. */
  requestsPerSecond: 400,
  requestsBurst: 800,
  connectTimeout: 10_000,
  packetBytes: 131_072,
  sessionsPerDevice: 8,
  sessionExpiry: 300_000,
  keepAlive: 300_000,
  subscriptions: 32,
  inFlight: 256,
  queued: 256,
  received: 64,
  retained: 16,
  cameraAnswer: 10_000,
  cameraGather: 2_000,
  cameraPoll: 10_000,
} as const satisfies Record<string, number>;

export type MqttLimits = { readonly [name in keyof typeof defaultMqttLimits]: number };

const meanings: { readonly [name in keyof MqttLimits]: string } = {
  ...gatewayLimitMeanings("MQTT"),
  requestsPerSecond: "Packets that one connection may send in two seconds; who sends more is closed.",
  connectTimeout: "How long a connection may be without CONNECT.",
  packetBytes: "Largest packet from a client.",
  sessionsPerDevice: "Client ids of one device.",
  sessionExpiry: "How long a session is kept without a connection, at most.",
  keepAlive: "The keep-alive of clients of MQTT 5.0 that name none, or a longer one.",
  subscriptions: "Topic filters of one session.",
  inFlight: "Messages of QoS 1 that one session may have unacknowledged.",
  queued: "Messages that wait for one session; further ones are dropped.",
  received: "Messages of QoS 2 that one client may have unfinished.",
  retained: "Messages that are retained for one device.",
  cameraAnswer: "How long an unmodified camera may take for an offer or an answer.",
  cameraGather: "How long the candidates of who calls a libpeer camera are waited for, after the answer.",
  cameraPoll: "How often a libpeer camera in a call is asked whether it goes on.",
};

/** Settings of MQTT. docs/mqtt.md says how they are meant. */
export const mqttSettings = {
  mqtt: Type.Object(
    {
      enabled: flag(true, "Serves MQTT over WebSocket at `/mqtt`."),
      tcp: Type.Object(
        {
          enabled: flag(false, "Serves MQTT over TCP, without TLS: for devices of the own network."),
          host: text("", "Address to listen on. Empty: as `host`."),
          port: port(1_883, "Port; 0 takes a free one."),
        },
        { description: "MQTT over TCP." },
      ),
      tls: Type.Object(
        {
          enabled: flag(false, "Serves MQTT over TLS, with the certificate of `tls`."),
          host: text("", "Address to listen on. Empty: as `host`."),
          port: port(8_883, "Port; 0 takes a free one."),
          clientCa: text(
            "",
            "PEM file of authorities for client certificates. The common name of a certificate is the login, such as `alice/cam`. Empty: none is asked for.",
          ),
        },
        { description: "MQTT over TLS." },
      ),
      bridge: Type.Object(
        {
          url: text(
            "",
            "Broker to join, such as `mqtts://broker:8883`. Empty: none. docs/mqtt.md#a-broker-of-your-own",
          ),
          username: text("", "User name at the broker."),
          password: secret("Password at the broker."),
          clientId: text(
            "",
            "Prefix of the client ids at the broker. Empty: `switchboard-` and the name of the node.",
          ),
          share: text(
            "switchboard",
            "Name of the shared subscription, so that one node of several takes each hello. Empty: the broker has none.",
          ),
          trustTopics: flag(
            false,
            "The broker lets a device publish below its own topics alone: a hello then needs no token.",
          ),
        },
        { description: "MQTT devices of a broker of your own." },
      ),
      limits: limitsGroup(defaultMqttLimits, "Every bound of the MQTT endpoint.", meanings, 2 ** 31 - 1),
    },
    { description: "MQTT: devices speak the native protocol over topics of their own." },
  ),
};

export function checkMqtt({
  mqtt,
  tls,
}: {
  readonly mqtt: { readonly tls: { readonly enabled: boolean }; readonly bridge: { readonly url: string } };
  readonly tls: { readonly cert: string };
}): string | undefined {
  if (mqtt.tls.enabled && tls.cert === "")
    return "setting mqtt.tls.enabled: needs the settings tls.cert and tls.key";
  if (mqtt.bridge.url !== "" && !/^(mqtts?|wss?|tls|tcp|ssl):\/\/[^/\s]+/.test(mqtt.bridge.url))
    return "setting mqtt.bridge.url: write mqtt://HOST:PORT, mqtts://HOST:PORT, ws://… or wss://…";
  return undefined;
}
