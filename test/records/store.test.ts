import { afterAll, afterEach, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CallRecord } from "../../src/records/record.ts";
import { memoryStore } from "../../src/records/store/open-store.ts";
import { startSqliteStore } from "../../src/records/store/sqlite-store.ts";
import type { OutboxEntry, Store } from "../../src/records/store.ts";

const folder = mkdtempSync(join(tmpdir(), "switchboard-store-"));
const open: Store[] = [];
const told: string[] = [];
const reports = {
  lost: (reason: string) => void told.push(reason),
  damaged: (reason: string) => void told.push(reason),
};
afterEach(async () => {
  for (const store of open.splice(0)) await store.stop();
  told.length = 0;
  for (const name of readdirSync(folder)) rmSync(join(folder, name));
});

async function file(name = "store.sqlite"): Promise<Store> {
  const store = await startSqliteStore(join(folder, name), reports);
  open.push(store);
  return store;
}

function record(n: number, caller: string, callee: string): CallRecord {
  return {
    ...{
      session: `s_${n}`,
      node: "n1",
      kind: "call",
      state: "ended",
      startedAt: n,
      endedAt: n + 5,
      reason: "hangup",
    },
    ...{
      caller: { user: caller, device: "d" },
      callee: { user: callee },
      legs: [],
      moves: [],
      restarts: 0,
      ladder: [],
      skippedRows: 0,
    },
  } as CallRecord;
}

for (const [kind, make] of [
  ["memory", async () => memoryStore()],
  ["SQLite", file],
] as const)
  test(`${kind}: records are found by user, time and cause, page by page, and erased`, async () => {
    const store = await make();
    for (let n = 1; n <= 25; n++)
      void store.write({
        write: "record",
        stored: {
          record: record(n, n % 2 === 0 ? "alice" : "carol", "bob"),
          cause: n === 7 ? "busy" : "no_fault",
        },
      });
    expect(await store.write()).toBe(true);
    const sessions = [record(1, "carol", "bob").session, "s_unknown"];
    const { node } = record(1, "carol", "bob");
    expect(await store.ask("endedElsewhere", { sessions, node: "another" })).toEqual(sessions.slice(0, 1));
    expect(await store.ask("endedElsewhere", { sessions, node })).toEqual([]);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await store.ask("search", {
        user: "bob",
        limit: 10,
        ...(cursor !== undefined && { cursor }),
      });
      seen.push(...page.records.map(({ session }) => session));
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(seen).toEqual(Array.from({ length: 25 }, (_, n) => `s_${25 - n}`));
    expect(
      (await store.ask("search", { user: "alice", from: 5, to: 11 })).records.map(({ session }) => session),
    ).toEqual(["s_10", "s_8", "s_6"]);
    expect((await store.ask("search", { cause: "busy" })).records.map(({ session }) => session)).toEqual([
      "s_7",
    ]);
    expect(await store.ask("get", "s_3")).toEqual(record(3, "carol", "bob"));
    expect(await store.ask("erase", { user: "carol" })).toBe(13);
    expect(await store.ask("get", "s_3")).toBeUndefined();
    expect(await store.ask("prune", { olderThan: 11, bytes: 1e9 })).toBe(5);
  });

const entry = (n: number): OutboxEntry => ({
  id: `e_${n}`,
  endpoint: "https://x",
  lane: "s_1",
  type: "session.started",
  body: "{}",
  createdAt: n,
  attempts: 0,
  dueAt: n,
});

test("SQLite: what waits for an endpoint, and sessions that have not ended, outlive the process", async () => {
  const store = await file();
  await store.write(
    { write: "outbox", entry: entry(1) },
    { write: "outbox", entry: entry(2) },
    { write: "open", open: { session: "s_1", told: 1, startedAt: 1, facts: "{}" } },
  );
  await store.write(
    { write: "delivered", endpoint: "https://x", id: "e_1" },
    { write: "outbox", entry: { ...entry(2), attempts: 3 } },
  );
  await open.pop()?.stop();
  const again = await file();
  expect(await again.ask("outbox", { endpoint: "https://x", limit: 10 })).toEqual([
    { ...entry(2), attempts: 3 },
  ]);
  expect(await again.ask("open")).toEqual([{ session: "s_1", told: 1, startedAt: 1, facts: "{}" }]);
});

const disk = mkdtempSync(join(tmpdir(), "switchboard-disk-"));
const hasDisk = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "none", disk]).status === 0;
afterAll(() => {
  if (hasDisk) spawnSync("umount", [disk]);
  rmSync(disk, { recursive: true, force: true });
});

test.skipIf(!hasDisk)(
  "SQLite: what a full disk does not take is counted and said, and what is there can be read",
  async () => {
    const store = await startSqliteStore(join(disk, "store.sqlite"), reports);
    open.push(store);
    let taken = 0;
    for (let n = 1; n <= 3_000; n++) {
      const text = crypto.randomUUID().repeat(20);
      const ladder = [{ at: 0, from: "server", to: "server", type: "x", note: text }];
      const stored = { record: { ...record(n, "alice", "bob"), ladder }, cause: undefined };
      if (!(await store.write({ write: "record", stored }))) break;
      taken += 1;
    }
    expect([taken > 10, taken < 3_000, store.counts.lost > 0]).toEqual([true, true, true]);
    expect(told[0]).toContain("full");
    expect((await store.ask("search", { limit: 1 })).records[0]?.session).toBe(`s_${taken}`);
    // Room was made: it goes on.
    spawnSync("mount", ["-o", "remount,size=4m", disk]);
    expect(
      await store.write({ write: "record", stored: { record: record(1, "a", "b"), cause: undefined } }),
    ).toBe(true);
  },
);

test("SQLite: a damaged file is put aside, and a new one begins", async () => {
  writeFileSync(join(folder, "bad.sqlite"), "this is no database".repeat(1_000));
  const store = await file("bad.sqlite");
  expect(
    await store.write({ write: "record", stored: { record: record(1, "alice", "bob"), cause: undefined } }),
  ).toBe(true);
  expect(told).toHaveLength(1);
  expect(readdirSync(folder).some((name) => name.startsWith("bad.sqlite.damaged-"))).toBe(true);
});
