// One script against Mosquitto and against Switchboard: what differs is listed here and in docs/mqtt.md, and nothing else may.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import mqtt, { type IClientOptions } from "mqtt";
import { type RunningServer, startServer } from "../support/server.ts";
import { until } from "../support/until.ts";
import { connected } from "./support/connected.ts";
import { hasMosquitto, hasMosquittoClients, Mosquitto } from "./support/mosquitto.ts";

const tree = "sb/1/d/alice/cam";
const login = { username: "alice/cam", password: "dev:alice" };
/** The first Python that has Paho: the one that comes first in PATH may be another than Debian's, which has its packages. */
const pahoPython = ["python3", "/usr/bin/python3"].find(
  (python) => spawnSync(python, ["-c", "import paho.mqtt.client"]).status === 0,
);

let mosquitto: Mosquitto;
let server: RunningServer;
let ports: Readonly<Record<"mosquitto" | "switchboard", number>>;
beforeAll(async () => {
  if (!hasMosquitto) return;
  mosquitto = await Mosquitto.start();
  server = await startServer({
    config: { mqtt: { tcp: { enabled: true, port: 0 }, limits: { sessionsPerDevice: 100 } } },
  });
  const line = server.logs.find((one) => one.includes("MQTT over TCP")) ?? "";
  ports = { mosquitto: mosquitto.port, switchboard: Number(/"port":(\d+)/.exec(line)?.[1]) };
});
afterAll(async () => {
  await server?.stop();
  await mosquitto?.stop();
});

type Step = (port: number, name: string) => Promise<unknown>;

async function client(port: number, clientId: string, options: IClientOptions = {}) {
  const one = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
    ...{ ...login, clientId, protocolVersion: 5, reconnectPeriod: 0 },
    ...options,
  });
  const heard: { text: string; qos: number; retain: boolean; topic: string }[] = [];
  // What waits for a session may come with CONNACK.
  one.on("message", (topic, payload, { qos, retain }) =>
    heard.push({ topic, text: String(payload), qos, retain }),
  );
  await connected(one);
  return { mqtt: one, heard };
}

/** Runs a program to its end without blocking this process. */
function run(
  program: string,
  args: readonly string[],
  input = "",
): Promise<{ status: number | null; out: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
    let out = "";
    child.stdout.on("data", (chunk) => {
      out += chunk;
    });
    child.stdin.end(input);
    child.once("close", (status) => resolve({ status, out: out.trim() }));
  });
}

const mosquittoArgs = (port: number): string[] => [
  "-h",
  "127.0.0.1",
  "-p",
  String(port),
  "-u",
  login.username,
  "-P",
  login.password,
];

/** Granted QoS of one filter. */
async function granted(port: number, filter: string, version: 4 | 5): Promise<unknown> {
  const { mqtt } = await client(port, "s", { protocolVersion: version });
  let codes: unknown;
  mqtt.on("packetreceive", (packet) => {
    if (packet.cmd === "suback") codes = packet.granted;
  });
  await mqtt.subscribeAsync(filter, { qos: 2 }).catch(() => {});
  await mqtt.endAsync(true);
  return codes;
}

