import { expect, test } from "bun:test";
import * as packets from "mqtt-packet";
import { Cameras } from "../../src/gateways/mqtt/cameras/cameras.ts";
import { Endpoint } from "../../src/gateways/mqtt/endpoint.ts";
import { Framing } from "../../src/gateways/mqtt/framing.ts";
import type { ServerPacket, Version } from "../../src/gateways/mqtt/packets.ts";
import { defaultMqttLimits } from "../../src/gateways/mqtt/settings.ts";
import { encodePacket, PacketReader, readText } from "../../src/gateways/mqtt/shell/codec.ts";
import { encodeText } from "../../src/gateways/mqtt/shell/plain-packets.ts";
import { Deadlines } from "../../src/shared/deadlines.ts";
import { ok } from "../../src/shared/result.ts";
import type { Identity } from "../../src/signaling/ports.ts";
import { SimCore } from "../support/sim-core.ts";
import type { Random } from "./random.ts";
import { chance, fuzzRounds, rounds } from "./target.ts";

const count = fuzzRounds(2_000);
const tree = "sb/1/d/alice/cam";
const topics = [
  `${tree}/out`,
  `${tree}/in`,
  `${tree}/state`,
  `${tree}/t`,
  "sb/1/d/bob/x/in",
  "#",
  "$SYS/a",
  "",
  `${tree}/#`,
  `${tree}/+`,
];
const hello = '{"type":"hello","instance":"instance-1","attempt":1}';
const texts = [
  ...[hello, hello, hello],
  '{"type":"hello"}',
  '{"close":1000}',
  '{"id":1}',
  "{",
  "\u0000",
  '{"close":"x"}',
  "",
];

/** A packet as a client may send it, or nearly so. */
function packet(random: Random, version: Version): Uint8Array {
  const id = random.pick([1, 2, 3, 65_535]);
  const qos = random.pick([0, 1, 2] as const);
  // Most packets are such that the connection goes on.
  const topic = random.chance(0.9) ? random.pick([`${tree}/out`, `${tree}/t`]) : random.pick(topics) || "x";
  const properties =
    version === 5 && random.chance(0.1)
      ? {
          properties: random.pick([
            {},
            { topicAlias: 1 },
            { messageExpiryInterval: 1 },
            { subscriptionIdentifier: 1 },
          ]),
        }
      : {};
  const made: packets.Packet = random.pick<() => packets.Packet>([
    () => ({
      cmd: "publish",
      topic,
      payload: random.pick(texts),
      qos,
      dup: qos > 0 && random.chance(0.2),
      retain: random.chance(0.3),
      ...(qos > 0 && { messageId: id }),
      ...properties,
    }),
    () => ({
      cmd: "subscribe",
      messageId: id,
      subscriptions: [
        {
          topic: random.chance(0.5) ? `${tree}/in` : random.pick(topics) || "x",
          qos,
          nl: random.chance(0.2),
          rap: random.chance(0.2),
          rh: random.int(0, 2),
        },
      ],
    }),
    () => ({ cmd: "unsubscribe", messageId: id, unsubscriptions: [topic] }),
    () => ({ cmd: random.pick(["puback", "pubrec", "pubrel", "pubcomp"] as const), messageId: id }),
    () =>
      random.chance(0.7)
        ? { cmd: "pingreq" }
        : { cmd: "disconnect", ...(version === 5 && { reasonCode: random.pick([0, 4]) }) },
  ])();
  try {
    return new Uint8Array(packets.generate(made, { protocolVersion: version }));
  } catch {
    return new Uint8Array([0xc0, 0]);
  }
}

function connectPacket(random: Random, version: Version): Uint8Array {
  const will = random.chance(0.4)
    ? { topic: random.pick(topics) || "x", payload: "gone", qos: 1 as const, retain: random.chance(0.5) }
    : undefined;
  try {
    return new Uint8Array(
      packets.generate({
        ...{
          cmd: "connect",
          protocolId: "MQTT",
          protocolVersion: version,
          clean: random.chance(0.5),
          keepalive: random.pick([0, 1, 60]),
        },
        ...{
          clientId: random.pick(["a", "b", "alice/cam"]),
          username: random.chance(0.7) ? "alice/cam" : random.pick(["alice", "bob/x"]),
        },
        ...{ password: Buffer.from(random.chance(0.8) ? "good" : "bad") },
        ...(will && { will }),
        ...(version === 5 && {
          properties: {
            sessionExpiryInterval: random.pick([0, 5, 4_294_967_295]),
            receiveMaximum: random.pick([1, 2, 100]),
          },
        }),
      } as packets.IConnectPacket),
    );
  } catch {
    return new Uint8Array([0x10, 0]);
  }
}

