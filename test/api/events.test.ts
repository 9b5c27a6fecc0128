import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { isDeepStrictEqual } from "node:util";
import { type FollowedEvent, followEvents } from "../../src/application/follow-events.ts";
import { hasNats, NatsServer } from "../support/nats-server.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { signIn } from "../support/sign-in.ts";
import { until } from "../support/until.ts";
import { api } from "./support.ts";

let nats: NatsServer | undefined;
let servers: RunningServer[] = [];

beforeAll(async () => {
  // Two nodes where there can be: the events of both come to either.
  if (hasNats) nats = await NatsServer.start();
  const ticketKey = Buffer.alloc(32, 7).toString("base64");
  const joined = nats === undefined ? {} : { nats: { url: [nats.url] }, ticketKey };
  const names = nats === undefined ? ["n1"] : ["n1", "n2"];
  const media = { enabled: true, port: 0, workers: 1 };
  servers = await Promise.all(
    names.map((node, n) =>
      startServer({ config: { node, messageEvents: true, ...joined, ...(n === 0 && { media }) } }),
    ),
  );
  const nodes = () => api(at(0))("GET", "/nodes");
  while ((await nodes()).body.items.length < names.length) await new Promise((done) => setTimeout(done, 50));
}, 120_000);
afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  await nats?.stop();
});

const at = (node: number): RunningServer => servers[node % servers.length] as RunningServer;

/** Follows the events of a node until that many have come that the test asks for. */
function follow(node: number, count: number, lastEventId = "", types = ["user.*", "gap"]) {
  const stop = new AbortController();
  const found: FollowedEvent[] = [];
  let begin = (): void => {};
  const began = new Promise<void>((resolve) => {
    begin = resolve;
  });
  // The first bytes come when the places in all logs are known.
  const send = (async (...request: Parameters<typeof fetch>) => {
    const response = await fetch(...request);
    const [seen, read] = response.body!.tee();
    void seen.getReader().read().then(begin);
    return new Response(read, response);
  }) as typeof fetch;
  const options = { url: at(node).url, key: "dev:admin", fetch: send };
  const done = (async () => {
    for await (const one of followEvents(options, {
      types: types.filter((type) => type !== "gap"),
      lastEventId,
      signal: stop.signal,
    })) {
      found.push(one);
      if (found.length >= count) break;
    }
    stop.abort();
    return found;
  })();
  return { began, done, stop, found };
}

const users = (events: readonly FollowedEvent[]): unknown[] =>
  events.map(({ event }) => (event.data as { user: string }).user);

test("events of all nodes come as they happen, and Last-Event-ID goes on at another node", async () => {
  const first = follow(0, 2);
  await first.began;
  await signIn(at(0), "dev:ann");
  await signIn(at(1), "dev:ben");
  const seen = await first.done;
  expect(users(seen).sort()).toEqual(["ann", "ben"]);
  expect(seen[0]).toMatchObject({ type: "user.online", event: { type: "user.online" } });
  // While nobody listens.
  await signIn(at(0), "dev:cat");
  await signIn(at(1), "dev:dan");
  const second = await follow(1, 2, seen.at(-1)?.id).done;
  expect(users(second).sort()).toEqual(["cat", "dan"]);
}, 60_000);

test("a connection that is silent is given up, and another one goes on where it was", async () => {
  const asked: (string | undefined)[] = [];
  const silent = createServer((request, response) => {
    asked.push(request.headers["last-event-id"] as string | undefined);
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write(`id: n=${asked.length}\nevent: user.online\ndata: {}\n\n`);
  });
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const found: string[] = [];
  for await (const { id } of followEvents({ url, key: "k" }, { timeout: 200 })) {
    found.push(id);
    if (found.length === 2) break;
  }
  silent.closeAllConnections();
  silent.close();
  expect([found, asked]).toEqual([
    ["n=1", "n=2"],
    [undefined, "n=1"],
  ]);
}, 20_000);

