import { createConnection, type Socket } from "node:net";
import * as packets from "mqtt-packet";
import { Framing } from "../../src/gateways/mqtt/framing.ts";
import { encodeText, readPlain } from "../../src/gateways/mqtt/shell/plain-packets.ts";

const decoder = new TextDecoder();
const answer = { type: "answer", sdp: "v=0\r\n" };

/** A native device over MQTT for load, which answers every ring, and the offer in it, at once. */
export class MqttDevice {
  readonly #socket: Socket;
  readonly #tree: string;
  readonly #framing = new Framing();
  #id = 0;
  #seq = 0;
  #acknowledged = 0;
  #greeted: () => void = () => {};

  private constructor(socket: Socket, user: string) {
    this.#socket = socket;
    this.#tree = `sb/1/d/${user}/cam`;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => {
      this.#framing.push(chunk, 1_000_000, (packet) => this.#packet(packet));
      if (this.#seq - this.#acknowledged < 16) return;
      this.#acknowledged = this.#seq;
      this.#publish({ type: "ack", seq: this.#seq });
    });
  }

  /** Connects and says hello, in development mode; resolves with the welcome. */
  static connect(port: number, user: string): Promise<MqttDevice> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(port, "127.0.0.1", () => {
        const device = new MqttDevice(socket, user);
        device.#greeted = () => resolve(device);
        device.#greet(user);
      });
      socket.once("error", reject);
    });
  }

  #greet(user: string): void {
    const login = { clientId: `${user}-cam`, username: `${user}/cam`, password: Buffer.from(`dev:${user}`) };
    const version = { protocolId: "MQTT", protocolVersion: 4, clean: true, keepalive: 600 } as const;
    this.#socket.write(packets.generate({ cmd: "connect", ...version, ...login }));
    const subscriptions = [{ topic: `${this.#tree}/in`, qos: 0 as const }];
    this.#socket.write(packets.generate({ cmd: "subscribe", messageId: 1, subscriptions }));
    this.#publish({ type: "hello", instance: crypto.randomUUID(), attempt: 1 });
  }

  #publish(frame: object): void {
    this.#socket.write(encodeText(`${this.#tree}/out`, JSON.stringify(frame), 0, 4));
  }

  #ask(type: string, fields: object): void {
    this.#id += 1;
    this.#publish({ id: this.#id, type, ...fields });
  }

  #packet(bytes: Uint8Array): boolean {
    const packet = readPlain(bytes, 4);
    if (packet?.type !== "publish") return true;
    const frame = JSON.parse(decoder.decode(packet.payload));
    if (frame.seq !== undefined) this.#seq = frame.seq;
    const { type, session } = frame;
    if (type === "welcome") this.#greeted();
    else if (type === "ping") this.#publish({ type: "pong" });
    else if (type === "incoming") this.#ask("accept", { session, description: answer });
    return true;
  }
}
