import { afterAll, beforeAll, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { temporaryFolder } from "../support/certificates.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { answeredCall, signIn } from "../support/sign-in.ts";
import { type Ask, api } from "./support.ts";

let server: RunningServer;
let ask: Ask;

beforeAll(async () => {
  server = await startServer();
  ask = api(server);
}, 60_000);
afterAll(() => server?.stop());

test("an unknown field, a wrong type and a bad cursor are named in one line", async () => {
  const wrong: [field: string, method: string, path: string, body?: unknown][] = [
    ["devise", "POST", "/tokens", { user: "ann", devise: "phone" }],
    ["lifetime", "POST", "/tokens", { user: "ann", lifetime: "1h" }],
    ["user", "POST", "/tokens", {}],
    ["limit", "GET", "/users?limit=0"],
    ["limit", "GET", "/users?limit=1001"],
    ["order", "GET", "/users?order=name"],
    ["user", "GET", "/devices?user=ann&user=ben"],
    ["cursor", "GET", "/users?cursor=nonsense"],
    ["cursor", "GET", "/records?cursor=nonsense"],
  ];
  for (const [field, method, path, body] of wrong) {
    const refused = await ask(method, path, body);
    expect([path, refused.status, refused.body.field]).toEqual([path, 400, field]);
    expect(refused.body.detail).toStartWith(`${field}: `);
    expect(refused.body.detail).not.toContain("\n");
    expect(refused.headers.get("content-type")).toBe("application/problem+json");
  }
});

test("an id that can't be one is refused, also where it holds a slash", async () => {
  expect((await ask("GET", "/users/a%2Fb")).body).toMatchObject({
    status: 400,
    field: "user",
    detail: expect.stringContaining("must be an id"),
  });
  expect((await ask("GET", "/users/a/b/c")).status).toBe(404);
  expect((await ask("GET", "/users/%ff")).status).toBe(404);
});

test("a body that is too large or too deep is refused, and the server lives on", async () => {
  expect((await ask("POST", "/messages", `{"to":"ann","body":"${"x".repeat(2 ** 21)}"}`)).status).toBe(413);
  const deep = (levels: number) => `{"to":"ann","body":${"[".repeat(levels)}${"]".repeat(levels)}}`;
  const refused = await ask("POST", "/messages", deep(64));
  expect([refused.status, refused.body.detail]).toEqual([400, "The body is nested deeper than 64 levels."]);
  expect((await ask("POST", "/messages", deep(63))).status).toBe(200);
  expect((await ask("POST", "/messages", deep(20_000))).status).toBe(400);
  expect((await ask("POST", "/messages", `${"[".repeat(1_000_000)}`)).status).toBe(413);
  expect((await ask("POST", "/messages", "{")).status).toBe(400);
  const plain = await ask("POST", "/messages", "{}", { "Content-Type": "text/plain" });
  expect([plain.status, plain.body.code]).toEqual([415, "unsupported_media_type"]);
  expect((await ask("GET", "/users")).status).toBe(200);
});

test("a body that promises a gigabyte is refused before it comes", async () => {
  const socket = connect(server.port, "127.0.0.1");
  let answer = "";
  socket.on("data", (data) => {
    answer += data;
  });
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.on("error", () => {});
  socket.write(
    `POST /api/v1/messages HTTP/1.1\r\nHost: localhost:${server.port}\r\nAuthorization: Bearer dev:admin\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: ${2 ** 30}\r\n\r\n{`,
  );
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 20_000))]);
  socket.destroy();
  expect(answer).toStartWith("HTTP/1.1 413");
}, 30_000);

test("what is not there has one text, whoever asks for it", async () => {
  const [ann, ben] = [await signIn(server, "dev:ann"), await signIn(server, "dev:ben")];
  const { session } = await ann.ok("call", { to: "ben" });
  await ben.push("incoming");
  // Of a session that the user has no part in, and of one that nobody knows.
  const foreign = await ask("POST", `/sessions/${session}/move`, { user: "eve", device: "phone" });
  const unknown = await ask("POST", "/sessions/s_none/move", { user: "eve", device: "phone" });
  expect([foreign.status, unknown.status]).toEqual([404, 404]);
  await ann.ok("hangup", { session });
});

test("of two calls of the API and a device that end one session at once, one does, and all are told", async () => {
  const [cat, dan] = [await signIn(server, "dev:cat"), await signIn(server, "dev:dan")];
  for (let n = 0; n < 10; n++) {
    const { session } = await cat.ok("call", { to: "dan" });
    await dan.push("incoming", { session });
    const end = () => ask("DELETE", `/sessions/${session}`);
    const device = n % 2 === 0 ? cat.ok("hangup", { session }).catch(() => {}) : undefined;
    const statuses = (await Promise.all([end(), end()])).map(({ status }) => status);
    await device;
    expect(statuses.filter((status) => status === 204).length).toBeLessThanOrEqual(1);
    if (device === undefined) expect(statuses.sort()).toEqual([204, 404]);
    expect(await dan.push("ended", { session })).toMatchObject({ session });
  }
}, 30_000);

