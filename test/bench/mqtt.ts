// MQTT between pairs: messages a second at QoS 0 and 1, and memory of idle clients, of Switchboard, aedes and Mosquitto, over TCP.
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import * as packets from "mqtt-packet";
import { Framing } from "../../src/gateways/mqtt/framing.ts";
import { encodeText } from "../../src/gateways/mqtt/shell/plain-packets.ts";
import { hasMosquitto, Mosquitto } from "../mqtt/support/mosquitto.ts";
import { endWithUs } from "../support/end-with-us.ts";
import { freePort } from "../support/free-port.ts";
import { startServer } from "../support/server.ts";

export interface MqttSize {
  /** Pairs of clients that send each other messages. */
  readonly pairs: number;
  readonly seconds: number;
  /** Clients that do nothing, for the memory of each. */
  readonly idle: number;
  readonly runs: number;
}

/** Messages of one pair that are on their way at a time. */
const window = 32;
const body = "x".repeat(200);

interface Broker {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** A client of MQTT 3.1.1 that does nothing but what the load needs. */
class LoadClient {
  readonly #socket: Socket;
  readonly #framing = new Framing();
  heard = 0;
  onMessage = (): void => {};
  onAck = (): void => {};
  #first: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on(
      "data",
      (chunk: Buffer) => void this.#framing.push(chunk, 1_000_000, (packet) => this.#packet(packet)),
    );
    socket.on("error", () => {});
  }

  static async open(port: number, clientId: string, username: string): Promise<LoadClient> {
    const client = new LoadClient(createConnection(port, "127.0.0.1"));
    const [user = ""] = username.split("/");
    await client.#ask({
      ...{ cmd: "connect", protocolId: "MQTT", protocolVersion: 4, clean: true, keepalive: 600 },
      ...{ clientId, username, password: Buffer.from(`dev:${user}`) },
    });
    return client;
  }

  subscribe(topic: string, qos: 0 | 1): Promise<void> {
    return this.#ask({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic, qos }] });
  }

  publish(topic: string, id: number): void {
    this.#socket.write(encodeText(topic, body, id, 4));
  }

  end(): void {
    this.#socket.destroy();
  }

  #ask(packet: packets.Packet): Promise<void> {
    this.#socket.write(packets.generate(packet));
    return new Promise((resolve) => {
      this.#first = resolve;
    });
  }

  #packet(bytes: Uint8Array): boolean {
    const type = (bytes[0] ?? 0) >> 4;
    if (type === 3) {
      this.heard += 1;
      if (((bytes[0] ?? 0) & 6) !== 0) {
        const at = (bytes[1] ?? 0) < 128 ? 2 : 3;
        const end = at + 2 + (((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0));
        this.#socket.write(new Uint8Array([0x40, 2, bytes[end] ?? 0, bytes[end + 1] ?? 0]));
      }
      this.onMessage();
    } else if (type === 4) this.onAck();
    else {
      this.#first?.();
      this.#first = undefined;
    }
    return true;
  }
}

const aedesServer = fileURLToPath(new URL("aedes-server.mjs", import.meta.url));

const brokers: Readonly<Record<string, () => Promise<Broker>>> = {
  switchboard: async () => {
    const many = { requestsPerSecond: 1e8, requestsBurst: 1e8, bytesPerSecond: 2e9, bytesBurst: 2e9 };
    const server = await startServer({
      config: {
        mqtt: { tcp: { enabled: true, port: 0 }, limits: { ...many, connections: 100_000 } },
        limits: { connectsPerSecond: 1e6, connectsBurst: 1e6, linksPerAddress: 100_000 },
      },
    });
    const line = server.logs.find((one) => one.includes("MQTT over TCP")) ?? "";
    return { port: Number(/"port":(\d+)/.exec(line)?.[1]), pid: server.pid, stop: () => server.stop() };
  },
  aedes: async () => {
    const port = await freePort();
    const child = spawn("node", [aedesServer, String(port)], { stdio: ["ignore", "pipe", "inherit"] });
    endWithUs(child);
    await new Promise((resolve) => child.stdout?.once("data", resolve));
    return { port, pid: child.pid ?? 0, stop: () => ended(child) };
  },
  mosquitto: async () => {
    const broker = await Mosquitto.start("max_queued_messages 100000\nmax_inflight_messages 1000");
    return { port: broker.port, pid: broker.pid, stop: () => broker.stop() };
  },
};

function ended(child: ChildProcess): Promise<void> {
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGKILL");
  return gone;
}

/** Messages a second from one client of a device to another, all pairs together. */
async function relayed(port: number, qos: 0 | 1, { pairs, seconds }: MqttSize): Promise<number> {
  const all: LoadClient[] = [];
  for (let n = 0; n < pairs; n++) {
    const name = `user${n}/cam`;
    const topic = `sb/1/d/${name}/t`;
    const [from, to] = [
      await LoadClient.open(port, `${n}-a`, name),
      await LoadClient.open(port, `${n}-b`, name),
    ];
    await to.subscribe(topic, qos);
    let id = 0;
    const next = (): void => {
      id = (id % 65_535) + 1;
      from.publish(topic, qos === 0 ? 0 : id);
    };
    to.onMessage = next;
    all.push(from, to);
    for (let sent = 0; sent < window; sent++) next();
  }
  const heard = () => all.reduce((sum, one) => sum + one.heard, 0);
  await Bun.sleep(500);
  const [before, start] = [heard(), performance.now()];
  await Bun.sleep(seconds * 1_000);
  const rate = ((heard() - before) * 1_000) / (performance.now() - start);
  for (const one of all) one.end();
  await Bun.sleep(300);
  return rate;
}

/** KB of each idle client, with a subscription of its own. */
async function idleMemory({ port, pid }: Broker, idle: number): Promise<number> {
  const before = residentKb(pid);
  const all: LoadClient[] = [];
  for (let n = 0; n < idle; n++) {
    const one = await LoadClient.open(port, `i${n}`, `idle${n}/cam`);
    await one.subscribe(`sb/1/d/idle${n}/cam/in`, 1);
    all.push(one);
  }
  await Bun.sleep(1_000);
  const each = (residentKb(pid) - before) / idle;
  for (const one of all) one.end();
  return each;
}

function residentKb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

const median = (numbers: number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

/** Measures all brokers in turn, `runs` times, and answers a table of medians. Without Debian's mosquitto it leaves that out. */
export async function benchMqtt(size: MqttSize): Promise<string> {
  const figures = new Map<string, { qos0: number[]; qos1: number[]; idle: number[] }>();
  for (let run = 0; run < size.runs; run++)
    for (const [name, start] of Object.entries(brokers)) {
      if (name === "mosquitto" && !hasMosquitto) continue;
      const measured = figures.get(name) ?? { qos0: [], qos1: [], idle: [] };
      figures.set(name, measured);
      const fresh = await start();
      measured.idle.push(await idleMemory(fresh, size.idle));
      await fresh.stop();
      const broker = await start();
      measured.qos0.push(await relayed(broker.port, 0, size));
      measured.qos1.push(await relayed(broker.port, 1, size));
      await broker.stop();
    }
  const rows = [...figures].map(([name, { qos0, qos1, idle }]) => [
    name,
    Math.round(median(qos0)),
    Math.round(median(qos1)),
    median(idle).toFixed(1),
  ]);
  const head = ["| | QoS 0, messages/s | QoS 1, messages/s | KB per idle client |", "|---|---:|---:|---:|"];
  return [...head, ...rows.map((row) => `| ${row.join(" | ")} |`)].join("\n");
}
