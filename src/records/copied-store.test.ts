import { beforeEach, expect, test } from "bun:test";
import { CopiedStore } from "./copied-store.ts";
import { readCopy } from "./copy-schema.ts";
import { MemoryTables } from "./store/memory-tables.ts";
import { memoryStore } from "./store/open-store.ts";
import type { Told, Write } from "./store.ts";

/** Nodes that keep copies, and whether they answer. */
let keepers: Map<string, MemoryTables>;
let deaf: Set<string>;
let now: number;
let store: CopiedStore;

beforeEach(() => {
  keepers = new Map();
  deaf = new Set();
  now = 1_000;
  store = new CopiedStore({
    node: "n2",
    store: memoryStore(),
    now: () => now,
    after: (ms, task) => {
      const timer = setTimeout(task, ms);
      return () => clearTimeout(timer);
    },
    keepers: {
      names: () => [...keepers.keys()],
      keep: async (node, copies, since) => {
        const tables = keepers.get(node);
        if (tables === undefined || deaf.has(node)) return false;
        if (since === 0) tables.apply({ write: "forget", owner: "n2" });
        else if (since !== undefined) tables.apply({ write: "copies", owner: "n2", since });
        return copies.every((text) => {
          const copy = readCopy(text);
          if (copy === undefined) throw new Error(`no copy: ${text}`);
          return tables.apply(copy.write === "record" ? copy : { write: "copy", owner: "n2", told: copy });
        });
      },
    },
  });
});

const open = (session: string, told = 1): Write => ({
  write: "open",
  open: { session, told, startedAt: 1, facts: "{}" },
});
const event = (id: string, more: object = {}): Write => ({
  write: "outbox",
  entry: {
    ...{ id, endpoint: "http://e", lane: "s", type: "t", body: "{}", createdAt: 1, attempts: 0, dueAt: 1 },
    ...more,
  },
});
/** What the node has of n2, in short. */
const kept = (node: string): string[] =>
  (keepers.get(node)?.copies({ owner: "n2", after: 0, limit: 100 }).items ?? []).map((told: Told) =>
    told.write === "open" ? `${told.open.session} ${told.open.told}` : "entry" in told ? told.entry.id : "?",
  );
const add = (node: string): MemoryTables => {
  const tables = new MemoryTables();
  keepers.set(node, tables);
  return tables;
};

test("alone nothing is copied; the next node by name begins with all that there is, and follows", async () => {
  await store.write(open("s1"), event("e1"), event("e2", { attempts: 3 }));
  for (const name of ["n1", "n3", "n4"]) add(name);
  expect(await store.write(open("s2"))).toBe(true);
  // A session comes after its events: where it is known, they are.
  expect([kept("n1"), kept("n3"), kept("n4")]).toEqual([[], ["e1", "e2", "s1 1", "s2 1"], []]);
  await store.write(open("s1", 2), event("e3"), { write: "delivered", endpoint: "http://e", id: "e1" });
  await store.write(event("e2", { attempts: 10, dead: true }), { write: "closed", session: "s2" });
  expect(kept("n3").sort()).toEqual(["e3", "s1 2"]);
});

test("a node that does not answer is left for another one, which begins anew, and its copies are dropped once it is back", async () => {
  add("n1");
  const third = add("n3");
  await store.write(open("s1"));
  deaf.add("n3");
  now += 1;
  expect(await store.write(open("s2"))).toBe(true);
  await store.write(event("e1"));
  expect([kept("n1").sort(), kept("n3")]).toEqual([["e1", "s1 1", "s2 1"], ["s1 1"]]);
  // Of two that have copies the later one counts.
  expect(keepers.get("n1")?.owners()[0]?.since).toBeGreaterThan(third.owners()[0]?.since as number);
  deaf.clear();
  now += 10_000;
  keepers.delete("n1");
  await store.write(event("e2"));
  expect(kept("n3").sort()).toEqual(["e1", "e2", "s1 1", "s2 1"]);
});

test("writes are taken in order, though some need no copy", async () => {
  const third = add("n3");
  await store.write(open("s0"));
  const order: string[] = [];
  // The node is gone while it is asked: what comes next has nobody to wait for.
  const { apply } = third;
  third.apply = (write) => {
    keepers.delete("n3");
    return apply.call(third, write);
  };
  const first = store.write(open("s1")).then(() => order.push("first"));
  const second = store.write({ write: "audit", entry: { at: 1, actor: "a", act: "b", subject: "c" } });
  await Promise.all([
    first,
    second.then(() => order.push("second")),
    store.write().then(() => order.push("third")),
  ]);
  expect(order).toEqual(["first", "second", "third"]);
});

test("where nobody answers, writes are taken all the same", async () => {
  add("n1");
  deaf.add("n1");
  expect(await store.write(open("s1"), event("e1"))).toBe(true);
  expect((await store.ask("open")).map(({ session }) => session)).toEqual(["s1"]);
});