test("what happens in rooms, to messages, to calls and to streams is told once, wherever it happens", async () => {
  const types = ["room.*", "message.*", "session.*", "stream.*"];
  const following = follow(1, Number.POSITIVE_INFINITY, "", types);
  await following.began;
  const told: FollowedEvent[] = following.found;
  const some = (type: string, of: object): boolean =>
    told.some(
      ({ type: one, event }) =>
        one === type && isDeepStrictEqual({ ...(event.data as object), ...of }, event.data),
    );

  const [eve, fay] = [await signIn(at(0), "dev:eve"), await signIn(at(1), "dev:fay")];
  const tablet = await signIn(at(0), "dev:fay", "tablet");
  for (const one of [eve, fay]) await one.ok("join", { room: "room:visit" });
  await fay.ok("send", { to: "room:visit", body: { text: "to all" } });
  await eve.ok("send", { to: "fay", body: "to one" });
  await eve.fails("no_room", "send", { to: "room:other", body: "to none" });
  await fay.ok("leave", { room: "room:visit" });
  await eve.ok("leave", { room: "room:visit" });

  const { session } = await eve.ok("call", { to: "fay/phone" });
  await fay.push("incoming");
  fay.fire("ringing", { session });
  const accepted = fay.ok("accept", { session });
  await eve.push("accepted");
  await eve.ok("confirm", { session, device: "phone" });
  await accepted;
  eve.fire("report", { session, stats: { state: "connected" } });
  await until(() => some("session.connected", { session }), 20_000);
  const ask = api(at(1));
  expect((await ask("POST", `/sessions/${session}/restart`)).status).toBe(202);
  await eve.ok("restart", { session, pair: 1, generation: 2 });
  expect((await ask("POST", `/sessions/${session}/move`, { user: "fay", device: "tablet" })).status).toBe(
    202,
  );
  await tablet.push("incoming");
  await tablet.ok("accept", { session });
  for (const end of [tablet, eve]) end.fire("report", { session, stats: { state: "connected", pair: 2 } });
  await until(() => some("session.moved", { session }), 20_000);
  await eve.ok("hangup", { session });

  const offer = readFileSync(
    new URL("../support/media-offers/chromium-publish.sdp", import.meta.url),
    "utf8",
  );
  const published = await fetch(`${at(0).url}/whip/show`, {
    method: "POST",
    headers: { "Content-Type": "application/sdp", Authorization: "Bearer dev:gil" },
    body: offer,
  });
  expect(published.status).toBe(201);
  const resource = new URL(published.headers.get("location") ?? "", at(0).url);
  await fetch(resource, { method: "DELETE", headers: { Authorization: "Bearer dev:gil" } });

  await until(() => some("stream.ended", { stream: "show" }), 20_000);
  following.stop.abort();
  const of = (family: string, ...fields: string[]): unknown[] =>
    told
      .filter(({ type }) => type.startsWith(family))
      .map(({ type, event }) => [
        type,
        ...fields.map((name) => (event.data as Record<string, unknown>)[name]),
      ]);
  expect(of("room.", "user", "reason")).toEqual([
    ["room.opened", undefined, undefined],
    ["room.joined", "eve", undefined],
    ["room.joined", "fay", undefined],
    ["room.left", "fay", "left"],
    ["room.left", "eve", "left"],
    ["room.closed", undefined, "empty"],
  ]);
  expect(of("message.", "from", "to", "body").sort()).toEqual([
    ["message.sent", { user: "eve", device: "phone" }, "fay", "to one"],
    ["message.sent", { user: "fay", device: "phone" }, "room:visit", { text: "to all" }],
  ]);
  const ofCall = told.filter(({ event }) => (event.data as { session?: string }).session === session);
  expect(ofCall.map(({ type, event }) => [type, (event.data as { n: number }).n])).toEqual([
    ["session.started", 1],
    ["session.ringing", 2],
    ["session.accepted", 3],
    ["session.connected", 4],
    ["session.restarted", 5],
    ["session.restarted", 6],
    ["session.moved", 7],
    ["session.ended", 8],
  ]);
  expect(of("session.restarted", "by")).toEqual([
    ["session.restarted", "server"],
    ["session.restarted", "eve/phone"],
  ]);
  expect(of("session.moved", "user", "from", "to")).toEqual([["session.moved", "fay", "phone", "tablet"]]);
  expect(of("stream.", "stream")).toEqual([
    ["stream.started", "show"],
    ["stream.ended", "show"],
  ]);
}, 90_000);

test("a server says that it is up, drains, and goes", async () => {
  const heard: string[] = [];
  const receiver = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    heard.push(JSON.parse(body).type);
    response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
  const secret = `whsec_${Buffer.alloc(24, 3).toString("base64")}`;
  const server = await startServer({ config: { webhooks: [{ url, secret, events: ["node.*"] }] } });
  await until(() => heard.length === 1, 20_000);
  await server.stop();
  receiver.close();
  expect(heard).toEqual(["node.up", "node.draining", "node.down"]);
}, 60_000);

test("a place that nobody knows is a gap, and nonsense is refused", async () => {
  const [gap] = await follow(0, 1, "n1=anotherRun.5").done;
  expect(gap).toMatchObject({ type: "gap", event: { node: "n1" } });
  const ask = api(at(0));
  expect((await ask("GET", "/events", undefined, { "Last-Event-ID": "nonsense" })).status).toBe(400);
  expect((await ask("GET", "/events?types=no.such")).body).toMatchObject({ status: 400, field: "types" });
}, 60_000);

test("streams are bounded, and one that ends makes room", async () => {
  const ask = api(at(0));
  const open = await Promise.all(
    Array.from({ length: 70 }, () =>
      fetch(`${at(0).url}/api/v1/events`, { headers: { Authorization: "Bearer dev:admin" } }),
    ),
  );
  expect(open.filter(({ status }) => status === 503).length).toBeGreaterThanOrEqual(6);
  await Promise.all(open.map((response) => response.body?.cancel()));
  while ((await ask("GET", "/events")).status !== 200) await new Promise((done) => setTimeout(done, 50));
}, 60_000);
