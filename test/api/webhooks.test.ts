import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isSigned, webhookKey } from "../../src/net/standard-webhooks.ts";
import { hasNats, NatsServer } from "../support/nats-server.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { signIn } from "../support/sign-in.ts";
import { until } from "../support/until.ts";
import { api } from "./support.ts";

interface Received {
  readonly id: string;
  readonly user: string;
  readonly signedBy: (secret: string) => boolean;
  readonly signatures: number;
}

let receiver: Server;
let url = "";
let status = 204;
const received: Received[] = [];
let nats: NatsServer | undefined;
let servers: RunningServer[] = [];

beforeAll(async () => {
  receiver = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    const header = (name: string): string | null => (request.headers[name] as string) ?? null;
    const signedBy = (secret: string): boolean =>
      isSigned([webhookKey(secret) as Uint8Array], header, body, Date.now() / 1_000);
    const { user } = JSON.parse(body).data;
    const signatures = (header("webhook-signature") ?? "").split(" ").length;
    if (status < 300) received.push({ id: header("webhook-id") ?? "", user, signedBy, signatures });
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/events`;
  if (hasNats) nats = await NatsServer.start();
  const ticketKey = Buffer.alloc(32, 7).toString("base64");
  const joined = nats === undefined ? {} : { nats: { url: [nats.url] }, ticketKey };
  const names = nats === undefined ? ["n1"] : ["n1", "n2"];
  servers = await Promise.all(names.map((node) => startServer({ config: { node, ...joined } })));
  // Each must know the others: one that knows of none asks none.
  for (const at of names.keys())
    while ((await ask(at)("GET", "/nodes")).body.items.length < names.length)
      await new Promise((done) => setTimeout(done, 50));
}, 120_000);
afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  await nats?.stop();
  receiver.close();
});

const at = (node: number): RunningServer => servers[node % servers.length] as RunningServer;
const ask = (node: number) => api(at(node));
const of = (user: string): Received | undefined => received.find((one) => one.user === user);

async function eventually<T>(read: () => Promise<T>, there: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await read();
    if (there(value)) return value;
    await new Promise((done) => setTimeout(done, 50));
  }
}

test("an endpoint hears of all nodes, its secret is rotated, what died is sent again, and it goes", async () => {
  const made = await ask(0)("POST", "/webhooks", { url, events: ["user.online"] });
  expect(made.status).toBe(201);
  const { id, secret } = made.body;
  expect((await ask(1)("GET", "/webhooks")).body.items).toMatchObject([{ id, url, fixed: false }]);
  expect(JSON.stringify((await ask(1)("GET", "/webhooks")).body)).not.toContain("whsec_");
  expect((await ask(1)("POST", "/webhooks", { url })).status).toBe(409);

  await signIn(at(0), "dev:ann");
  await signIn(at(1), "dev:ben");
  await until(() => of("ann") !== undefined && of("ben") !== undefined, 20_000);
  for (const user of ["ann", "ben"]) expect(of(user)?.signedBy(secret)).toBe(true);

  const rotated = (await ask(1)("POST", `/webhooks/${id}/rotate`, {})).body.secret;
  await signIn(at(0), "dev:cat");
  await until(() => of("cat") !== undefined, 20_000);
  expect([of("cat")?.signedBy(secret), of("cat")?.signedBy(rotated), of("cat")?.signatures]).toEqual([
    true,
    true,
    2,
  ]);

  // 410: the endpoint wants no more.
  status = 410;
  await signIn(at(0), "dev:dan");
  const dead = () => ask(1)("GET", `/webhooks/${id}/deliveries?dead=true`);
  const { body } = await eventually(dead, (one) => one.body.items.length === 1);
  expect(body.items[0]).toMatchObject({ type: "user.online", dead: true, attempts: 1 });
  expect(body.items[0].failure).toContain("410");
  expect((await ask(0)("GET", "/webhooks")).body.items[0].disabled).toBe(true);
  status = 204;
  const none = await ask(1)("POST", `/webhooks/${id}/retry`, { to: 1 });
  expect(none.body).toEqual({ deliveries: 0 });
  expect((await ask(1)("POST", `/webhooks/${id}/retry`, { delivery: body.items[0].id })).body).toEqual({
    deliveries: 1,
  });
  await until(() => of("dan") !== undefined, 20_000);
  expect(of("dan")?.id).toBe(body.items[0].id);
  await eventually(dead, (one) => one.body.items.length === 0);

  expect((await ask(1)("DELETE", `/webhooks/${id}`)).status).toBe(204);
  for (const node of [0, 1]) expect((await ask(node)("GET", "/webhooks")).body.items).toEqual([]);
  expect((await ask(0)("DELETE", `/webhooks/${id}`)).status).toBe(404);
  await signIn(at(0), "dev:eve");
  await signIn(at(0), "dev:fay");
  expect(of("eve")).toBeUndefined();
}, 90_000);

test("a delivery is due when its endpoint wants to be asked again", async () => {
  const busy = createServer((_request, response) => response.writeHead(429, { "Retry-After": "60" }).end());
  await new Promise<void>((resolve) => busy.listen(0, "127.0.0.1", resolve));
  const to = `http://127.0.0.1:${(busy.address() as AddressInfo).port}/`;
  const { id } = (await ask(0)("POST", "/webhooks", { url: to, events: ["user.online"] })).body;
  const began = Date.now();
  await signIn(at(0), "dev:una");
  const { body } = await eventually(
    () => ask(0)("GET", `/webhooks/${id}/deliveries`),
    ({ body: { items } }) => items[0]?.attempts === 1,
  );
  expect(body.items).toMatchObject([{ type: "user.online", failure: "429", dead: false }]);
  // The first retry would come after 5 s.
  expect(body.items[0].due).toBeGreaterThan(began + 50_000);
  expect((await ask(0)("DELETE", `/webhooks/${id}`)).status).toBe(204);
  busy.close();
});

test("what can be no endpoint is refused, and names the field", async () => {
  for (const body of [{ url: "ftp://example.com" }, { url: "https://user:word@example.com" }, { url: "x" }])
    expect((await ask(0)("POST", "/webhooks", body)).body).toMatchObject({ status: 400, field: "url" });
  // No body is one without fields.
  expect((await ask(0)("POST", "/webhooks")).body).toMatchObject({ status: 400, field: "url" });
  const unknown = { url: "https://example.com", events: ["call.*"] };
  expect((await ask(0)("POST", "/webhooks", unknown)).body).toMatchObject({ status: 400, field: "events" });
});

test("an endpoint outlives a restart, one of the settings can't be changed", async () => {
  const state = mkdtempSync(join(tmpdir(), "switchboard-webhooks-"));
  const config = {
    stateFolder: state,
    webhooks: [{ url: "https://fixed.example/", secret: `whsec_${Buffer.alloc(24, 3).toString("base64")}` }],
  };
  const first = await startServer({ config });
  const { id } = (await api(first)("POST", "/webhooks", { url })).body;
  await first.kill();
  const second = await startServer({ config });
  try {
    const { items } = (await api(second)("GET", "/webhooks")).body;
    expect(items.map(({ url: one, fixed }: { url: string; fixed: boolean }) => [one, fixed])).toEqual([
      ["https://fixed.example/", true],
      [url, false],
    ]);
    expect((await api(second)("DELETE", `/webhooks/${items[0].id}`)).status).toBe(409);
    expect((await api(second)("DELETE", `/webhooks/${id}`)).status).toBe(204);
  } finally {
    await second.stop();
    rmSync(state, { recursive: true, force: true });
  }
}, 60_000);
