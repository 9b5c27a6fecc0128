import { connectAsync, type IClientOptions, type MqttClient } from "mqtt";
import { until } from "../../support/until.ts";

export type Frame = Record<string, unknown>;

/** A device that speaks the native protocol over MQTT by hand. */
export class RawDevice {
  readonly mqtt: MqttClient;
  readonly tree: string;
  readonly frames: Frame[] = [];
  readonly #instance = crypto.randomUUID();
  #attempt = 0;
  #id = 0;

  private constructor(mqtt: MqttClient, tree: string) {
    this.mqtt = mqtt;
    this.tree = tree;
    mqtt.on("message", (topic, payload) => {
      if (topic !== `${tree}/in`) return;
      const frame = JSON.parse(String(payload)) as Frame;
      this.frames.push(frame);
      if (frame.type === "ping") this.publish({ type: "pong" });
    });
  }

  static async connect(url: string, name: string, options: IClientOptions = {}): Promise<RawDevice> {
    const [user = ""] = name.split("/");
    const mqtt = await connectAsync(url, {
      username: name,
      password: `dev:${user}`,
      clientId: name,
      reconnectPeriod: 0,
      ...options,
    });
    const device = new RawDevice(mqtt, `sb/1/d/${name}`);
    await mqtt.subscribeAsync(`${device.tree}/in`, { qos: 1 });
    return device;
  }

  publish(frame: Frame, qos: 0 | 1 | 2 = 1): void {
    this.mqtt.publish(`${this.tree}/out`, JSON.stringify(frame), { qos });
  }

  async hello(fields: Frame = {}): Promise<Frame> {
    const seen = this.frames.length;
    this.publish({ type: "hello", instance: this.#instance, attempt: ++this.#attempt, ...fields });
    return await this.heard(({ type, close }) => type === "welcome" || close !== undefined, seen);
  }

  /** Sends a request, and resolves with its reply. */
  async ask(request: Frame): Promise<Frame> {
    const id = ++this.#id;
    this.publish({ ...request, id });
    return await this.heard((frame) => frame.re === id);
  }

  /** Resolves with the first frame from `from` on that is so. */
  async heard(is: (frame: Frame) => boolean, from = 0): Promise<Frame> {
    await until(() => this.frames.slice(from).some(is), 20_000);
    return this.frames.slice(from).find(is) ?? {};
  }
}
