import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Call, Client } from "../../src/client/index.ts";
import { hasNats, NatsServer } from "../support/nats-server.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { startBalancer } from "./support/balancer.ts";
import { camera, closeAll, device, frames, until } from "./support/parties.ts";
import { startProxy } from "./support/proxy.ts";

// A server dies with the calls that it owned: their ends find them again by their newest tickets.
const ticketKey = "the same for every run and node of these tests";
const running: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  await closeAll();
  for (const one of running.splice(0).reverse()) await one.stop();
});

test("the only server is killed and starts again: the call, moved before, is found under its id and goes on", async () => {
  const { port, kill } = await single();
  const url = `http://127.0.0.1:${port}`;
  const [alice, phone, desktop] = await devices(url);
  const { call, theirs: onPhone } = await talk(alice, phone);
  const chat = call.channel("chat");
  const moved = call.next("moved");
  const theirs = await moveTo(onPhone, desktop);
  await moved;
  await renegotiates(call, theirs);
  const { id } = call;
  await kill();
  await until(
    () => alice.state === "reconnecting" && desktop.state === "reconnecting",
    "the loss to be seen",
  );
  await Promise.all([frames(call.remote), frames(theirs.remote)]);
  const next = await single(port);
  await back(alice, desktop);
  expect([call.id, theirs.id]).toEqual([id, id]);
  await renegotiates(call, theirs);
  await chat.send("still there?");
  for await (const text of await theirs.next("channel")) {
    expect(text).toBe("still there?");
    break;
  }
  // What the new server knows now was said by the restart: its end finds it again too.
  await next.kill();
  await single(port);
  await back(alice, desktop);
  await renegotiates(theirs, call);
  await theirs.hangup();
  expect((await call.ended).reason).toBe("hangup");
});

test("with the default settings, a killed server that starts again finds its calls", async () => {
  const state = mkdtempSync(join(tmpdir(), "switchboard-state-"));
  running.push({ stop: async () => rmSync(state, { recursive: true, force: true }) });
  const first = await byDefault(0, state);
  const [alice, , desktop] = await devices(first.url);
  const { call, theirs } = await talk(alice, desktop);
  const { id } = call;
  await first.kill();
  await byDefault(first.port, state);
  await back(alice, desktop);
  expect([call.id, theirs.id]).toEqual([id, id]);
  await Promise.all([frames(call.remote), frames(theirs.remote)]);
  await renegotiates(call, theirs);
  await theirs.hangup();
  expect((await call.ended).reason).toBe("hangup");
});

test("a server that has lost its keys ends no call whose media flows, only what it can't go on with", async () => {
  const first = await single();
  const [alice, phone] = await devices(first.url);
  const { call, theirs } = await talk(alice, phone);
  const carol = device(first.url, "carol", "phone");
  await carol.ready;
  const ringing = carol.next("incoming");
  const unanswered = alice.call("carol", { media: await camera() });
  await ringing;
  await first.kill();
  const second = await startServer({
    config: { port: first.port, ticketKey: "another key than that before" },
  });
  running.push(second);
  await back(alice, phone);
  expect((await unanswered.ended).reason).toBe("lost");
  await Promise.all([frames(call.remote), frames(theirs.remote)]);
  expect([call.state, theirs.state]).toEqual(["connected", "connected"]);
  await Promise.all([call.hangup(), theirs.hangup()]);
  expect([(await call.ended).reason, (await theirs.ended).reason]).toEqual(["hangup", "hangup"]);
});

test("who hangs up while the server is dead is heard when it is back", async () => {
  const { port, kill } = await single();
  const url = `http://127.0.0.1:${port}`;
  const way = await startProxy(url);
  running.push(way);
  const alice = device(url, "alice", "laptop");
  const phone = device(way.url, "bob", "phone");
  await Promise.all([alice.ready, phone.ready]);
  const { call, theirs } = await talk(alice, phone);
  way.block(true);
  await kill();
  await until(() => phone.state === "reconnecting", "the loss to be seen");
  const told = theirs.hangup("bye");
  expect((await theirs.ended).reason).toBe("hangup");
  await single(port);
  alice.retry();
  await until(() => call.peerLink === "detached", "the call to be found by its other end");
  way.block(false);
  phone.retry();
  expect(await call.ended).toMatchObject({ reason: "hangup", detail: "bye", by: { user: "bob" } });
  await told;
});

test("the server dies while a call rings: it rings again, as the same call, and is answered", async () => {
  const { port, kill } = await single();
  const url = `http://127.0.0.1:${port}`;
  const [alice, phone, desktop] = await devices(url);
  const rung = [phone, desktop].map((client) => client.next("incoming"));
  const call = alice.call("bob", { media: await camera() });
  const rings = await Promise.all(rung);
  await until(() => call.ringing.length === 2, "the caller to hear of both");
  const { id } = call;
  await kill();
  await single(port);
  for (const client of [alice, phone, desktop]) client.retry();
  await until(() => [alice, phone, desktop].every(({ state }) => state === "online"), "all to be back");
  expect(await Promise.all(rings.map(({ ended }) => ended))).toMatchObject([
    { reason: "lost" },
    { reason: "lost" },
  ]);
  await until(() => phone.rings.size === 1 && desktop.rings.size === 1, "the rings");
  const [ring] = phone.rings;
  const elsewhere = [...desktop.rings][0]?.ended;
  const theirs = await ring?.accept({ media: await camera() });
  if (!theirs) throw new Error("no ring");
  await Promise.all([frames(call.remote), frames(theirs.remote)]);
  expect(await elsewhere).toMatchObject({ reason: "answered_elsewhere", device: "phone" });
  expect([call.id, theirs.id]).toEqual([id, id]);
  await theirs.hangup();
  expect((await call.ended).reason).toBe("hangup");
});

