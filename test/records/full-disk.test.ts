import { afterAll, beforeAll, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CallRecord } from "../../src/records/record.ts";
import { SqliteTables } from "../../src/records/store/sqlite-tables.ts";
import type { StoredRecord, Write } from "../../src/records/store.ts";
import { api } from "../api/support.ts";
import type { Client } from "../conformance/client.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { answeredCall, signIn } from "../support/sign-in.ts";

/** Ids of sessions whose end the application has heard of. */
const heard = new Set<string>();
const secret = `whsec_${Buffer.alloc(24, 3).toString("base64")}`;
let folder: string;
let application: ReturnType<typeof Bun.serve>;
const servers: RunningServer[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "switchboard-full-"));
  application = Bun.serve({
    ...{ port: 0, hostname: "127.0.0.1" },
    fetch: async (request) => {
      const { type, data } = (await request.json()) as { type: string; data: { session: string } };
      if (type === "session.ended") heard.add(data.session);
      return new Response(null, { status: 204 });
    },
  });
});
afterAll(async () => {
  for (const server of servers) await server.stop();
  await application.stop(true);
  rmSync(folder, { recursive: true, force: true });
});

async function start(name: string, options: { fileSize?: number } = {}): Promise<RunningServer> {
  const webhooks = [{ url: application.url.href, secret, events: ["session.ended"] }];
  const store = { path: join(folder, `${name}.sqlite`) };
  const server = await startServer({
    config: { store, webhooks, limits: { callsPerMinute: 1e6, callsBurst: 1e6 } },
    ...options,
  });
  servers.push(server);
  return server;
}

async function pair(server: RunningServer): Promise<() => Promise<string>> {
  const [alice, bob]: [Client, Client] = [await signIn(server, "dev:alice"), await signIn(server, "dev:bob")];
  return async () => {
    const session = await answeredCall(alice, bob, "bob");
    await alice.ok("hangup", { session });
    await bob.push("ended", { session });
    return session;
  };
}

async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function lost({ url }: RunningServer): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^switchboard_store_lost_total (\d+)$/m.exec(text)?.[1] ?? 0);
}

const says = (server: RunningServer, words: string): boolean =>
  server.logs.some((line) => line.includes(words));
const hasRecord = async (server: RunningServer, session: string): Promise<boolean> =>
  (await api(server)("GET", `/records/${session}`)).status === 200;

test("with a full disk calls go on and are told of, what is lost is counted and said; with room, records are kept again", async () => {
  const server = await start("full", { fileSize: 400_000 });
  const call = await pair(server);
  const kept = await call();
  await eventually(() => hasRecord(server, kept));
  let last = kept;
  while ((await lost(server)) === 0) last = await call();
  const after = [last, await call(), await call()];
  await eventually(() => after.every((session) => heard.has(session)));
  expect(says(server, "records or webhooks are lost: the store can't take them")).toBe(true);
  expect(await hasRecord(server, kept)).toBe(true);
  execFileSync("prlimit", ["--pid", `${server.pid}`, "--fsize=unlimited:unlimited"]);
  const again = await call();
  await eventually(() => hasRecord(server, again));
}, 60_000);

test("with a file that is damaged under way calls go on and are told of; the next start begins a new one", async () => {
  const path = join(folder, "damaged.sqlite");
  // More than SQLite holds in memory.
  const tables = await SqliteTables.open(path, () => {});
  tables.apply(Array.from({ length: 3_000 }, (_, n): Write => ({ write: "record", stored: earlier(n) })));
  tables.close();
  const server = await start("damaged");
  const call = await pair(server);
  const first = await call();
  await eventually(() => hasRecord(server, first));
  const { size } = statSync(path);
  const file = openSync(path, "r+");
  writeSync(file, Buffer.alloc(size - 4_096, "no page of a database "), 0, size - 4_096, 4_096);
  closeSync(file);
  const unreadable = await api(server)("GET", "/records/s_1500");
  expect([unreadable.status, unreadable.body.code]).toEqual([503, "temporary"]);
  let last = first;
  while ((await lost(server)) === 0) last = await call();
  const after = [last, await call()];
  await eventually(() => after.every((session) => heard.has(session)));
  expect(says(server, "records or webhooks are lost: the store can't take them")).toBe(true);
  await server.kill();
  const next = await start("damaged");
  expect(says(next, "the store was damaged: a new one was begun")).toBe(true);
  const anew = await (await pair(next))();
  await eventually(() => hasRecord(next, anew));
}, 60_000);

function earlier(n: number): StoredRecord {
  const at = Date.now() - 60_000 - n;
  const times = { startedAt: at, endedAt: at, reason: "hangup" } as const;
  const of = { caller: { user: `u${n}`, device: "d" }, callee: { user: `v${n}` } };
  const ladder: CallRecord["ladder"] = [
    { at: 0, from: "a", to: "b", type: randomBytes(1_000).toString("hex") },
  ];
  const rest = { legs: [], moves: [], restarts: 0, ladder, skippedRows: 0 };
  return {
    record: { session: `s_${n}`, node: "n", kind: "call", state: "ended", ...of, ...times, ...rest },
    cause: undefined,
  };
}
