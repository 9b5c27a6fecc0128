import wrtc from "@roamhq/wrtc";
import { connectAsync } from "mqtt";
import { connect } from "../../src/client/index.ts";
import { overMqtt } from "../../src/client/mqtt.ts";
import type { Wishes } from "./client.ts";
import type { End } from "./end.ts";
import { nodeEnd } from "./node-end.ts";

/** The SDK in this process, over mqtt.js at a broker. */
export async function mqttEnd(broker: string, { user, device = "mqtt", ...sends }: Wishes): Promise<End> {
  const name = `${user}/${device}`;
  const topic = `sb/1/d/${name}/state`;
  const mqtt = await connectAsync(broker, {
    clientId: name,
    will: { topic, payload: Buffer.from('{"s":"offline"}'), qos: 1, retain: true },
  });
  await mqtt.publishAsync(topic, '{"s":"online"}', { qos: 1, retain: true });
  const client = connect({ ...overMqtt(mqtt, name), rtc: wrtc });
  return await nodeEnd({ user, client, ...sends, after: () => mqtt.endAsync(true) });
}
