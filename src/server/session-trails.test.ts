import { afterEach, expect, test } from "bun:test";
import { LiveRecord } from "../records/live-record.ts";
import { memoryStore } from "../records/store/open-store.ts";
import type { OpenSession, OutboxEntry, Store } from "../records/store.ts";
import { Survey } from "../signaling/survey.ts";
import type { CoreContext } from "./service.ts";
import { SessionTrails } from "./session-trails.ts";

/** Nodes that are there, by name. */
const there = new Map<string, Survey>();
/** Those of them that do not answer in time. */
const silent = new Set<string>();
const running: SessionTrails[] = [];
afterEach(() => {
  silent.clear();
  for (const one of running.splice(0)) one.stop();
  there.clear();
});

interface Node {
  readonly store: Store;
  readonly trails: SessionTrails;
  /** What happened, in order: events that were told, what was sent again, and sessions that were lost. */
  readonly said: string[];
  readonly live: Set<string>;
}

/** A node that comes to the cluster. */
function node(name: string, store = memoryStore(), patience = 60_000): Node {
  const survey = new Survey({
    node: name,
    peers: {
      names: () => [...there.keys()].filter((one) => one !== name),
      ask: (other, question, argument, _timeout, done) => {
        const asked = there.get(other);
        if (asked === undefined || silent.has(other)) done(undefined);
        else asked.heard(question, argument, done);
      },
    },
    fault: (where, error) => {
      throw new Error(where, { cause: error });
    },
  });
  const [said, live] = [[] as string[], new Set<string>()];
  const context = {
    core: { survey, clusterStats: () => ({}) },
    node: name,
    now: () => Date.now(),
    fault: (where: string, error: unknown) => said.push(`${where}: ${error}`),
  } as unknown as CoreContext;
  const trails = new SessionTrails(context, {
    ...{ store, patience, flush: () => store.write() },
    isLive: (session) => live.has(session),
    goesOn: () => {},
    resend: async (entries) => void said.push(...entries.map(({ id }) => `sent ${id}`)),
    lost: ({ session, told }) => said.push(`lost ${session} after ${told}`),
  });
  running.push(trails);
  there.set(name, survey);
  return { store, trails, said, live };
}

/** A session comes to the node, and an event of it is told there. */
function comes(at: Node, from: string): LiveRecord {
  const start = { session: "s_1", kind: "call", caller: "alice", device: "a", callee: "bob" } as const;
  const live = new LiveRecord(start, "n2", Date.now(), 2);
  at.live.add("s_1");
  at.trails.came(live, from);
  at.trails.tell("s_1", () => {
    live.told += 1;
    at.said.push(`told ${live.told}`);
  });
  return live;
}

const open: OpenSession = { session: "s_1", told: 3, startedAt: 1, facts: "{}" };
const entry: OutboxEntry = {
  ...{ id: "s_1_3", endpoint: "http://e", lane: "s_1", type: "session.accepted" },
  ...{ body: "{}", createdAt: 1, attempts: 0, dueAt: 1 },
};

/** What its node, which died, has on its disk. */
async function disk(): Promise<Store> {
  const store = memoryStore();
  await store.write({ write: "open", open }, { write: "outbox", entry });
  return store;
}

async function until(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !holds(); await new Promise((go) => setTimeout(go, 10)))
    if (Date.now() > end) throw new Error("waited 20 s");
}

test("where a node that is away knows alone what was told of a session, the next one waits for it", async () => {
  const next = node("n2");
  comes(next, "n1");
  // Longer than a question to the others takes.
  await new Promise((go) => setTimeout(go, 100));
  expect(next.said).toEqual([]);
  const back = node("n1", await disk());
  // It must not drop what it alone has while the next one asks for that.
  const gone = back.trails.goneOn(["s_1"]);
  await until(() => next.said.length === 2);
  expect(next.said).toEqual(["sent s_1_3", "told 4"]);
  expect(await gone).toEqual(["s_1"]);
});

test("it waits no longer than that, nor for a node that is there and knows nothing", async () => {
  const impatient = node("n2", memoryStore(), 0);
  comes(impatient, "n1");
  await until(() => impatient.said.length === 1);
  const knowing = node("n3");
  node("n1");
  comes(knowing, "n1");
  await until(() => knowing.said.length === 1);
});

test("a node that is there and slow is waited for, though there is a copy: that may be old", async () => {
  const store = memoryStore();
  await store.write(
    { write: "copies", owner: "n1", since: 1 },
    { write: "copy", owner: "n1", told: { write: "open", open: { ...open, told: 1 } } },
  );
  const next = node("n2", store);
  node("n1", await disk());
  silent.add("n1");
  comes(next, "n1");
  await new Promise((go) => setTimeout(go, 100));
  expect(next.said).toEqual([]);
  silent.clear();
  await until(() => next.said.length === 2);
  expect(next.said).toEqual(["sent s_1_3", "told 4"]);
});

test("what a copy knows of a node that is away is enough", async () => {
  const store = memoryStore();
  await store.write(
    { write: "copies", owner: "n1", since: 1 },
    { write: "copy", owner: "n1", told: { write: "open", open } },
  );
  node("n3", store);
  const next = node("n2");
  comes(next, "n1");
  await until(() => next.said.length === 1);
  expect(next.said).toEqual(["told 4"]);
});

test("what another node knows of a session that is lost is told before its end, and counted", async () => {
  const keeper = node("n2");
  // Its copy is older than what the node knows that is back.
  keeper.trails.left([{ ...open, told: 1 }], 0);
  node("n1", await disk());
  await until(() => keeper.said.length === 2);
  expect(keeper.said).toEqual(["sent s_1_3", "lost s_1 after 3"]);
});

test("a session is left to its node once that is back: it tells the end", async () => {
  const keeper = node("n2");
  keeper.trails.left([{ ...open, told: 1 }], 500);
  const back = node("n1", await disk());
  await back.trails.goneOn(["s_1"]);
  back.trails.left([open], 0);
  await until(() => back.said.length === 2);
  expect(back.said).toEqual(["sent s_1_3", "lost s_1 after 3"]);
  expect(keeper.said).toEqual([]);
});
