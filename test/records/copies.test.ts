import { afterAll, beforeAll, expect, test } from "bun:test";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { api } from "../api/support.ts";
import { hasNats, NatsServer } from "../support/nats-server.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { answeredCall, signIn } from "../support/sign-in.ts";
import { until } from "../support/until.ts";

interface Told {
  readonly id: string;
  readonly type: string;
  readonly data: { readonly session: string; readonly n: number; readonly reason?: string };
}

const names = ["n1", "n2", "n3"];
const servers = new Map<string, RunningServer>();
const told: Told[] = [];
let receiver: Server;
let nats: NatsServer;

beforeAll(async () => {
  if (!hasNats) return;
  receiver = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    const id = String(request.headers["webhook-id"]);
    // The same event may come twice.
    if (!told.some((one) => one.id === id)) told.push({ id, ...JSON.parse(body) });
    response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  nats = await NatsServer.start();
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
  const config = {
    nats: { url: [nats.url] },
    ticketKey: Buffer.alloc(32, 7).toString("base64"),
    limits: { nodeSilence: 6_000 },
    records: { lostAfter: 7_500 },
    webhooks: [{ url, secret: `whsec_${Buffer.alloc(24, 3).toString("base64")}`, events: ["session.*"] }],
  };
  const all = await Promise.all(names.map((node) => startServer({ config: { node, ...config } })));
  for (const [n, name] of names.entries()) servers.set(name, all[n] as RunningServer);
  while ((await api(at("n1"))("GET", "/nodes")).body.items.length < names.length)
    await new Promise((done) => setTimeout(done, 50));
}, 120_000);
afterAll(async () => {
  await Promise.all([...servers.values()].map((server) => server.stop()));
  await nats?.stop();
  receiver?.close();
});

const at = (name: string): RunningServer => servers.get(name) as RunningServer;

/** Two devices of that node in a call. */
async function call(node: string, from: string, to: string) {
  const [caller, callee] = [await signIn(at(node), `dev:${from}`), await signIn(at(node), `dev:${to}`)];
  return { caller, session: await answeredCall(caller, callee, to) };
}

const of = (session: string): Told[] => told.filter(({ data }) => data.session === session);

test.skipIf(!hasNats)(
  "a node that is killed leaves its records at another one, and no call without an end",
  async () => {
    const over = await call("n2", "ann", "ben");
    await over.caller.ok("hangup", { session: over.session });
    await until(() => of(over.session).length === 3, 20_000);
    const open = await call("n2", "cat", "dan");
    await until(() => of(open.session).length === 2, 20_000);
    // Copies are made in order: that of the first record came before what was told of the second call.
    await at("n2").kill();
    servers.delete("n2");

    const listed = await api(at("n1"))("GET", "/records?user=ann");
    expect(listed.body.items).toMatchObject([{ session: over.session, node: "n2", reason: "hangup" }]);
    for (const node of ["n1", "n3"]) {
      const found = await api(at(node))("GET", `/records/${over.session}`);
      expect([found.status, found.body.ladder?.length > 0]).toEqual([200, true]);
    }
    await until(() => of(open.session).length === 3, 60_000);
    expect(of(open.session).map(({ id, type, data }) => [id, type, data.n, data.reason])).toEqual([
      [`${open.session}_1`, "session.started", 1, undefined],
      [`${open.session}_2`, "session.accepted", 2, undefined],
      [`${open.session}_ended`, "session.ended", 3, "lost"],
    ]);
    const lost = await api(at("n3"))("GET", `/records/${open.session}`);
    expect(lost.body).toMatchObject({ reason: "lost", caller: { user: "cat" } });
    expect(lost.body.diagnosis[0].code).toBe("server_lost_it");
    expect(of(over.session)).toHaveLength(3);
  },
  90_000,
);
