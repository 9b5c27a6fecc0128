import { afterAll, beforeAll, expect, test } from "bun:test";
import { type FollowedEvent, followEvents } from "../../src/application/follow-events.ts";
import { hasNats, NatsServer } from "../support/nats-server.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { signIn } from "../support/sign-in.ts";
import { api } from "./support.ts";

let nats: NatsServer | undefined;
let servers: RunningServer[] = [];

beforeAll(async () => {
  // Two nodes where there can be: the events of both come to either.
  if (hasNats) nats = await NatsServer.start();
  const ticketKey = Buffer.alloc(32, 7).toString("base64");
  const joined = nats === undefined ? {} : { nats: { url: [nats.url] }, ticketKey };
  const names = nats === undefined ? ["n1"] : ["n1", "n2"];
  servers = await Promise.all(names.map((node) => startServer({ config: { node, ...joined } })));
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
  return { began, done, stop };
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
