import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import wrtc from "@roamhq/wrtc";
import { connectAsync } from "mqtt";
import { connect } from "../../src/client/index.ts";
import { overMqtt } from "../../src/client/mqtt.ts";
import { freePort } from "../support/free-port.ts";
import { hasNats, NatsServer } from "../support/nats-server.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { until } from "../support/until.ts";
import { camera, closeAll, device, frames } from "../webrtc/support/parties.ts";
import { hasMosquitto, Mosquitto } from "./support/mosquitto.ts";

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await closeAll();
  for (const close of open.splice(0).reverse()) await close();
});

async function broker(): Promise<Mosquitto> {
  const started = await Mosquitto.start();
  open.push(() => started.stop());
  return started;
}

/** A server that has joined the broker. */
async function joined(url: string, config: object = {}): Promise<RunningServer> {
  const server = await startServer({ config: { mqtt: { bridge: { url, trustTopics: true } }, ...config } });
  open.push(() => server.stop());
  await until(() => server.logs.some((line) => line.includes("MQTT broker joined")), 30_000);
  return server;
}

/** A device at the broker, as SDK over mqtt.js. Its Will is what tells the server that it is gone. */
async function atBroker(url: string, name: string) {
  const state = `sb/1/d/${name}/state`;
  const mqtt = await connectAsync(url, {
    clientId: name,
    reconnectPeriod: 100,
    will: { topic: state, payload: Buffer.from('{"s":"offline"}'), qos: 1, retain: true },
  });
  open.push(() => mqtt.endAsync(true));
  await mqtt.publishAsync(state, '{"s":"online"}', { qos: 1, retain: true });
  const client = connect({ ...overMqtt(mqtt, name), rtc: wrtc });
  open.push(() => client.close());
  return { mqtt, client };
}

test.skipIf(!hasMosquitto)(
  "a device at Mosquitto calls a page and is called; a call goes on while the broker is gone",
  async () => {
    const mosquitto = await broker();
    const server = await joined(mosquitto.url);
    const { client: cam } = await atBroker(mosquitto.url, "alice/cam");
    const page = device(server.url, "bob", "page");
    await Promise.all([cam.ready, page.ready]);

    const ring = cam.next("incoming").then(async (one) => one.accept({ media: await camera() }));
    const first = page.call("alice/cam", { media: await camera() });
    await Promise.all([first.connected, ring.then((call) => call.connected)]);
    await first.hangup();

    const answered = page.next("incoming").then(async (one) => one.accept({ media: await camera() }));
    const call = cam.call("bob", { media: await camera() });
    const theirs = await answered;
    await Promise.all([call.connected, theirs.connected]);
    await mosquitto.kill();
    await until(() => server.logs.some((line) => line.includes("MQTT broker lost")), 30_000);
    await Promise.all([frames(call.remote), frames(theirs.remote)]);
    expect([call.state, theirs.state]).toEqual(["connected", "connected"]);
    await mosquitto.start();
    await until(() => cam.state === "online", 30_000);
    await call.hangup("bye");
    expect(await theirs.ended).toMatchObject({ reason: "hangup", detail: "bye" });
  },
  90_000,
);

test.skipIf(!hasMosquitto)("the Will of a device takes it offline at once", async () => {
  const mosquitto = await broker();
  const server = await joined(mosquitto.url, { limits: { offlineAfter: 500 } });
  const { client: cam, mqtt } = await atBroker(mosquitto.url, "alice/cam");
  const page = device(server.url, "bob", "page");
  page.watch(["alice"]);
  await Promise.all([cam.ready, page.ready]);
  await until(() => page.presence.get("alice")?.online === true, 20_000);
  mqtt.options.reconnectPeriod = 0;
  mqtt.stream.destroy();
  await until(() => page.presence.get("alice")?.online === false, 20_000);
});