const steps: Readonly<Record<string, Step>> = {
  ...Object.fromEntries(
    ([4, 5] as const).flatMap((protocolVersion) =>
      ([0, 1, 2] as const).map((qos): [string, Step] => [
        `QoS ${qos} over ${protocolVersion}`,
        async (port) => {
          const from = await client(port, "a", { protocolVersion });
          const to = await client(port, "b", { protocolVersion });
          await to.mqtt.subscribeAsync(`${tree}/+`, { qos: 1 });
          for (let n = 0; n < 5; n++) await from.mqtt.publishAsync(`${tree}/t`, String(n), { qos });
          await until(() => to.heard.length === 5, 20_000);
          await Promise.all([from.mqtt.endAsync(), to.mqtt.endAsync()]);
          return to.heard;
        },
      ]),
    ),
  ),
  "retained, and forgotten": async (port) => {
    const one = await client(port, "a");
    await one.mqtt.publishAsync(`${tree}/state`, "on", { qos: 1, retain: true });
    const two = await client(port, "b");
    await two.mqtt.subscribeAsync(`${tree}/state`, { qos: 1 });
    await until(() => two.heard.length === 1, 20_000);
    await one.mqtt.publishAsync(`${tree}/state`, "", { qos: 1, retain: true });
    await until(() => two.heard.length === 2, 20_000);
    const three = await client(port, "c");
    await three.mqtt.subscribeAsync(`${tree}/#`, { qos: 1 });
    await three.mqtt.publishAsync(`${tree}/end`, "end", { qos: 1 });
    await until(() => three.heard.length > 0, 20_000);
    await Promise.all([one.mqtt.endAsync(), two.mqtt.endAsync(), three.mqtt.endAsync()]);
    return [two.heard, three.heard];
  },
  "No Local": async (port) => {
    const one = await client(port, "a");
    await one.mqtt.subscribeAsync(`${tree}/t`, { qos: 1, nl: true });
    await one.mqtt.subscribeAsync(`${tree}/u`, { qos: 1 });
    await one.mqtt.publishAsync(`${tree}/t`, "t", { qos: 1 });
    await one.mqtt.publishAsync(`${tree}/u`, "u", { qos: 1 });
    await until(() => one.heard.length > 0, 20_000);
    await one.mqtt.endAsync();
    return one.heard;
  },
  Will: async (port) => {
    const watch = await client(port, "w");
    await watch.mqtt.subscribeAsync(`${tree}/state`, { qos: 1 });
    const will = { topic: `${tree}/state`, payload: Buffer.from("gone"), qos: 1 as const };
    const polite = await client(port, "a", { will });
    await polite.mqtt.endAsync();
    const lost = await client(port, "a", { will });
    lost.mqtt.stream.destroy();
    await until(() => watch.heard.length > 0, 20_000);
    await watch.mqtt.endAsync();
    return watch.heard;
  },
  "a session goes on": async (port) => {
    const kept = { clean: false, properties: { sessionExpiryInterval: 60 } };
    const one = await client(port, "k", kept);
    await one.mqtt.subscribeAsync(`${tree}/t`, { qos: 1 });
    await one.mqtt.endAsync(true);
    const other = await client(port, "o");
    await other.mqtt.publishAsync(`${tree}/t`, "kept", { qos: 1 });
    const again = await client(port, "k", kept);
    await until(() => again.heard.length === 1, 20_000);
    await again.mqtt.endAsync(false, { properties: { sessionExpiryInterval: 0 } });
    await other.mqtt.endAsync();
    return again.heard;
  },
  "takeover tells why": async (port) => {
    const one = await client(port, "same");
    const why = new Promise((resolve) => {
      one.mqtt.on("disconnect", ({ reasonCode }) => resolve(reasonCode));
      one.mqtt.on("close", () => resolve("closed"));
    });
    const two = await client(port, "same");
    const reason = await why;
    await two.mqtt.endAsync();
    return reason;
  },
  "an assigned client id": async (port) => {
    const { mqtt } = await client(port, "");
    const assigned = typeof mqtt.options.clientId;
    await mqtt.endAsync();
    return assigned;
  },
  "SUBACK of QoS 2": (port) => granted(port, `${tree}/t`, 5),
  "SUBACK of a foreign topic": (port) => granted(port, "sb/1/d/bob/phone/in", 5),
  "SUBACK of a foreign topic, 3.1.1": (port) => granted(port, "sb/1/d/bob/phone/in", 4),
  "SUBACK of a shared subscription": (port) => granted(port, `$share/g/${tree}/t`, 5),
  "UNSUBACK of what was not subscribed": async (port) => {
    const { mqtt } = await client(port, "u");
    let codes: unknown;
    mqtt.on("packetreceive", (packet) => {
      if (packet.cmd === "unsuback") codes = packet.granted;
    });
    await mqtt.unsubscribeAsync(`${tree}/t`).catch(() => {});
    await mqtt.endAsync();
    return codes;
  },
};

