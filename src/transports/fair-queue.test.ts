import { describe, expect, test } from "bun:test";
import { Backlog, FairQueue, type Worker } from "./fair-queue.ts";

/** An event loop whose turns are taken by hand. Each message takes `cost` ms. */
class Loop {
  time = 0;
  readonly faults: unknown[] = [];
  floods = 0;
  #tasks: (() => void)[] = [];

  next(task: () => void): void {
    this.#tasks.push(task);
  }

  clock(): number {
    return this.time;
  }

  flooded(): void {
    this.floods += 1;
  }

  fault(_where: string, error: unknown): void {
    this.faults.push(error);
  }

  /** False when nothing was to be done. */
  turn(): boolean {
    const tasks = this.#tasks;
    this.#tasks = [];
    for (const task of tasks) task();
    return tasks.length > 0;
  }
}

const large = 65_536;

function start({ cost = 1, most = {} }: { cost?: number; most?: { each?: number; all?: number } } = {}) {
  const loop = new Loop();
  const queue = new FairQueue(loop, { each: 100 * large, all: 100 * large, ...most });
  const done: string[] = [];
  const connect = (name: string, broken = false) => {
    const worker: Worker<string> = {
      perform: (message) => {
        loop.time += cost;
        if (broken && message !== "0") throw new Error(message);
        done.push(`${name}${message}`);
      },
      flooded: () => void done.push(`${name} flooded`),
      failed: () => void done.push(`${name} failed`),
    };
    const backlog = new Backlog(queue, worker);
    return (count: number, size = large, now = 0) => {
      for (let n = 0; n < count; n++) backlog.take(`${n}`, size, now);
      return backlog;
    };
  };
  return { loop, queue, done, connect };
}

describe("what a connection sends", () => {
  test("is acted on as it comes, a few messages of a turn", () => {
    const { loop, done, connect } = start();
    const alice = connect("a");
    for (let turn = 0; turn < 100; turn++) {
      alice(6, 500);
      while (loop.turn());
    }
    expect(done).toHaveLength(600);
    alice(6, 500);
    expect(done).toHaveLength(606);
  });

  test("is acted on a few messages at once, however long each takes, and again a few in the next turn", () => {
    const { loop, done, connect } = start({ cost: 5 });
    const alice = connect("a");
    for (let n = 0; n < 20; n++) alice(1, 0, loop.time);
    expect(done.length).toBeLessThan(15);
    while (loop.turn());
    expect(done).toHaveLength(20);
    for (let n = 0; n < 3; n++) alice(1, 0, loop.time);
    expect(done).toHaveLength(23);
  });

  test("never waits where it comes in many turns, however many connections there are", () => {
    const { loop, done, connect } = start();
    const all = Array.from({ length: 100 }, (_, n) => connect(`${n} `));
    for (let turn = 1; turn <= 50; turn++) {
      for (const each of all) each(1, 300);
      expect(done).toHaveLength(100 * turn);
      loop.turn();
    }
  });

  test("waits beyond that, and each turn does some of it, in order", () => {
    const { loop, queue, done, connect } = start();
    connect("m")(4);
    expect(done).toEqual(["m0"]);
    for (const next of ["m1", "m2", "m3"]) {
      expect(loop.turn()).toBe(true);
      expect(done.at(-1)).toBe(next);
    }
    expect([loop.turn(), queue.bytes]).toEqual([false, 0]);
  });

  test("a turn takes as many small messages as fit in a millisecond", () => {
    const { loop, done, connect } = start({ cost: 0.1 });
    connect("m")(100, 0);
    const direct = done.length;
    loop.turn();
    expect(done.length - direct).toBe(10);
  });

  test("keeps its order when more comes later", () => {
    const { loop, done, connect } = start();
    const mallory = connect("m");
    mallory(3);
    mallory(1, 1, 60_000);
    while (loop.turn());
    expect(done).toEqual(["m0", "m1", "m2", "m0"]);
  });
});

test("connections take turns, and who sends little waits for none of them", () => {
  const { loop, done, connect } = start();
  connect("m")(4);
  connect("n")(3);
  connect("a")(1, 100);
  expect(done).toEqual(["m0", "n0", "a0"]);
  while (loop.turn());
  expect(done.slice(3)).toEqual(["m1", "n1", "m2", "n2", "m3"]);
});

test("a closed connection's messages are forgotten", () => {
  const { loop, queue, done, connect } = start();
  connect("m")(10).clear();
  expect(queue.bytes).toBe(0);
  while (loop.turn());
  expect(done).toEqual(["m0"]);
});

test("a connection that ends has about a turn's work done at once, and the rest forgotten", () => {
  const { loop, queue, done, connect } = start({ cost: 0.1 });
  const left = connect("m")(100, 0).finish();
  expect(done.at(-1)).toBe(`m${Number(left) - 1}`);
  expect(done.length).toBeGreaterThan(20);
  expect(done.length).toBeLessThan(30);
  expect(queue.bytes).toBe(0);
  expect(loop.turn() && loop.turn()).toBe(false);
});

test("a message that breaks something costs its connection, and nobody else", () => {
  const { loop, done, connect } = start();
  connect("m", true)(3);
  connect("a")(3);
  while (loop.turn());
  expect(done).toEqual(["m0", "a0", "m failed", "a1", "a2"]);
  expect(loop.faults).toHaveLength(1);
});

test("a connection of which too much waits is closed", () => {
  const { loop, queue, done, connect } = start({ most: { each: 5 * large } });
  connect("m")(6);
  expect([done, queue.bytes, loop.floods]).toEqual([["m0", "m flooded"], 0, 1]);
});

test("where too much of all waits, the connection that has most waiting is closed", () => {
  const { loop, queue, done, connect } = start({ most: { all: 10 * large } });
  connect("a")(3);
  connect("m")(9);
  expect(queue.bytes).toBeLessThanOrEqual(10 * large);
  expect(loop.floods).toBe(1);
  expect(done).toEqual(["a0", "m0", "m flooded"]);
  while (loop.turn());
  expect(done.slice(3)).toEqual(["a1", "a2"]);
});
