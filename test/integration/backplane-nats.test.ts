// The backplane on a real nats-server: the suite of every backplane, then what only NATS has. On Bun and on Node.
import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { connect } from "@nats-io/transport-node";
import { NatsBackplane, type NatsOptions } from "../../src/backplane/nats.ts";
import type { NatsAddress } from "../../src/backplane/nats-url.ts";
import type { BackplaneAnswer } from "../../src/cluster/backplane.ts";
import { type Cutter, openCutter } from "../support/cutter.ts";
import { hasNats, NatsServer } from "../support/nats-server.ts";
import { until } from "../support/until.ts";
import { backplaneSuite, type Harness } from "./backplane-suite.ts";

const skip = hasNats ? false : "nats-server is missing; scripts/test-peers provides it";
let shared: NatsServer;
let prefixes = 0;
let names = 0;

describe("nats", { skip }, () => {
  before(async () => {
    shared = await NatsServer.start();
  });
  after(() => shared.stop());

  backplaneSuite("nats", () => openHarness(shared));

  test("where NATS is not there yet, a node is down, and up once it is", async () => {
    const nats = await NatsServer.start();
    await nats.kill();
    const { a, b, warnings } = pair(nats);
    const heard: unknown[] = [];
    b.subscribe("s", (message) => heard.push(message));
    a.publish("s", "too early");
    const answers: BackplaneAnswer[] = [];
    a.request("s", 1, 60_000, (answer) => answers.push(answer));
    assert.deepEqual([a.state, b.state, answers], ["down", "down", [{ kind: "down" }]]);
    await until(() => warnings.length > 3, 15_000);
    assert.match(warnings[0] ?? "", /NATS can't be reached.*refused/);
    await nats.start();
    await bothUp(a, b);
    await reached(a, b);
    a.publish("s", "now");
    await until(() => heard.length > 0, 15_000);
    assert.deepEqual(heard, ["now"]);
    assert.equal(a.counts().dropped, 1);
    await end(a, b, nats);
  });

  test("NATS is killed and started again: what was said in between is never sent", async () => {
    const nats = await NatsServer.start();
    const { a, b } = pair(nats);
    await bothUp(a, b);
    const heard: unknown[] = [];
    b.subscribe("s", (message) => heard.push(message));
    b.subscribe("mute", () => {});
    await reached(a, b);
    const answers: BackplaneAnswer[] = [];
    a.request("mute", 1, 60_000, (answer) => answers.push(answer));
    const publishing = setInterval(() => a.publish("s", a.state), 1);
    await nats.kill();
    await until(() => a.state === "down" && b.state === "down", 15_000);
    assert.deepEqual(answers, [{ kind: "down" }]);
    const before = heard.length;
    assert.ok(heard.every((message) => message === "up"));
    await new Promise((resolve) => setTimeout(resolve, 300));
    clearInterval(publishing);
    await nats.start();
    await bothUp(a, b);
    await reached(a, b);
    assert.equal(heard.length, before);
    a.publish("s", "again");
    await until(() => heard.length > before, 15_000);
    assert.equal(heard[before], "again");
    await end(a, b, nats);
  });

  test("a server that freezes is noticed within 5 s, and found again when it goes on", async () => {
    const nats = await NatsServer.start();
    const { a, b } = pair(nats);
    await bothUp(a, b);
    b.subscribe("mute", () => {});
    await reached(a, b);
    const answers: BackplaneAnswer[] = [];
    a.request("mute", 1, 60_000, (answer) => answers.push(answer));
    nats.freeze();
    const began = Date.now();
    // More than every buffer on the way takes.
    for (let n = 0; n < 100; n++) a.publish("mute", "x".repeat(100_000));
    await until(() => a.state === "down" && b.state === "down", 6_000);
    assert.ok(Date.now() - began < 5_000, `noticed after ${Date.now() - began} ms`);
    assert.deepEqual(answers, [{ kind: "down" }]);
    nats.thaw();
    await bothUp(a, b);
    await reached(a, b);
    await end(a, b, nats);
  });

  test("a server that takes connections and says nothing costs one socket, and none once the node leaves", async () => {
    const open = new Set<Socket>();
    let [opened, most] = [0, 0];
    const silent = createServer((socket) => {
      open.add(socket.resume().on("error", () => {}));
      opened += 1;
      most = Math.max(most, open.size);
      socket.on("close", () => open.delete(socket));
    });
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as AddressInfo;
    const node = new NatsBackplane(options({ servers: [at(port)], dialTimeout: 200 }));
    try {
      await until(() => opened === 5, 15_000);
      // The next attempt may begin before we hear that the last one's socket is closed.
      assert.ok(most <= 2, `${most} sockets at a time`);
      await node.close();
      await until(() => open.size === 0, 5_000);
    } finally {
      await node.close();
      for (const socket of open) socket.destroy();
      silent.close();
    }
  });

  test("of several servers, one that is there is enough", async () => {
    const [one, other] = [await NatsServer.start(), await NatsServer.start()];
    await one.kill();
    const servers = [one, other].map(({ port }) => at(port));
    const nodes = [1, 2, 3, 4].map(() => new NatsBackplane(options({ servers })));
    await Promise.all(nodes.map((node) => until(() => node.state === "up", 15_000)));
    await one.start();
    await other.kill();
    await until(() => nodes.every(({ state }) => state === "down"), 15_000);
    await Promise.all(nodes.map((node) => until(() => node.state === "up", 15_000)));
    await end(...nodes, one, other);
  });

  test("what is no JSON is ignored and counted; what a subscriber throws is heard, and the rest goes on", async () => {
    const { a, b, prefix, faults } = pair(shared);
    await bothUp(a, b);
    const heard: unknown[] = [];
    b.subscribe("s", (message) => {
      heard.push(message);
      if (message === "throw") throw new Error("wanted");
    });
    b.subscribe("asked", (_message, answer) => {
      answer?.(1);
      throw new Error("after the answer");
    });
    await reached(a, b);
    const stranger = await connect({ servers: `127.0.0.1:${shared.port}` });
    stranger.publish(`${prefix}.s`, "{no json");
    stranger.publish(`${prefix}.s`, new Uint8Array([0xff, 0xfe]));
    stranger.publish(`${prefix}.s`);
    await stranger.flush();
    a.publish("s", "throw");
    const kinds: string[] = [];
    a.request("asked", 1, 5_000, ({ kind }) => {
      kinds.push(kind);
      throw new Error("in done");
    });
    a.publish("s", "on");
    await until(() => heard.length === 2 && kinds.length === 1, 15_000);
    assert.deepEqual([heard, kinds, b.counts().unreadable], [["throw", "on"], ["reply"], 3]);
    assert.deepEqual(faults.sort(), [
      "backplane: after the answer",
      "backplane: in done",
      "backplane: wanted",
    ]);
    await stranger.close();
    await end(a, b);
  });

  test("requests and messages are counted", async () => {
    const { a, b } = pair(shared);
    await bothUp(a, b);
    b.subscribe("s", (_message, answer) => answer?.(1));
    b.subscribe("mute", () => {});
    await reached(a, b);
    const first = a.counts();
    let answered = 0;
    const ask = (subject: string, message: unknown, timeout: number) =>
      a.request(subject, message, timeout, () => {
        answered += 1;
      });
    ask("s", 1, 5_000);
    ask("mute", 1, 20);
    ask("nobody", 1, 5_000);
    ask("s", "x".repeat(2_000_000), 5_000);
    await until(() => answered === 4, 15_000);
    await a.close();
    ask("s", 1, 5_000);
    a.publish("s", 1);
    const last = a.counts();
    const kinds = ["reply", "no_responders", "timeout", "too_large", "down"] as const;
    for (const kind of kinds) assert.equal(last.requests[kind] - first.requests[kind], 1, kind);
    assert.deepEqual([last.sent - first.sent, last.received - first.received, last.dropped], [3, 2, 1]);
    await end(b);
  });

  test("close lets out what was said before it, and is for good", async () => {
    const { a, b } = pair(shared);
    await bothUp(a, b);
    const heard: unknown[] = [];
    b.subscribe("s", (message) => heard.push(message));
    await reached(a, b);
    for (let n = 0; n < 1_000; n++) a.publish("s", n);
    await a.close();
    assert.equal(a.state, "down");
    await until(() => heard.length === 1_000, 15_000);
    await end(b);
  });
});

// Nodes of a test

const at = (port: number, who: Partial<NatsAddress> = {}): NatsAddress => ({
  host: "127.0.0.1",
  port,
  secure: false,
  ...who,
});

function options(given: Partial<NatsOptions> & Pick<NatsOptions, "servers">): NatsOptions {
  return {
    identity: () => ({ name: "node" }),
    prefix: "test",
    node: `node${names++}`,
    log: { info: () => {}, warn: () => {} },
    fault: (where, error) => {
      throw new Error(`${where}: ${error}`);
    },
    ...given,
  };
}

function pair(nats: NatsServer) {
  const warnings: string[] = [];
  const faults: string[] = [];
  const prefix = `pair${prefixes++}`;
  const node = () =>
    new NatsBackplane(
      options({
        servers: [at(nats.port)],
        prefix,
        log: {
          info: () => {},
          warn: (facts, text) => void warnings.push(`${text} ${JSON.stringify(facts)}`),
        },
        fault: (where, error) => void faults.push(`${where}: ${(error as Error).message}`),
      }),
    );
  return { a: node(), b: node(), prefix, warnings, faults };
}

async function bothUp(...nodes: NatsBackplane[]): Promise<void> {
  await until(() => nodes.every(({ state }) => state === "up"), 10_000);
}

/** Resolves when what `b` has subscribed to is known, and what either has sent has arrived. */
async function reached(a: NatsBackplane, b: NatsBackplane): Promise<void> {
  const stops = [a, b].map((node, n) => node.subscribe(`reached.${n}`, (_message, answer) => answer?.(1)));
  const ask = (from: NatsBackplane, subject: string) =>
    new Promise<boolean>((resolve) =>
      from.request(subject, 1, 1_000, ({ kind }) => resolve(kind === "reply")),
    );
  for (let round = 0; round < 2; round++) {
    while (!(await ask(a, "reached.1")));
    while (!(await ask(b, "reached.0")));
  }
  for (const stop of stops) stop();
}

async function end(...parts: (NatsBackplane | NatsServer | Cutter)[]): Promise<void> {
  for (const part of parts) await ("stop" in part ? part.stop() : part.close());
}

/** Each node has a wire of its own that can be cut. */
async function openHarness(nats: NatsServer): Promise<Harness> {
  const prefix = `suite${prefixes++}`;
  const wires = new Map<string, Cutter>();
  const nodes = new Map<string, NatsBackplane>();
  const server = (port: number) => ({ prefix, servers: [at(port)] });
  const mirror = new NatsBackplane(options(server(nats.port)));
  mirror.subscribe("mirror", (_message, answer) => answer?.(1));
  for (const name of ["a", "b", "c"]) wires.set(name, await openCutter(nats.port));
  for (const [name, { port }] of wires) nodes.set(name, new NatsBackplane(options(server(port))));
  await bothUp(mirror, ...nodes.values());
  // What a node asks goes behind all that it has sent, and the answer comes behind all that it has to hear.
  const reflected = (node: NatsBackplane) =>
    new Promise<void>((resolve) => node.request("mirror", 1, 5_000, () => resolve()));
  return {
    node: (name) => nodes.get(name)!,
    settle: async () => {
      for (let round = 0; round < 4; round++) await Promise.all([...nodes.values()].map(reflected));
    },
    pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    down: async (name) => {
      wires.get(name)?.cut();
      await until(() => nodes.get(name)?.state === "down", 15_000);
    },
    up: async (name) => {
      wires.get(name)?.restore();
      await until(() => nodes.get(name)?.state === "up", 15_000);
    },
    close: async () => {
      await end(mirror, ...nodes.values(), ...wires.values());
    },
  };
}