test.skipIf(!hasNats)("of two nodes the caller's is killed: the call goes on at the other one", async () => {
  const { first, url } = await twoNodes();
  // In turn: laptop and desktop at the first, the phone at the second.
  const [alice, phone, desktop] = await devices(url);
  const homes = [alice, phone, desktop].map(home);
  const { call, theirs } = await talk(alice, phone);
  const { id } = call;
  await first.kill();
  await Promise.all([frames(call.remote), frames(theirs.remote)]);
  await back(alice, desktop);
  expect(homes.map((heard) => heard.at(-1))).toEqual(["n2", undefined, "n2"]);
  expect([call.id, theirs.id]).toEqual([id, id]);
  await renegotiates(call, theirs);
  await renegotiates(theirs, call);
  const onDesktop = await moveTo(theirs, desktop);
  await Promise.all([frames(call.remote), frames(onDesktop.remote)]);
  expect((await theirs.ended).reason).toBe("moved");
  await onDesktop.hangup();
  expect((await call.ended).reason).toBe("hangup");
});

test.skipIf(!hasNats)(
  "a node is drained: its clients resume at the other, even if sent to it again",
  async () => {
    const { first, url } = await twoNodes();
    const [alice, phone, desktop] = await devices(url);
    const { call, theirs } = await talk(alice, phone);
    const welcomes: unknown[] = [];
    let goodbyes = 0;
    for (const client of [alice, desktop])
      client.on("frame", ({ frame }) => {
        if (frame.type === "welcome") welcomes.push([frame.home, frame.resumed]);
        if (frame.type === "goodbye") goodbyes++;
      });
    process.kill(first.pid, "SIGTERM");
    await until(() => welcomes.length === 2, "both to be elsewhere");
    expect(welcomes).toEqual([
      ["n2", true],
      ["n2", true],
    ]);
    // The balancer sent one of them to the first node again.
    expect(goodbyes).toBe(3);
    await until(() => first.logs.some((line) => line.includes('"stopped"')), "the node to end by itself");
    await renegotiates(call, theirs);
    await theirs.hangup();
    expect((await call.ended).reason).toBe("hangup");
  },
);

/** A server in development mode as `npm start` has it, but for its port. */
async function byDefault(port: number, state: string): Promise<RunningServer> {
  const server = await startServer({ config: { port }, env: { STATE_DIRECTORY: state } });
  running.push(server);
  return server;
}

/** One server on its own; at the port of an earlier one, where it is given. */
async function single(port = 0): Promise<RunningServer> {
  const server = await startServer({ config: { port, ticketKey } });
  running.push(server);
  return server;
}

/** Two nodes behind a load balancer. They drain for long enough that a client may be sent to a leaving one again, last of all. */
async function twoNodes(): Promise<{ first: RunningServer; url: string }> {
  const nats = await NatsServer.start();
  running.push(nats);
  const start = async (node: string) => {
    const env = { NATS_URL: nats.url, NODE_ID: node };
    const server = await startServer({ config: { ticketKey, drain: 8_000 }, env });
    running.push(server);
    return server;
  };
  const [first, second] = await Promise.all([start("n1"), start("n2")]);
  const balancer = await startBalancer([first.port, second.port]);
  running.push(balancer);
  return { first, url: balancer.url };
}

/** Alice's laptop, bob's phone and bob's desktop, online one after the other. */
async function devices(url: string): Promise<[Client, Client, Client]> {
  const alice = device(url, "alice", "laptop");
  await alice.ready;
  const phone = device(url, "bob", "phone");
  await phone.ready;
  const desktop = device(url, "bob", "desktop");
  await desktop.ready;
  return [alice, phone, desktop];
}

async function talk(from: Client, to: Client): Promise<{ call: Call; theirs: Call }> {
  const ring = to.next("incoming");
  const call = from.call("bob", { media: await camera() });
  const theirs = await (await ring).accept({ media: await camera() });
  await Promise.all([frames(call.remote), frames(theirs.remote)]);
  return { call, theirs };
}

async function moveTo(call: Call, to: Client): Promise<Call> {
  const ring = to.next("incoming");
  const away = call.move("desktop");
  const there = await (await ring).accept({ media: await camera() });
  await away;
  return there;
}

/** Resolves when all of them have a link again, and each of their calls the other end. */
async function back(...clients: Client[]): Promise<void> {
  for (const client of clients) client.retry();
  const there = (client: Client) =>
    client.state === "online" && [...client.calls].every(({ peerLink }) => peerLink === "live");
  await until(() => clients.every(there), "all to be back");
}

/** An ICE restart by one end comes through, and media goes on both ways. */
async function renegotiates(by: Call, other: Call): Promise<void> {
  const before = [ufrag(by), ufrag(other)];
  await by.restartIce();
  await until(
    () =>
      [by, other].every((call, n) => ufrag(call) !== before[n] && call.pc?.signalingState === "stable") &&
      [by, other].every(({ pc }) => pc?.connectionState === "connected"),
    "the ICE restart",
  );
  await Promise.all([frames(by.remote), frames(other.remote)]);
  expect([by.state, other.state]).toEqual(["connected", "connected"]);
}

/** The nodes that the client's later welcomes name. */
function home(client: Client): unknown[] {
  const all: unknown[] = [];
  client.on("frame", ({ frame }) => {
    if (frame.type === "welcome") all.push(frame.home);
  });
  return all;
}

function ufrag(call: Call): string | undefined {
  return /a=ice-ufrag:(\S+)/.exec(call.pc?.localDescription?.sdp ?? "")?.[1];
}
