import { expect, test } from "bun:test";
import type { ApplicationEvent } from "../events/catalog.ts";
import { memoryStore } from "../records/store/open-store.ts";
import type { OutboxEntry, Store } from "../records/store.ts";
import { Webhooks } from "./webhooks.ts";

const endpoint = { url: "http://127.0.0.1:1/hook", keys: () => [new Uint8Array(24)], events: undefined };

const event = (session: string, n: number): ApplicationEvent =>
  ({
    ...{ id: `${session}_${n}`, type: "session.ringing", at: 0, lane: session },
    data: { session, n },
  }) as never;

const left = (session: string, n: number): OutboxEntry => ({
  ...{ id: `${session}_${n}`, endpoint: endpoint.url, lane: session, type: "session.ringing" },
  ...{ body: "{}", createdAt: 0, attempts: 0, dueAt: 0 },
});

/** Webhooks that all are taken, and their ids in order. `ask`: what happens before the store is asked. */
function make(store: Store, ask: () => Promise<void>): { webhooks: Webhooks; sent: string[] } {
  const sent: string[] = [];
  const webhooks = new Webhooks({
    store: {
      write: (...writes) => store.write(...writes),
      ask: async (question, argument) => {
        const answer = await store.ask(question, argument);
        await ask();
        return answer;
      },
      counts: store.counts,
      stop: () => store.stop(),
    },
    sender: {
      post: async (_url, headers) => {
        sent.push(String(headers["webhook-id"]));
        return { ok: true };
      },
    },
    ...{ connections: 4, jitter: () => 0, told: () => {} },
  });
  return { webhooks, sent };
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

test("what is told while the store is asked goes after what waits there", async () => {
  const store = memoryStore();
  const { promise, resolve: answer } = Promise.withResolvers<void>();
  const { webhooks, sent } = make(store, () => promise);
  webhooks.hold();
  await webhooks.use([endpoint]);
  for (const n of [1, 2]) webhooks.tell(event("s_a", n));
  await settled();
  expect(sent).toEqual([]);
  // The server has looked through what an earlier run has left, and asks for it.
  const released = webhooks.release();
  await settled();
  webhooks.tell(event("s_a", 3));
  webhooks.tell(event("s_b", 1));
  await settled();
  expect(sent).toEqual([]);
  answer();
  await released;
  await settled();
  expect(sent.filter((id) => id.startsWith("s_a"))).toEqual(["s_a_1", "s_a_2", "s_a_3"]);
  expect(sent).toContain("s_b_1");
  await webhooks.stop(0);
});

test("where more waits in the store than memory takes, what is told meanwhile goes after all of that", async () => {
  const store = memoryStore();
  const writes = Array.from({ length: 6_000 }, (_, n) => ({
    write: "outbox" as const,
    entry: left("s_a", n + 1),
  }));
  await store.write(...writes);
  let first = true;
  const { webhooks, sent } = make(store, async () => {
    if (!first) return;
    first = false;
    webhooks.tell(event("s_a", 6_001));
    await settled();
  });
  await webhooks.use([endpoint]);
  for (let turn = 0; sent.length < 6_001 && turn < 200; turn++) await settled();
  expect(sent).toEqual(Array.from({ length: 6_001 }, (_, n) => `s_a_${n + 1}`));
  await webhooks.stop(0);
});
