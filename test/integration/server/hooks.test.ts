import { afterEach, expect, test } from "bun:test";
import { createSwitchboard, type Hooks, type SwitchboardServer } from "../../../src/main.ts";
import { isSigned, webhookKey } from "../../../src/net/standard-webhooks.ts";
import { api } from "../../api/support.ts";
import type { Client } from "../../conformance/client.ts";
import { signIn } from "../../support/sign-in.ts";

const secret = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
const key = webhookKey(secret) ?? new Uint8Array();
const servers: { stop(): unknown }[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

async function serve(options: object, hooks: Hooks = {}): Promise<SwitchboardServer> {
  const server = await createSwitchboard({
    ...{ port: 0, host: "127.0.0.1", dev: true, page: false, drain: 100 },
    ...{
      log: { level: "silent" },
      turn: { embedded: false },
      media: { enabled: false },
      sip: { enabled: false },
    },
    ...options,
    ...hooks,
  });
  servers.push(server);
  return server;
}

async function device(server: SwitchboardServer, user: string, token = `dev:${user}`): Promise<Client> {
  return await signIn(server, token, "d");
}

/** What became of a request: `ok`, or the code of its error. */
const outcome = async (client: Client, type: string, fields: object): Promise<string> => {
  const { error } = await client.request(type, fields);
  return error?.code ?? "ok";
};
const say = (client: Client, to: string, body: unknown = 1) => outcome(client, "send", { to, body });

type Received = { type: string; timestamp: string; data: { type?: string; to?: string; token?: string } };

/** An application in another language. */
function application(answer: (received: Received) => Response | Promise<Response>) {
  const received: Received[] = [];
  const connections = new Set<number>();
  const server = Bun.serve({
    ...{ port: 0, hostname: "127.0.0.1" },
    fetch: async (request, host) => {
      connections.add(host.requestIP(request)?.port ?? 0);
      const body = await request.text();
      const signed = isSigned([key], (name) => request.headers.get(name), body, Date.now() / 1_000);
      if (!signed) return new Response(null, { status: 401 });
      const one = JSON.parse(body) as Received;
      received.push(one);
      return await answer(one);
    },
  });
  servers.push({ stop: () => server.stop(true) });
  return { url: `http://127.0.0.1:${server.port}/hooks`, received, connections };
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

const metric = async ({ url }: SwitchboardServer, name: string): Promise<string[]> => {
  const text = await (await fetch(`${url}/metrics`)).text();
  return text.split("\n").filter((line) => line.startsWith(`switchboard_${name}`));
};

test("an application over HTTP signs in, decides and redirects, on connections that are kept", async () => {
  const app = application(({ type, data }) => {
    if (type === "authenticate")
      return Response.json(
        data.token === "cookie-1" ? { user: "alice", grants: { call: ["*"], send: ["*"] } } : null,
      );
    if (type === "wake") return Response.json(false);
    return Response.json(data.type === "send" ? data.to !== "mallory" : { to: "bob" });
  });
  const ask = ["authenticate", "call", "send"] as const;
  const server = await serve({ hooks: { url: app.url, secret, ask } });
  const [alice, bob] = [await device(server, "alice", "cookie-1"), await device(server, "bob")];
  expect(await outcome(alice, "call", { to: "support" })).toBe("ok");
  await bob.expect("incoming", ({ type, to }) => type === "incoming" && to === "support");
  for (let n = 0; n < 10; n++) expect(await say(alice, "bob", n)).toBe("ok");
  expect(await say(alice, "mallory", 1)).toBe("forbidden");
  expect(app.received.find(({ data }) => data.type === "call")).toMatchObject({
    type: "authorize",
    timestamp: expect.stringMatching(/^20\d\d-.*Z$/),
    data: {
      type: "call",
      from: { user: "alice", device: "d", kind: "browser", guest: false },
      to: "support",
    },
  });
  expect(app.connections.size).toBeLessThan(4);
  await expect(device(server, "x", "cookie-2")).rejects.toThrow("4303");
});

test("an application that fails, lies or hangs refuses for now what it decides, and nothing else waits", async () => {
  let behave: () => Response | Promise<Response> = () => new Response("no", { status: 500 });
  const app = application(() => behave());
  const server = await serve({ hooks: { url: app.url, secret, timeout: 300, ask: ["send"] } });
  const alice = await device(server, "alice");
  expect(await say(alice, "bob", 1)).toBe("temporary");
  for (const nonsense of ["{", '"yes"', '{"allow":"perhaps"}', "x".repeat(100_000)]) {
    behave = () => new Response(nonsense);
    expect(await say(alice, "bob", 1)).toBe("temporary");
  }
  let hanging = (_: Response): void => {};
  behave = () => new Promise((resolve) => (hanging = resolve));
  const hangs = say(alice, "bob", 1);
  const bob = await device(server, "bob");
  expect(await outcome(bob, "call", { to: "alice" })).toBe("ok");
  expect(await hangs).toBe("temporary");
  hanging(new Response("true"));
  expect(await metric(server, "hook_failures_total")).toContain(
    'switchboard_hook_failures_total{hook="authorize"} 6',
  );
});

test("what a hook said of a call stands in its record, and its failure as the diagnosis", async () => {
  const authorize = ({ to }: { to?: string }) => {
    if (to === "carol") throw new Error("wanted");
    return to === "bob";
  };
  const server = await serve({ hooks: { ask: ["call"] } }, { authorize });
  const [alice] = [await device(server, "alice"), await device(server, "bob")];
  const read = async (path: string) =>
    (
      await fetch(`${server.url}/api/v1/records${path}`, { headers: { Authorization: "Bearer dev:admin" } })
    ).json();
  for (const [to, outcome_, row, cause] of [
    ["bob", "ok", "ok", undefined],
    ["dave", "forbidden", "refused", "refused_by_hook"],
    ["carol", "temporary", "failed", "hook_failed"],
  ] as const) {
    const made = await alice.request("call", { to });
    expect(made.error?.code ?? "ok").toBe(outcome_);
    let session = made.ok?.session;
    await eventually(async () => {
      if (session !== undefined) return true;
      const { items } = await read("?user=alice");
      session = items.find((one: { callee: { user: string } }) => one.callee.user === to)?.session;
      return session !== undefined;
    });
    const { ladder, diagnosis } = await read(`/${session}`);
    expect(ladder[0]).toMatchObject({ type: "call", outcome: outcome_ });
    expect(ladder[1]).toMatchObject({ from: "server", to: "hook", type: "authorize", outcome: row });
    if (cause !== undefined)
      expect(diagnosis[0]).toMatchObject({ code: cause, certainty: "certain", rows: [1] });
  }
});

test("authorize decides calls that the application places: by a plan, elsewhere, or not at all", async () => {
  const app = application(({ data: { to } }) => {
    if (to === "support")
      return Response.json({
        ring: [
          { ring: ["bob"], for: 60_000 },
          { ring: ["carol", "dave"], for: 60_000 },
        ],
        data: { ticket: 7 },
      });
    if (to === "sales") return Response.json({ to: "dave" });
    if (to === "mallory") return Response.json({ allow: false, reason: "He is blocked." });
    return new Response("no", { status: 500 });
  });
  const server = await serve({ hooks: { url: app.url, secret, ask: ["call"] } });
  const [alice, bob, carol, dave] = await Promise.all(
    ["alice", "bob", "carol", "dave"].map((user) => device(server, user)),
  );
  if (!alice || !bob || !carol || !dave) throw new Error("all are signed in");
  const ask = api(server);
  const place = (to: string, from = "alice") => ask("POST", "/sessions", { from, to });

  const { status, body } = await place("support");
  expect(status).toBe(201);
  const { session } = body;
  expect(await alice.push("incoming", { session })).toMatchObject({ placed: true, data: { ticket: 7 } });
  const first = alice.ok("accept", { session });
  expect(await bob.push("incoming", { session })).toMatchObject({ to: "support", data: { ticket: 7 } });
  await bob.ok("decline", { session });
  for (const one of [carol, dave]) await one.push("incoming", { session });
  const second = carol.ok("accept", { session });
  expect([(await first).session, (await second).session]).toEqual([session, session]);
  expect(await dave.push("ended", { session })).toMatchObject({ reason: "answered_elsewhere" });
  expect((await ask("GET", `/sessions/${session}`)).body.state).toBe("active");
  await alice.ok("hangup", { session });
  await carol.push("ended", { session });
  const record = (await ask("GET", `/records/${session}`)).body;
  expect([record.caller.user, record.callee.user]).toEqual(["alice", "carol"]);
  expect(record.ladder.filter(({ type }: { type: string }) => type === "authorize")).toHaveLength(1);

  // A camera can't ring first: the plan's targets do, one step after the other.
  const camera = await signIn(server, "dev:door", "cam", { device: { id: "cam", kind: "camera" } });
  const opened = (await place("support", "door")).body;
  await bob.push("incoming", opened);
  await bob.ok("decline", opened);
  await dave.push("incoming", opened);
  const taken = dave.ok("accept", opened);
  await camera.push("incoming", opened);
  await camera.ok("accept", opened);
  expect((await taken).session).toBe(opened.session);

  const elsewhere = (await place("sales")).body;
  await alice.push("incoming", elsewhere);
  void alice.request("accept", elsewhere);
  await dave.push("incoming", elsewhere);
  expect((await ask("DELETE", `/sessions/${elsewhere.session}`)).status).toBe(204);
  const refused = await place("mallory");
  expect([refused.status, refused.body.code, refused.body.detail]).toEqual([
    403,
    "forbidden",
    "He is blocked.",
  ]);
  const failed = await place("anybody");
  expect([failed.status, failed.body.code]).toEqual([503, "temporary"]);
  expect(app.received.map(({ data }) => data.to)).toEqual([
    "support",
    "support",
    "sales",
    "mallory",
    "anybody",
  ]);
});

test("an application that is down is left alone, and found again", async () => {
  let up = false;
  const app = application(() => (up ? Response.json(true) : new Response(null, { status: 503 })));
  const server = await serve({ hooks: { url: app.url, secret, ask: ["send"] } });
  const alice = await device(server, "alice");
  for (let n = 0; n < 20; n++) expect(await say(alice, "bob", n)).toBe("temporary");
  expect(app.received.length).toBe(5);
  expect(await metric(server, "hooks_up")).toContain("switchboard_hooks_up 0");
  up = true;
  await eventually(async () => (await say(alice, "bob", 1)) === "ok");
});

test("with whenDown a request is let in that nobody decides; a sign-in never", async () => {
  const hooks: Hooks = {
    authenticate: ({ token }) => {
      if (token === "broken") throw new Error("wanted");
      return null;
    },
    authorize: () => Promise.reject(new Error("wanted")),
  };
  const server = await serve({ hooks: { whenDown: "allow" } }, hooks);
  const alice = await device(server, "alice");
  expect(await say(alice, "bob", 1)).toBe("ok");
  // Unlike with a wrong token the client comes back.
  await expect(device(server, "x", "broken")).rejects.toThrow("4204");
});

test("hooks that throw, hang, lie and flap at once decide each request for itself", async () => {
  let n = 0;
  const authorize = (): never => {
    n += 1;
    const answers = [
      true,
      undefined,
      new Promise(() => {}),
      Promise.reject(new Error("wanted")),
      { allow: 1 },
    ];
    const answer = answers[n % answers.length];
    for (const one of answers) if (one instanceof Promise) one.catch(() => {});
    return answer as never;
  };
  const server = await serve({ hooks: { timeout: 200, ask: ["send"] } }, { authorize });
  const senders = await Promise.all(
    Array.from({ length: 20 }, (_, index) => device(server, `user-${index}`)),
  );
  const outcomes = await Promise.all(
    senders.flatMap((one) => Array.from({ length: 10 }, () => say(one, "bob", 1))),
  );
  expect(outcomes.filter((one) => one === "ok")).toHaveLength(40);
  expect(outcomes.filter((one) => one === "temporary")).toHaveLength(160);
});

test("a hook without a secret, or over plain HTTP to another machine, is a wrong setting", async () => {
  await expect(serve({ hooks: { url: "https://app.example/hooks" } })).rejects.toThrow(
    "setting hooks.secret",
  );
  await expect(serve({ hooks: { url: "http://app.example/hooks", secret } })).rejects.toThrow(
    "setting hooks.url",
  );
  await expect(serve({}, { authorize: true } as never)).rejects.toThrow("option authorize");
  const server = await serve({ dev: false }, { authenticate: () => ({ user: "alice" }) });
  await device(server, "alice", "anything");
});
