import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import mqtt, { connectAsync, type IClientOptions, type MqttClient } from "mqtt";
import { makeCertificate, temporaryFolder } from "../support/certificates.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { until } from "../support/until.ts";
import { connected } from "./support/connected.ts";
import { RawDevice } from "./support/raw-device.ts";

let server: RunningServer;
let url: string;
let port: number;
beforeAll(async () => {
  server = await startServer({
    config: {
      mqtt: {
        tcp: { enabled: true, port: 0 },
        limits: {
          sendBuffer: 200_000,
          failuresBurst: 500,
          bytesPerSecond: 100_000_000,
          bytesBurst: 100_000_000,
        },
      },
    },
  });
  const line = server.logs.find((one) => one.includes("MQTT over TCP")) ?? "";
  port = Number(/"port":(\d+)/.exec(line)?.[1]);
  url = `mqtt://127.0.0.1:${port}`;
});
afterAll(() => server.stop());
const open: { end(force: boolean): unknown }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.end(true);
});

interface Heard {
  topic: string;
  text: string;
  retain: boolean;
  properties: Record<string, unknown> | undefined;
}

async function client(name: string, options: IClientOptions = {}) {
  const [user = ""] = name.split("/");
  const one: MqttClient = mqtt.connect(url, {
    ...{ username: name, password: `dev:${user}`, protocolVersion: 5, reconnectPeriod: 0 },
    ...options,
  });
  open.push(one);
  const heard: Heard[] = [];
  // What waits for a session may come with CONNACK.
  one.on("message", (topic, payload, { retain, properties }) =>
    heard.push({ topic, text: String(payload), retain, properties: properties as Heard["properties"] }),
  );
  await connected(one);
  return { mqtt: one, heard };
}

/** Why a client is refused: the reason code. */
function refusal(options: IClientOptions): Promise<number | undefined> {
  return new Promise((resolve) => {
    const one = mqtt.connect(url, { protocolVersion: 5, reconnectPeriod: 0, ...options });
    open.push(one);
    one.on("connect", () => resolve(0));
    one.on("error", (error) => resolve((error as { code?: number }).code));
  });
}

const tree = "sb/1/d/alice/cam";

test("the clients of one device reach each other, at the QoS of the subscription, with the properties of 5.0", async () => {
  const [one, two] = [
    await client("alice/cam", { clientId: "a" }),
    await client("alice/cam", { clientId: "b" }),
  ];
  await two.mqtt.subscribeAsync(`${tree}/+/x`, { qos: 1, nl: true, rap: true, rh: 0 });
  const granted = await two.mqtt.subscribeAsync(`${tree}/#`, {
    qos: 2,
    properties: { subscriptionIdentifier: 9 },
  });
  expect(granted[0]?.qos).toBe(1);
  for (const qos of [0, 1, 2] as const)
    await one.mqtt.publishAsync(`${tree}/t/x`, `q${qos}`, {
      qos,
      properties: {
        responseTopic: `${tree}/r`,
        correlationData: Buffer.from("c"),
        userProperties: { k: "v" },
      },
    });
  await until(() => two.heard.length === 3, 20_000);
  expect(two.heard.map(({ text }) => text)).toEqual(["q0", "q1", "q2"]);
  expect(two.heard[1]?.properties).toMatchObject({
    responseTopic: `${tree}/r`,
    userProperties: { k: "v" },
    subscriptionIdentifier: 9,
  });
});

