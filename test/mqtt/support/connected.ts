import type { MqttClient } from "mqtt";

/** Resolves once the client has connected. Rejects where it is refused. */
export function connected(client: MqttClient): Promise<void> {
  return new Promise((resolve, reject) => {
    client.once("connect", () => resolve());
    client.once("error", reject);
  });
}
