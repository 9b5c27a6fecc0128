import type { ConnectOptions, Transport, TransportEvents } from "./api.ts";
import { parse } from "./transport.ts";

/** What is used of a client of `mqtt` (mqtt.js). */
export interface MqttClient {
  readonly connected: boolean;
  publish(topic: string, message: string, options: { qos: 1 }): unknown;
  subscribe(topic: string, options: { qos: 1 }, done: (error: unknown) => void): unknown;
  on(event: string, listener: (...values: never[]) => void): unknown;
  removeListener(event: string, listener: (...values: never[]) => void): unknown;
}

/**
 * Options of `connect` for a device whose frames go over MQTT: `connect({ ...overMqtt(client, "alice/cam"), rtc })`. The MQTT client
 * signs the device in; it stays yours, and is yours to end. Where a broker stands between, the server may need a `token` beside.
 */
export function overMqtt(
  mqtt: MqttClient,
  device: string,
): Pick<ConnectOptions, "url" | "token" | "transport"> & { device: { id: string } } {
  const ids = device.split("/");
  const tree = `sb/1/d/${ids.map(escapeId).join("/")}`;
  return {
    url: "mqtt:",
    token: unneeded,
    transport: (_url, events) => open(mqtt, tree, events),
    device: { id: ids[1] ?? "" },
  };
}

/** Stands for the token of a device that its MQTT client has signed in. */
const unneeded = "-";

function open(mqtt: MqttClient, tree: string, events: TransportEvents): Transport {
  let open = true;
  /** What comes before the welcome is of a transport before this one. */
  let greeted = false;
  const heard = (topic: string, message: Uint8Array): void => {
    if (topic !== `${tree}/in`) return;
    const frame = parse(new TextDecoder().decode(message));
    if (frame === undefined) return;
    const { type, close, reason } = frame;
    greeted ||= type === "welcome" || type === "goodbye";
    if (typeof close === "number" && type === undefined) end(close, String(reason));
    else if (greeted) events.frame(frame);
  };
  const lost = (): void => end(1006, "");
  const begin = (): void => {
    mqtt.subscribe(`${tree}/in`, { qos: 1 }, (error) => {
      if (error) lost();
      else if (open) events.opened();
    });
  };
  const end = (code: number, reason: string): void => {
    if (!open) return;
    release();
    events.closed(code, reason);
  };
  const release = (): void => {
    open = false;
    mqtt.removeListener("message", heard);
    mqtt.removeListener("close", lost);
    mqtt.removeListener("connect", begin);
  };
  mqtt.on("message", heard);
  mqtt.on("close", lost);
  if (mqtt.connected) begin();
  else mqtt.on("connect", begin);
  const publish = (frame: object): void => {
    mqtt.publish(`${tree}/out`, JSON.stringify(frame), { qos: 1 });
  };
  return {
    send: (frame) => {
      if (!open) return;
      const { token, ...others } = frame as { token?: unknown };
      publish(token === unneeded ? others : frame);
    },
    close: (code) => {
      if (open && mqtt.connected) publish({ close: code });
      release();
    },
  };
}

function escapeId(id: string): string {
  return id.replace(/[%+#]/g, (one) => encodeURIComponent(one));
}