test("a device reaches its own tree alone", async () => {
  const alice = await client("alice/cam", { clientId: "a" });
  const bob = await client("bob/phone", { clientId: "a" });
  const filters = [
    "#",
    "+/+/+/+/+/+",
    "sb/1/d/+/+/out",
    "sb/1/d/bob/phone/in",
    "$SYS/#",
    "sb/1/d/alice/cam2/#",
  ];
  for (const filter of filters) {
    const codes: number[] = [];
    alice.mqtt.once(
      "packetreceive",
      (packet) => packet.cmd === "suback" && codes.push(...(packet.granted as number[])),
    );
    await alice.mqtt.subscribeAsync(filter, { qos: 1 }).catch(() => {});
    expect({ filter, codes }).toEqual({ filter, codes: [0x87] });
  }
  await bob.mqtt.subscribeAsync("sb/1/d/bob/phone/#", { qos: 1 });
  for (const topic of ["sb/1/d/bob/phone/in", "sb/1/d/bob/phone/out", `${tree}/in`, "$SYS/x"]) {
    const error = await alice.mqtt.publishAsync(topic, "x", { qos: 1 }).then(
      () => undefined,
      (reason: { code?: number }) => reason.code,
    );
    expect({ topic, error }).toEqual({ topic, error: 0x87 });
  }
  await bob.mqtt.publishAsync("sb/1/d/bob/phone/end", "end", { qos: 1 });
  await until(() => bob.heard.length > 0, 20_000);
  expect(bob.heard.map(({ text }) => text)).toEqual(["end"]);
});

test("wrong credentials, other ids, foreign Wills and unknown authentication are refused with their reason", async () => {
  const alice = { username: "alice/cam", password: "dev:alice" };
  const will = { topic: "sb/1/d/bob/phone/state", payload: Buffer.from("x"), qos: 1 as const };
  expect(await refusal({ ...alice, password: "dev:bob" })).toBe(0x86);
  expect(await refusal({ ...alice, password: "x.y.z" })).toBe(0x86);
  expect(await refusal({ username: "alice", password: "dev:alice", clientId: "" })).toBe(0x86);
  expect(await refusal({ ...alice, will })).toBe(0x87);
  expect(await refusal({ ...alice, properties: { authenticationMethod: "SCRAM" } })).toBe(0x8c);
  expect(await refusal({ ...alice, protocolVersion: 4, password: "no" })).toBe(4);
  expect(await refusal({ clientId: "alice/cam", username: "alice", password: "dev:alice" })).toBe(0);
});

test("a Will is published when the connection is lost, retained for who comes later, and not after DISCONNECT", async () => {
  const watch = await client("alice/cam", { clientId: "w" });
  await watch.mqtt.subscribeAsync(`${tree}/state`, { qos: 1 });
  const will = { topic: `${tree}/state`, payload: Buffer.from("offline"), qos: 1 as const, retain: true };
  const polite = await client("alice/cam", { clientId: "a", will });
  await polite.mqtt.publishAsync(`${tree}/state`, "online", { qos: 1, retain: true });
  await polite.mqtt.endAsync();
  const lost = await client("alice/cam", { clientId: "a", will });
  lost.mqtt.stream.destroy();
  await until(() => watch.heard.length === 2, 20_000);
  expect(watch.heard.map(({ text }) => text)).toEqual(["online", "offline"]);
  const late = await client("alice/cam", { clientId: "l" });
  await late.mqtt.subscribeAsync(`${tree}/#`, { qos: 1 });
  await until(() => late.heard.length === 1, 20_000);
  expect(late.heard[0]).toMatchObject({ text: "offline", retain: true });
});

test("a session is kept as long as asked for, and a second connection with its id takes it over", async () => {
  const kept = { clientId: "k", clean: false, properties: { sessionExpiryInterval: 60 } };
  const first = await client("alice/cam", kept);
  await first.mqtt.subscribeAsync(`${tree}/t`, { qos: 1 });
  const taken = new Promise<number | undefined>((resolve) =>
    first.mqtt.on("disconnect", ({ reasonCode }) => resolve(reasonCode)),
  );
  const second = await client("alice/cam", kept);
  expect(await taken).toBe(0x8e);
  second.mqtt.stream.destroy();
  await until(() => !second.mqtt.connected, 20_000);
  const other = await client("alice/cam", { clientId: "o" });
  await other.mqtt.publishAsync(`${tree}/t`, "while away", { qos: 1 });
  const third = await client("alice/cam", kept);
  await until(() => third.heard.length === 1, 20_000);
  expect(third.heard[0]?.text).toBe("while away");
});