const tools: Readonly<Record<string, Step>> = {
  ...Object.fromEntries(
    ["mqttv311", "5"].map((version): [string, Step] => [
      `mosquitto_sub and mosquitto_pub over ${version}`,
      async (port) => {
        const common = [...mosquittoArgs(port), "-V", version, "-q", "1", "-t", `${tree}/t`];
        const heard = run("mosquitto_sub", [...common, "-i", "sub", "-C", "1", "-W", "20", "-F", "%t %q %p"]);
        let done = false;
        void heard.then(() => {
          done = true;
        });
        // It doesn't say when it has subscribed.
        while (!done) await run("mosquitto_pub", [...common, "-i", "pub", "-m", "hi"]);
        return await heard;
      },
    ]),
  ),
  "mosquitto_rr asks, and is answered": async (port) => {
    const answering = await client(port, "r");
    await answering.mqtt.subscribeAsync(`${tree}/ask`, { qos: 1 });
    answering.mqtt.on("message", (_topic, payload, { properties }) => {
      const { responseTopic = "", correlationData } = properties ?? {};
      answering.mqtt.publish(responseTopic, `${payload}!`, {
        qos: 1,
        ...(correlationData && { properties: { correlationData } }),
      });
    });
    const asked = await run("mosquitto_rr", [
      ...[...mosquittoArgs(port), "-V", "5", "-i", "rr", "-q", "1", "-W", "20"],
      ...["-t", `${tree}/ask`, "-e", `${tree}/answer`, "-m", "hi"],
    ]);
    await answering.mqtt.endAsync();
    return asked;
  },
};

const pahoProgram = `
import sys, paho.mqtt.client as mqtt
heard = []
def on_connect(client, *rest): client.subscribe("${tree}/#", 2)
def on_subscribe(client, userdata, mid, granted, *rest):
    for qos in (0, 1, 2): client.publish("${tree}/t", "q%d" % qos, qos)
def on_message(client, userdata, message):
    heard.append(message.payload.decode())
    if len(heard) == 3: print(sorted(heard)); client.disconnect()
version = mqtt.MQTTv5 if sys.argv[2] == "5" else mqtt.MQTTv311
client = mqtt.Client("paho", protocol=version)
client.username_pw_set("alice/cam", "dev:alice")
client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
client.connect("127.0.0.1", int(sys.argv[1]))
client.loop_forever()
`;
const paho: Readonly<Record<string, Step>> = Object.fromEntries(
  ["4", "5"].map((version): [string, Step] => [
    `Paho Python over ${version}`,
    (port) => run(pahoPython ?? "python3", ["-", String(port), version], pahoProgram),
  ]),
);

/** Debian's programs of Paho C: one hears what the other says. */
const hasPahoC = spawnSync("paho_c_pub", []).error === undefined;
const pahoC: Readonly<Record<string, Step>> = Object.fromEntries(
  ["311", "5"].map((version): [string, Step] => [
    `Paho C over ${version}`,
    async (port) => {
      const common = ["-h", "127.0.0.1", "-p", String(port), "-u", login.username, "-P", login.password];
      const topic = ["-V", version, "-t", `${tree}/t`];
      const subscriber = spawn("paho_c_sub", [...common, ...topic, "-i", "sub", "-q", "2"]);
      let heard = "";
      subscriber.stdout.on("data", (chunk) => {
        heard += chunk;
      });
      const ended = once(subscriber, "close");
      // It doesn't say when it has subscribed.
      const publish = [...common, ...topic, "-i", "pub", "-q", "2", "-m", "hi"];
      while (!heard.includes("\n")) {
        const { status, out } = await run("paho_c_pub", publish);
        if (status !== 0) throw new Error(out);
      }
      subscriber.kill("SIGINT");
      const [status] = await ended;
      return { status, heard: heard.split("\n")[0] };
    },
  ]),
);

/** What Switchboard answers where it differs from Mosquitto. Each stands in docs/mqtt.md with its reason. */
const differences: Readonly<Record<string, unknown>> = {
  "SUBACK of QoS 2": [1],
  "SUBACK of a foreign topic": [0x87],
  "SUBACK of a foreign topic, 3.1.1": [0x80],
  "SUBACK of a shared subscription": [0x9e],
  "takeover tells why": 0x8e,
};

for (const [group, isThere] of [
  [steps, true],
  [tools, hasMosquittoClients],
  [paho, pahoPython !== undefined],
  [pahoC, hasPahoC],
] as const)
  for (const [name, step] of Object.entries(group))
    test.skipIf(!hasMosquitto || !isThere)(name, async () => {
      const reference = await step(ports.mosquitto, name);
      const ours = await step(ports.switchboard, name);
      if (name in differences) expect(reference).not.toEqual(differences[name]);
      expect(ours).toEqual(name in differences ? differences[name] : reference);
    });
