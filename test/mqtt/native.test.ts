import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import wrtc from "@roamhq/wrtc";
import { connectAsync, type IClientOptions, type MqttClient } from "mqtt";
import { type Client, connect } from "../../src/client/index.ts";
import { overMqtt } from "../../src/client/mqtt.ts";
import { findRuntime } from "../support/runtimes.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { until } from "../support/until.ts";
import { camera, closeAll, device, frames } from "../webrtc/support/parties.ts";
import { RawDevice } from "./support/raw-device.ts";

let server: RunningServer;
let url: string;
beforeAll(async () => {
  server = await startServer({ config: { limits: { unreachableAfter: 500 } } });
  url = `${server.url.replace("http", "ws")}/mqtt`;
});
afterAll(() => server.stop());
const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await closeAll();
  for (const close of open.splice(0)) await close();
});

async function dial(name: string, options: IClientOptions = {}): Promise<MqttClient> {
  const [user = ""] = name.split("/");
  const mqtt = await connectAsync(url, {
    ...{ username: name, clientId: name, password: `dev:${user}`, reconnectPeriod: 50 },
    ...options,
  });
  open.push(() => mqtt.endAsync(true));
  return mqtt;
}

/** The unmodified SDK over an unmodified mqtt.js. */
function overTopics(mqtt: MqttClient, name: string): Client {
  const client = connect({ ...overMqtt(mqtt, name), rtc: wrtc });
  open.push(() => client.close());
  return client;
}

for (const protocolVersion of [4, 5] as const)
  test(`a device over MQTT ${protocolVersion === 5 ? "5.0" : "3.1.1"} calls an SDK client and is called by it, and media flows`, async () => {
    const cam = overTopics(await dial("alice/cam", { protocolVersion }), "alice/cam");
    const page = device(server.url, "bob", "page");
    await Promise.all([cam.ready, page.ready]);
    expect(cam.self).toMatchObject({ user: "alice", device: "cam" });
    for (const [caller, callee, to] of [
      [cam, page, "bob"],
      [page, cam, "alice/cam"],
    ] as const) {
      const answered = callee.next("incoming").then(async (ring) => ring.accept({ media: await camera() }));
      const call = caller.call(to, { media: await camera() });
      const theirs = await answered;
      await Promise.all([call.connected, theirs.connected]);
      await Promise.all([frames(call.remote), frames(theirs.remote)]);
      await theirs.hangup("bye");
      expect(await call.ended).toMatchObject({ reason: "hangup", detail: "bye" });
    }
  });

test("a link that loses its MQTT connection goes on, and nothing is lost or doubled", async () => {
  const mqtt = await dial("alice/cam", { clean: false });
  const cam = overTopics(mqtt, "alice/cam");
  const page = device(server.url, "bob", "page");
  const [heardThere, heardHere]: [unknown[], unknown[]] = [[], []];
  page.on("message", ({ body }) => heardThere.push(body));
  cam.on("message", ({ body }) => heardHere.push(body));
  await Promise.all([cam.ready, page.ready]);
  const sent: Promise<unknown>[] = [];
  for (let n = 0; n < 60; n++) {
    sent.push(cam.send("bob", n), page.send("alice", n));
    // The socket dies with messages on their way in both directions.
    if (n % 20 === 10) mqtt.stream.destroy();
    if (n % 20 === 15) await until(() => mqtt.connected, 20_000);
  }
  await Promise.all(sent);
  await until(() => heardThere.length >= 60 && heardHere.length >= 60, 20_000);
  const all = Array.from({ length: 60 }, (_, n) => n);
  expect([heardThere, heardHere]).toEqual([all, all]);
});

test("a call outlives the loss of the MQTT connection", async () => {
  const mqtt = await dial("alice/cam");
  const cam = overTopics(mqtt, "alice/cam");
  const page = device(server.url, "bob", "page");
  await Promise.all([cam.ready, page.ready]);
  const answered = page.next("incoming").then(async (ring) => ring.accept({ media: await camera() }));
  const call = cam.call("bob", { media: await camera() });
  const theirs = await answered;
  await Promise.all([call.connected, theirs.connected]);
  mqtt.stream.destroy();
  await until(() => cam.state === "reconnecting", 20_000);
  await until(() => cam.state === "online", 20_000);
  await Promise.all([frames(call.remote), frames(theirs.remote)]);
  await call.hangup();
  expect(await theirs.ended).toMatchObject({ reason: "hangup" });
});

test("repeated packets of QoS 1 are performed once", async () => {
  const bob = await RawDevice.connect(url, "bob/b");
  const alice = await RawDevice.connect(url, "alice/cam");
  open.push(
    () => bob.mqtt.endAsync(true),
    () => alice.mqtt.endAsync(true),
  );
  await Promise.all([bob.hello(), alice.hello()]);
  const frame = JSON.stringify({ type: "send", to: "bob", body: "once", id: 1 });
  const out = `${alice.tree}/out`;
  for (const dup of [false, true, true]) await alice.mqtt.publishAsync(out, frame, { qos: 1, dup });
  await alice.mqtt.publishAsync(out, JSON.stringify({ type: "send", to: "bob", body: "then", id: 2 }), {
    qos: 2,
  });
  await bob.heard(({ body }) => body === "then");
  expect(bob.frames.filter(({ type }) => type === "message").map(({ body }) => body)).toEqual([
    "once",
    "then",
  ]);
});

