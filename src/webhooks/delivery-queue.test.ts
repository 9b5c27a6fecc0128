import { expect, test } from "bun:test";
import { type Delivery, DeliveryQueue, mostAttempts } from "./delivery-queue.ts";

const make = (connections = 10) => new DeliveryQueue({ jitter: () => 0.5, connections });
const delivery = (id: string, lane: string): Delivery => ({
  id,
  lane,
  type: "session.started",
  body: "{}",
  createdAt: 0,
  attempts: 0,
  dueAt: 0,
});
const ids = (deliveries: readonly Delivery[]) => deliveries.map(({ id }) => id);
const failed = { ok: false, failure: "500" } as const;

test("a lane is in order, and lanes do not wait for each other", () => {
  const queue = make();
  for (const [id, lane] of [
    ["a1", "a"],
    ["a2", "a"],
    ["b1", "b"],
  ] as const)
    queue.add(delivery(id, lane), 0);
  expect(ids(queue.take(0))).toEqual(["a1", "b1"]);
  expect(queue.take(0)).toEqual([]);
  expect(queue.attempted("a1", failed, 0)).toBe("retry");
  expect(queue.attempted("b1", { ok: true }, 0)).toBe("delivered");
  expect(queue.nextAt(0)).toBe(0);
  expect(ids(queue.take(0))).toEqual(["a1"]);
  expect(queue.attempted("a1", { ok: true }, 10)).toBe("delivered");
  expect(ids(queue.take(10))).toEqual(["a2"]);
});

test("a message that is not taken for ten minutes lets the next of its lane go, and is tried for three days", () => {
  const queue = make();
  queue.add(delivery("a1", "a"), 0);
  queue.add(delivery("a2", "a"), 0);
  let now = 0;
  let attempts = 0;
  const times: number[] = [];
  let verdict = "";
  while (verdict !== "dead") {
    const taken = queue.take(now);
    for (const one of taken) {
      if (one.id === "a2") {
        expect(now).toBeGreaterThanOrEqual(600_000);
        queue.attempted("a2", failed, now);
        continue;
      }
      attempts += 1;
      times.push(now);
      verdict = queue.attempted("a1", failed, now);
    }
    if (verdict === "dead") break;
    now = Math.max(now + 1, queue.nextAt(now) ?? now + 60_000);
  }
  expect(attempts).toBe(mostAttempts);
  expect((times.at(-1) ?? 0) / 3_600_000).toBeGreaterThan(70);
  expect((times.at(-1) ?? 0) / 3_600_000).toBeLessThan(74);
});

test("an endpoint that is overloaded gets nothing for as long as it says", () => {
  const queue = make();
  queue.add(delivery("a1", "a"), 0);
  queue.take(0);
  queue.attempted("a1", { ok: false, failure: "429", slowDown: 30_000 }, 0);
  queue.add(delivery("b1", "b"), 0);
  expect(queue.take(29_999)).toEqual([]);
  expect(queue.nextAt(0)).toBe(30_000);
  expect(ids(queue.take(30_000)).sort()).toEqual(["a1", "b1"]);
});

test("a dead endpoint gets one attempt every 50 ms, and all that waits once it answers", () => {
  const queue = make();
  for (let n = 0; n < 1_000; n++) queue.add(delivery(`a${n}`, `lane ${n}`), 0);
  for (const { id } of queue.take(0)) queue.attempted(id, failed, 0);
  let [now, attempts] = [0, 0];
  for (; now < 1_000; now = queue.nextAt(now) ?? Number.POSITIVE_INFINITY)
    for (const { id } of queue.take(now)) {
      attempts += 1;
      queue.attempted(id, failed, now);
    }
  expect(attempts).toBe(19);
  const [probe] = queue.take(now);
  expect(queue.attempted(probe?.id ?? "", { ok: true }, now)).toBe("delivered");
  let delivered = 1;
  for (let taken = queue.take(now); taken.length > 0; taken = queue.take(now))
    for (const { id } of taken) if (queue.attempted(id, { ok: true }, now) === "delivered") delivered += 1;
  expect([delivered, queue.size, queue.nextAt(now)]).toEqual([1_000, 0, undefined]);
});

test("410 ends the endpoint", () => {
  const queue = make();
  queue.add(delivery("a1", "a"), 0);
  queue.add(delivery("b1", "b"), 0);
  queue.take(0);
  expect(queue.attempted("a1", { ok: false, failure: "410", gone: true }, 0)).toBe("dead");
  expect(queue.take(1_000_000)).toEqual([]);
  expect(ids(queue.clear())).toEqual(["b1"]);
});