function broken(random: Random, bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  for (let times = random.int(1, 3); times > 0 && copy.length > 0; times--)
    copy[random.int(0, copy.length - 1)] = random.int(0, 255);
  return random.chance(0.2) ? copy.subarray(0, random.int(0, copy.length)) : copy;
}

test("nothing that clients send makes the endpoint throw, or grow", () => {
  const random = chance();
  let now = 1_000_000;
  let open = 0;
  let opened = 0;
  const deadlines = new Deadlines();
  const identity: Identity = { user: "alice", grants: {}, expires: now * 1_000, issuedAt: 0 };
  const endpoint = new Endpoint(
    { ...defaultMqttLimits, failuresBurst: 1_000_000 },
    {
      deadlines,
      now: () => now,
      random: () => `r${random.int(0, 99)}`,
      stale: () => false,
      draining: () => false,
      guarded: (work) => work(),
      identify: () => undefined,
      verify: (token, done) => {
        if (token === "good") done(ok(identity), now);
        else
          done({ ok: false, error: { code: "unauthorized", message: "no", temporary: false } as never }, now);
      },
      open: (transport) => {
        open += 1;
        opened += 1;
        return {
          receive: (text) => void transport.send(`{"re":${text.length}}`),
          receiveOverRate: () => {},
          receiveBinary: () => {},
          closed: () => {
            open -= 1;
          },
        };
      },
    },
    readText,
    new Cameras({
      core: new SimCore().core.gateway({ name: "mqtt", asksOffers: false }),
      limits: defaultMqttLimits,
      after: (ms, from, due) => deadlines.add(from + ms, due),
    }),
  );
  const reader = new PacketReader();
  /** What goes out can be read. */
  const check = (bytes: Uint8Array, version: Version): void => {
    let read = 0;
    const parser = packets.parser({ protocolVersion: version });
    parser.on("packet", () => read++);
    parser.on("error", (error: Error) => {
      throw new Error(`${error.message}: ${Buffer.from(bytes).toString("hex")} ${version}`);
    });
    const left = parser.parse(Buffer.from(bytes));
    if (left > 0 || read !== 1)
      throw new Error(`unreadable: ${Buffer.from(bytes).toString("hex")} ${version}`);
  };
  const connect = () => {
    const version = random.pick([4, 5, 5] as const);
    const one = { version, framing: new Framing(), closed: false, left: random.int(1, 30) };
    const wire = {
      address: "192.0.2.1",
      certificate: undefined,
      buffered: 0,
      send: (sent: ServerPacket, as: Version) => {
        check(encodePacket(sent, as), as);
        return !one.closed;
      },
      publishText: (topic: string, text: string, id: number, as: Version) => {
        check(encodeText(topic, text, id, as), as);
        return !one.closed;
      },
      close: () => {
        one.closed = true;
      },
    };
    return Object.assign(one, { connection: endpoint.connect(wire, now) });
  };
  let one = connect();
  for (const _ of rounds(count)) {
    const { connection, framing, version } = one;
    let bytes = connection.greeted ? packet(random, version) : connectPacket(random, version);
    if (random.chance(0.1)) bytes = broken(random, bytes);
    const cut = random.int(0, bytes.length);
    for (const chunk of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
      const fault = framing.push(chunk, 10_000, (whole) => {
        const read = connection.greeted ? reader.read(whole, connection.version) : reader.readFirst(whole);
        if (read.ok) connection.receive(read.value, now, now);
        else connection.unreadable(read.error.reason, read.error.text, now);
        return !one.closed;
      });
      if (fault !== undefined) connection.unreadable(0x81, fault, now);
    }
    now += random.pick([0, 1, 10, 2_000]);
    deadlines.run(now);
    if (--one.left > 0 && !one.closed) continue;
    if (random.chance(0.7)) connection.lost(now);
    one = connect();
  }
  expect(opened).toBeGreaterThan(count / 2_000 - 1);
  for (const connection of [...endpoint.traffic.connections]) connection.lost(now);
  now += 3_600_000;
  deadlines.run(now);
  expect([endpoint.traffic.size, endpoint.devices, deadlines.size, open]).toEqual([0, 0, 0, 0]);
});