test("the same client id is another session for another device", async () => {
  const alice = await client("alice/cam", { clientId: "same" });
  await client("bob/phone", { clientId: "same" });
  await alice.mqtt.publishAsync(`${tree}/t`, "x", { qos: 1 }).catch(() => {});
  expect(alice.mqtt.connected).toBe(true);
});

test("one more message than the client's receive maximum waits for an acknowledgement", async () => {
  const device = await RawDevice.connect(url, "alice/slow", {
    protocolVersion: 5,
    properties: { receiveMaximum: 2 },
  });
  open.push(device.mqtt);
  await device.hello();
  for (let n = 0; n < 20; n++) device.publish({ type: "send", to: "alice/slow", body: n, id: n + 1 });
  await device.heard(({ body }) => body === 19);
  expect(device.frames.filter(({ type }) => type === "message").map(({ body }) => body)).toEqual(
    Array.from({ length: 20 }, (_, n) => n),
  );
});

/** What the server does to a connection that sends these bytes. */
function sent(...packets: Uint8Array[]): Promise<{ readonly bytes: Buffer; readonly socket: Socket }> {
  return new Promise((resolve) => {
    const socket = createConnection(port, "127.0.0.1");
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("error", () => {}).on("close", () => resolve({ bytes: Buffer.concat(chunks), socket }));
    for (const packet of packets) socket.write(packet);
  });
}

/** CONNECT of 5.0 as alice/cam. */
function connectPacket(clientId: string): Buffer {
  const text = (one: string) => Buffer.concat([Buffer.from([0, one.length]), Buffer.from(one)]);
  const body = Buffer.concat([
    ...[text("MQTT"), Buffer.from([5, 0xc2, 0, 60, 0])],
    ...[text(clientId), text("alice/cam"), text("dev:alice")],
  ]);
  return Buffer.concat([Buffer.from([0x10, body.length]), body]);
}

test("malformed packets end their connection with a reason code, and nobody else's", async () => {
  const innocent = await client("bob/phone", { clientId: "i" });
  const connect = connectPacket("m");
  const publish = (topic: string, flags = 0x30) =>
    Buffer.concat([
      Buffer.from([flags, topic.length + 3 + (flags & 6 ? 2 : 0), 0, topic.length]),
      Buffer.from(topic),
      Buffer.from(flags & 6 ? [0, 7, 0] : [0]),
    ]);
  const cases: [string, number | undefined, ...Buffer[]][] = [
    ["no CONNECT first", undefined, Buffer.from([0xc0, 0])],
    ["nonsense", undefined, Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    ["a length of five bytes", 0x81, connect, Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 1])],
    ["a packet too large", 0x95, connect, Buffer.from([0x30, 0xff, 0xff, 0x7f])],
    ["type 0", 0x81, connect, Buffer.from([0x00, 0])],
    ["QoS 3", 0x81, connect, publish(`${tree}/t`, 0x36)],
    ["a wildcard in a topic name", 0x90, connect, publish(`${tree}/#`)],
    ["a second CONNECT", 0x82, connect, connect],
    [
      "a topic alias",
      0x94,
      connect,
      Buffer.concat([
        Buffer.from([0x30, 2 + tree.length + 2 + 4, 0, tree.length + 2]),
        Buffer.from(`${tree}/t`),
        Buffer.from([3, 0x23, 0, 1]),
      ]),
    ],
    ["SUBSCRIBE without filters", 0x82, connect, Buffer.from([0x82, 3, 0, 1, 0])],
    ["a server's packet", 0x82, connect, Buffer.from([0xd0, 0])],
  ];
  for (const [name, reason, ...packets] of cases) {
    const { bytes } = await sent(...packets);
    const at = bytes.lastIndexOf(0xe0);
    expect({ name, reason: at < 0 ? undefined : bytes[at + 2] }).toEqual({ name, reason });
  }
  await innocent.mqtt.subscribeAsync("sb/1/d/bob/phone/t", { qos: 1 });
  await innocent.mqtt.publishAsync("sb/1/d/bob/phone/t", "alive", { qos: 1 });
  await until(() => innocent.heard.length === 1, 20_000);
});