test.skipIf(!hasMosquitto)(
  "without trustTopics a hello needs a token, of the user of its topics",
  async () => {
    const mosquitto = await broker();
    const server = await startServer({ config: { mqtt: { bridge: { url: mosquitto.url } } } });
    open.push(() => server.stop());
    await until(() => server.logs.some((line) => line.includes("MQTT broker joined")), 30_000);
    const answers: Record<string, unknown>[] = [];
    const mqtt = await connectAsync(mosquitto.url);
    open.push(() => mqtt.endAsync(true));
    mqtt.on("message", (_, payload) => answers.push(JSON.parse(String(payload))));
    await mqtt.subscribeAsync("sb/1/d/alice/cam/in", { qos: 1 });
    const hello = { type: "hello", instance: "instance-1", attempt: 1 };
    for (const token of [undefined, "dev:bob", "dev:alice"]) {
      const seen = answers.length;
      hello.attempt += 1;
      mqtt.publish("sb/1/d/alice/cam/out", JSON.stringify({ ...hello, token }), { qos: 1 });
      await until(() => answers.length > seen, 20_000);
    }
    expect(answers).toMatchObject([{ close: 4306 }, { close: 4304 }, { type: "welcome", user: "alice" }]);
  },
);

test.skipIf(!hasMosquitto || !hasNats)(
  "two nodes share a broker: each device is held by one, and calls the other's",
  async () => {
    const mosquitto = await broker();
    const nats = await NatsServer.start();
    open.push(() => nats.stop());
    const nodes = [];
    for (const node of ["a", "b"])
      nodes.push(await joined(mosquitto.url, { node, nats: { url: [nats.url] }, ticketKey: "t".repeat(32) }));
    const devices = [];
    for (let n = 0; n < 4; n++) devices.push((await atBroker(mosquitto.url, `user${n}/cam`)).client);
    await Promise.all(devices.map((one) => one.ready));
    for (const [n, one] of devices.entries()) {
      const to = `user${(n + 1) % devices.length}`;
      const heard = (devices[(n + 1) % devices.length] as (typeof devices)[0]).next("message");
      expect(await one.send(to, n)).toMatchObject({ delivered: 1 });
      expect((await heard).body).toBe(n);
    }
    const opened = nodes.map(({ logs }) => logs.filter((line) => line.includes("link opened")).length);
    expect(opened.reduce((sum, count) => sum + count)).toBe(devices.length);
  },
  90_000,
);

test.skipIf(!hasNats)(
  "a device at nats-server is called by a page and calls it; a broker that was away is joined again",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "switchboard-nats-mqtt-"));
    open.push(async () => rmSync(folder, { recursive: true, force: true }));
    const port = await freePort();
    const file = join(folder, "nats.conf");
    writeFileSync(
      file,
      `server_name: broker
jetstream { store_dir: ${JSON.stringify(folder)} }
mqtt { host: 127.0.0.1, port: ${port} }
`,
    );
    const nats = await NatsServer.start("-c", file);
    open.push(() => nats.stop());
    const url = `mqtt://127.0.0.1:${port}`;
    // It has no shared subscriptions.
    const server = await startServer({
      config: { mqtt: { bridge: { url, trustTopics: true, share: "" } } },
    });
    open.push(() => server.stop());
    const joinedTimes = () => server.logs.filter((line) => line.includes("MQTT broker joined")).length;
    await until(() => joinedTimes() === 1, 30_000);
    const { client: cam } = await atBroker(url, "alice/cam");
    const page = device(server.url, "bob", "page");
    await Promise.all([cam.ready, page.ready]);

    const ring = cam.next("incoming").then(async (one) => one.accept({ media: await camera() }));
    const first = page.call("alice/cam", { media: await camera() });
    await Promise.all([first.connected, ring.then((call) => call.connected)]);
    await first.hangup();

    await nats.kill();
    await until(() => server.logs.some((line) => line.includes("MQTT broker lost")), 30_000);
    await nats.start();
    await until(() => joinedTimes() === 2 && cam.state === "online", 30_000);
    const heard = page.next("message");
    expect(await cam.send("bob", "again")).toMatchObject({ delivered: 1 });
    expect((await heard).body).toBe("again");
  },
  90_000,
);