test.skipIf(findRuntime("node") === undefined)(
  "a server on Node serves MQTT over TCP and WebSocket as one on Bun does",
  async () => {
    const node = await startServer({
      runtime: "node",
      config: { mqtt: { tcp: { enabled: true, port: 0 } } },
    });
    try {
      const line = node.logs.find((one) => one.includes("MQTT over TCP")) ?? "";
      const [tcp, ws] = [
        `mqtt://127.0.0.1:${/"port":(\d+)/.exec(line)?.[1]}`,
        `${node.url.replace("http", "ws")}/mqtt`,
      ];
      const ends = [
        await RawDevice.connect(tcp, "alice/cam", { protocolVersion: 5 }),
        await RawDevice.connect(ws, "bob/b"),
      ] as const;
      for (const one of ends) expect(await one.hello()).toMatchObject({ type: "welcome" });
      const body = "x".repeat(10_000);
      for (const [from, to, user] of [
        [ends[0], ends[1], "bob"],
        [ends[1], ends[0], "alice"],
      ] as const) {
        for (let n = 0; n < 20; n++)
          expect(await from.ask({ type: "send", to: user, body: n })).toHaveProperty("ok");
        await from.ask({ type: "send", to: user, body });
        await to.heard((frame) => frame.body === body);
        const bodies = to.frames.filter(({ type }) => type === "message").map((frame) => frame.body);
        expect(bodies).toEqual([...Array.from({ length: 20 }, (_, n) => n), body]);
      }
      for (const one of ends) await one.mqtt.endAsync(true);
    } finally {
      await node.stop();
    }
  },
);

test("a hello for another user or device is refused, and so are frames before a hello", async () => {
  const alice = await RawDevice.connect(url, "alice/cam");
  open.push(() => alice.mqtt.endAsync(true));
  alice.publish({ type: "send", to: "bob", body: 1, id: 1 });
  expect(await alice.hello({ device: { id: "other" } })).toMatchObject({ close: 4304 });
  expect(await alice.hello({ token: "dev:bob" })).toMatchObject({ close: 4304 });
  expect(await alice.hello({ token: "dev:alice" })).toMatchObject({ type: "welcome", device: "cam" });
  expect(alice.frames).toHaveLength(3);
});

test("DISCONNECT ends the link of a device", async () => {
  const watcher = device(server.url, "carol", "page");
  await watcher.ready;
  const online = () => watcher.presence.get("dora")?.online;
  watcher.watch(["dora"]);
  const dora = await RawDevice.connect(url, "dora/gate");
  await dora.hello();
  await until(() => online() === true, 20_000);
  await dora.mqtt.endAsync();
  await until(() => online() === false, 20_000);
});

test("a hello that comes again after the one that followed it changes nothing", async () => {
  const alice = await RawDevice.connect(url, "alice/late");
  open.push(() => alice.mqtt.endAsync(true));
  const first = { instance: "instance-1", attempt: 1 };
  await alice.hello(first);
  expect(await alice.hello({ instance: "instance-1", attempt: 2 })).toMatchObject({ type: "welcome" });
  // mqtt.js sends what was not acknowledged again, without DUP.
  alice.publish({ type: "hello", ...first });
  expect(await alice.ask({ type: "send", to: "alice/late", body: 1 })).toMatchObject({
    ok: { delivered: 1 },
  });
  expect(alice.frames.filter(({ close }) => close !== undefined)).toEqual([]);
});

test("the client at the beginning of docs/mqtt.md is called, and is 15 lines at most", async () => {
  const docs = readFileSync(new URL("../../docs/mqtt.md", import.meta.url), "utf8");
  const code = /```js\n([\s\S]*?)```/.exec(docs)?.[1] ?? "";
  expect(code.trim().split("\n").length).toBeLessThanOrEqual(15);
  const source = (path: string) => new URL(`../../src/client/${path}`, import.meta.url).href;
  const placed = code
    .replace('"@switchboard/client/mqtt"', `"${source("mqtt.ts")}"`)
    .replace('"@switchboard/client"', `"${source("index.ts")}"`)
    .replace(/from "(mqtt|@roamhq\/wrtc)"/g, (_, name) => `from "${import.meta.resolve(name)}"`)
    .replace("ws://localhost:8080/mqtt", url);
  const folder = mkdtempSync(join(tmpdir(), "switchboard-test-"));
  writeFileSync(join(folder, "device.mjs"), placed);
  const child = Bun.spawn([process.execPath, join(folder, "device.mjs")], { stderr: "inherit" });
  open.push(async () => {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  });
  const page = device(server.url, "bob", "page");
  await page.ready;
  let call = page.call("alice/cam", { media: await camera() });
  // The device may not be there yet.
  while (
    (await Promise.race([call.connected.then(() => "connected"), call.ended.then(() => "ended")])) === "ended"
  )
    call = page.call("alice/cam", { media: await camera() });
  expect(call.state).toBe("connected");
});

test("@switchboard/client/mqtt is 2 KB at most, minified and gzipped", async () => {
  const entry = new URL("../../src/client/mqtt.ts", import.meta.url).pathname;
  const { outputs } = await Bun.build({
    entrypoints: [entry],
    target: "browser",
    format: "esm",
    minify: true,
  });
  expect(gzipSync((await outputs[0]?.text()) ?? "").length).toBeLessThanOrEqual(2_048);
});