test("subscriptions, sessions and unfinished messages have bounds", async () => {
  const one = await client("carol/x", { clientId: "a" });
  const codes: number[] = [];
  one.mqtt.on(
    "packetreceive",
    (packet) => packet.cmd === "suback" && codes.push(...(packet.granted as number[])),
  );
  const filters = Object.fromEntries(
    Array.from({ length: 40 }, (_, n) => [`sb/1/d/carol/x/${n}`, { qos: 1 as const }]),
  );
  await one.mqtt.subscribeAsync(filters).catch(() => {});
  expect(codes.filter((code) => code === 1)).toHaveLength(32);
  expect(codes.filter((code) => code === 0x97)).toHaveLength(8);
  const answers: (number | undefined)[] = [];
  for (let n = 0; n < 10; n++)
    answers.push(await refusal({ username: "carol/x", password: "dev:carol", clientId: `more${n}` }));
  expect(answers).toEqual([0, 0, 0, 0, 0, 0, 0, 0x97, 0x97, 0x97]);
});

test("a client that doesn't read is closed, and others hear as before", async () => {
  const slow = createConnection(port, "127.0.0.1");
  let closed = false;
  slow
    .on("error", () => {})
    .on("close", () => {
      closed = true;
    });
  slow.pause();
  slow.write(connectPacket("s"));
  const filter = `${tree}/#`;
  slow.write(
    Buffer.concat([
      Buffer.from([0x82, 6 + filter.length, 0, 1, 0, 0, filter.length]),
      Buffer.from(filter),
      Buffer.from([0]),
    ]),
  );
  const [one, two] = [
    await client("alice/cam", { clientId: "p" }),
    await client("alice/cam", { clientId: "q" }),
  ];
  await two.mqtt.subscribeAsync(`${tree}/t`, { qos: 0 });
  const large = Buffer.alloc(60_000, "x");
  let count = 0;
  while (!closed && count < 400) {
    await one.mqtt.publishAsync(`${tree}/t`, large, { qos: 1 });
    count += 1;
  }
  await until(() => two.heard.length === count, 20_000);
  slow.resume();
  await until(() => closed, 20_000);
}, 60_000);

test("over TLS a client certificate signs its device in, and no other", async () => {
  const folder = temporaryFolder();
  const pair = makeCertificate(folder, "localhost");
  const alice = makeCertificate(folder, "alice_cam");
  // A self-signed certificate is its own authority.
  const secure = await startServer({
    config: {
      tls: { cert: pair.cert, key: pair.key },
      mqtt: { tls: { enabled: true, port: 0, clientCa: alice.cert } },
    },
  });
  try {
    const line = secure.logs.find((one) => one.includes("MQTT over TLS")) ?? "";
    const options: IClientOptions = {
      ...{ rejectUnauthorized: false, protocolVersion: 5, reconnectPeriod: 0, clientId: "cam" },
      ...{ port: Number(/"port":(\d+)/.exec(line)?.[1]), host: "127.0.0.1", protocol: "mqtts" },
    };
    const proven = await connectAsync({
      ...options,
      cert: readFileSync(alice.cert),
      key: readFileSync(alice.key),
    });
    const codes: number[] = [];
    proven.on(
      "packetreceive",
      (packet) => packet.cmd === "suback" && codes.push(...(packet.granted as number[])),
    );
    await proven.subscribeAsync(["sb/1/d/alice_cam/cam/in", "sb/1/d/alice/cam/in"]).catch(() => {});
    expect(codes).toEqual([0, 0x87]);
    await proven.endAsync();
    await expect(connectAsync(options)).rejects.toThrow();
    const password = await connectAsync({ ...options, username: "bob/cam", password: "dev:bob" });
    await password.endAsync();
  } finally {
    await secure.stop();
  }
}, 60_000);