test("of two that place or move one session at once one does, and both are told", async () => {
  const [gil, phone, tablet] = [
    await signIn(server, "dev:gil"),
    await signIn(server, "dev:hal"),
    await signIn(server, "dev:hal", "tablet"),
  ];
  const session = await answeredCall(gil, phone, "hal/phone");
  const move = () => ask("POST", `/sessions/${session}/move`, { user: "hal", device: "tablet" });
  const moves = (await Promise.all([move(), move()])).map(({ status }) => status);
  expect(moves.sort()).toEqual([202, 409]);
  await tablet.push("incoming", { session });
  expect((await ask("DELETE", `/sessions/${session}`)).status).toBe(204);
  for (const one of [gil, phone, tablet]) await one.push("ended", { session });

  const key = { "Idempotency-Key": "place" };
  const place = () => ask("POST", "/sessions", { from: "gil", to: "hal" }, key);
  const placed = await Promise.all([place(), place()]);
  expect(placed.map(({ status }) => status).sort()).toBeOneOf([
    [201, 201],
    [201, 409],
  ]);
  const ids = new Set(placed.flatMap(({ body }) => body.session ?? []));
  expect(ids.size).toBe(1);
  const ringing = (await ask("GET", "/sessions?user=gil")).body.items;
  expect(ringing.map((one: { session: string }) => one.session)).toEqual([...ids]);
  await ask("DELETE", `/sessions/${[...ids][0]}`);
}, 30_000);

test("a request under a key that is still being executed gets 409", async () => {
  const key = { "Idempotency-Key": "twice" };
  const post = () => ask("POST", "/messages", { to: "nobody-there", body: 1 }, key);
  const both = await Promise.all([post(), post()]);
  // The second came while the first ran, or after it.
  expect(both.map(({ status }) => status).sort()).toBeOneOf([
    [200, 200],
    [200, 409],
  ]);
  expect((await post()).status).toBe(200);
});

test("an endpoint whose TLS certificate has another name is a typed failure", async () => {
  const folder = temporaryFolder();
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const named = ["-subj", "/CN=other.example", "-addext", "subjectAltName=DNS:other.example"];
  execFileSync("openssl", ["req", "-x509", ...made, ...named, "-keyout", key, "-out", cert], {
    stdio: "pipe",
  });
  let taken = 0;
  const receiver = createTlsServer(
    { cert: readFileSync(cert), key: readFileSync(key) },
    (_request, response) => {
      taken += 1;
      response.end();
    },
  );
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const allowing = await startServer({
    config: { webhookAllow: ["127.0.0.1"] },
    // It is trusted, but for its name.
    env: { NODE_EXTRA_CA_CERTS: cert },
  });
  try {
    const asks = api(allowing);
    const url = `https://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
    const { id } = (await asks("POST", "/webhooks", { url, events: ["user.online"] })).body;
    await signIn(allowing, "dev:tls");
    let failure: string | undefined;
    while (failure === undefined) {
      const { items } = (await asks("GET", `/webhooks/${id}/deliveries`)).body;
      failure = items.find((one: { failure?: string }) => one.failure !== undefined)?.failure;
      await new Promise((done) => setTimeout(done, 50));
    }
    expect(failure).toMatch(/altname|hostname/i);
    expect(taken).toBe(0);
  } finally {
    await allowing.stop();
    receiver.close();
  }
}, 60_000);

/** Answers every webhook in one of these ways. */
function hostile(way: "redirects" | "never ends" | "refuses"): Promise<Server> {
  const receiver = createServer((request, response) => {
    if (way === "refuses") response.writeHead(500).end();
    else if (way === "redirects") response.writeHead(302, { location: request.url ?? "/" }).end();
    else {
      response.writeHead(500);
      const write = (): void => {
        while (!response.destroyed && response.write("x".repeat(65_536)));
      };
      response.on("drain", write);
      write();
    }
  });
  return new Promise((resolve) => receiver.listen(0, "127.0.0.1", () => resolve(receiver)));
}

test("an endpoint that redirects, never ends or refuses is a typed failure in its deliveries", async () => {
  for (const [way, failure] of [
    ["redirects", "302"],
    ["never ends", ""],
    ["refuses", "500"],
  ] as const) {
    const receiver = await hostile(way);
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/${encodeURIComponent(way)}`;
    const { id } = (await ask("POST", "/webhooks", { url, events: ["user.online"] })).body;
    await signIn(server, `dev:hook-${way.replace(" ", "-")}`);
    let failed: { failure: string; attempts: number } | undefined;
    while (failed === undefined) {
      const { items } = (await ask("GET", `/webhooks/${id}/deliveries`)).body;
      failed = items.find(({ failure: why }: { failure?: string }) => why !== undefined);
      await new Promise((done) => setTimeout(done, 50));
    }
    expect(failed.failure).toContain(failure);
    expect((await ask("DELETE", `/webhooks/${id}`)).status).toBe(204);
    receiver.closeAllConnections();
    receiver.close();
  }
  // This server itself: it answers, but not with 2xx.
  const own = (
    await ask("POST", "/webhooks", { url: `${server.url}/api/v1/messages`, events: ["user.online"] })
  ).body;
  await signIn(server, "dev:hook-own");
  let items: { failure?: string }[] = [];
  while (items[0]?.failure === undefined) {
    items = (await ask("GET", `/webhooks/${own.id}/deliveries`)).body.items;
    await new Promise((done) => setTimeout(done, 50));
  }
  expect(items[0].failure).toContain("401");
  await ask("DELETE", `/webhooks/${own.id}`);
}, 60_000);
