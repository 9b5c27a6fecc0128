import { expect, test } from "bun:test";
import { SimCluster } from "../../../test/support/sim-cluster.ts";
import type { SimClient } from "../../../test/support/sim-core.ts";

const room = "room:hall";
const nodes = ["n1", "n2", "n3"];
const bytesOf = (frame: unknown) => JSON.stringify(frame).length;

/** What the nodes say to each other. */
function tap(cluster: SimCluster) {
  const said = { messages: 0, bytes: 0 };
  const { hub } = cluster;
  const publish = hub.publish.bind(hub);
  const request = hub.request.bind(hub);
  const count = (message: unknown) => {
    said.messages += 1;
    said.bytes += bytesOf(message);
  };
  hub.publish = (from, subject, message) => {
    count(message);
    publish(from, subject, message);
  };
  hub.request = (from, subject, message, timeout, done) => {
    count(message);
    request(from, subject, message, timeout, (answer) => {
      count(answer);
      done(answer);
    });
  };
  return said;
}

function measure(size: number) {
  const cluster = new SimCluster(nodes, { roomSize: 10_010 });
  const members: SimClient[] = [];
  const client = (n: number) =>
    cluster
      .node(`n${(n % 3) + 1}`)
      .client(`u${n}`, "web")
      .connect();
  for (let n = 0; n < size; n++) members.push(client(n));
  cluster.flow();
  for (const member of members) member.ask("join", { room });
  cluster.flow();
  cluster.pass(2_000);
  const owner = [...cluster.nodes].find(([, { core }]) => core.stats().rooms > 0)?.[0];
  const joins: { reply: number; messages: number; bytes: number }[] = [];
  // At both nodes that don't own the room, with all that a device's first request brings about done before.
  const late = [size, size + 1, size + 2]
    .map(client)
    .filter(({ sim }) => sim !== cluster.node(owner as string));
  cluster.pass(1_000);
  const said = tap(cluster);
  for (const one of late) {
    const before = { ...said };
    one.ask("join", { room });
    cluster.flow();
    const reply = one.replyTo(one.lastId);
    expect(reply.ok.state).toBe("joined");
    const { messages, bytes } = {
      messages: said.messages - before.messages,
      bytes: said.bytes - before.bytes,
    };
    joins.push({ reply: bytesOf(reply), messages, bytes });
  }
  // Ten seconds in which somebody comes or goes every tenth of one.
  cluster.pass(2_000);
  const marks = members.map(({ heard }) => heard.length);
  for (let n = 0; n < 100; n++) {
    const one = late[n % 2] as SimClient;
    one.ask(n % 4 < 2 ? "leave" : "join", { room });
    cluster.pass(100);
  }
  const told = members.map(({ heard }, n) => heard.slice(marks[n]).filter(({ type }) => type === "room"));
  const pushes = Math.max(...told.map((frames) => frames.length));
  const bytes = Math.max(...told.map((frames) => frames.reduce((sum, frame) => sum + bytesOf(frame), 0)));
  expect(Math.min(...told.map((frames) => frames.length))).toBeGreaterThanOrEqual(8);
  for (const frames of told)
    for (const { joined, left } of frames) expect([joined, left]).toEqual([undefined, undefined]);
  // Its owner dies: everybody else is told once, briefly, and hears on.
  const others = members.filter(({ sim }) => sim !== cluster.node(owner as string));
  cluster.kill(owner as string);
  others[0]?.ask("send", { to: room, body: "?" });
  cluster.pass(6_000);
  const again = others.map((member) => member.pushes("admitted"));
  expect(Math.max(...again.map((frames) => frames.reduce((sum, one) => sum + bytesOf(one), 0)))).toBeLessThan(
    300,
  );
  expect(others.filter((_, n) => again[n]?.length !== 1)).toHaveLength(0);
  const about = (type: string) => type === "room" || type === "admitted";
  for (const { heard } of others)
    expect(heard.findLast(({ type }) => about(type)).count).toBe(others.length + late.length);
  return { size, joins, pushes, bytes };
}

test("what a member of a large room costs does not grow with the room", () => {
  const small = measure(100);
  const large = measure(10_000);
  for (const { joins, pushes, bytes } of [small, large]) {
    for (const join of joins) expect(join.reply).toBeLessThan(1_024);
    // A count a second.
    expect(pushes).toBeLessThanOrEqual(11);
    expect(bytes).toBeLessThanOrEqual(11 * 80);
  }
  for (const [n, join] of large.joins.entries())
    expect(join.messages).toBe(small.joins[n]?.messages as number);
}, 60_000);
