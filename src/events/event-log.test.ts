import { expect, test } from "bun:test";
import type { ApplicationEvent } from "./catalog.ts";
import { EventLog, type LoggedEvent } from "./event-log.ts";

function event(n: number, more = ""): ApplicationEvent {
  return { id: `e${n}`, type: "node.up", at: 0, lane: "node", data: { node: `n${n}${more}` } };
}

function nodeOf({ body }: LoggedEvent): string {
  return JSON.parse(body).data.node;
}

function filled(count: number, more = ""): EventLog {
  const log = new EventLog("run");
  for (let n = 1; n <= count; n++) log.add(event(n, more), 0);
  return log;
}

test("who reads on gets each event once and in order", () => {
  const log = filled(1_200);
  const read: string[] = [];
  for (let at = 0; at < 1_200; ) {
    const page = log.read("run", at);
    expect([page.gap, page.events.length <= 500]).toEqual([false, true]);
    read.push(...page.events.map(nodeOf));
    at = page.upTo;
  }
  expect(read).toEqual(Array.from({ length: 1_200 }, (_, n) => `n${n + 1}`));
  expect(log.read("run", 1_200)).toEqual({ run: "run", upTo: 1_200, gap: false, events: [] });
});

test("who begins anew is told where the log is, and gets what comes then", () => {
  const log = filled(3);
  const { run, upTo, events } = log.read(undefined, 0);
  expect(events).toEqual([]);
  log.add(event(4), 0);
  const [next, ...more] = log.read(run, upTo).events;
  expect([next?.n, next?.type, next && nodeOf(next), more]).toEqual([4, "node.up", "n4", []]);
});

test("the log is bounded, by number and by size, and says what is gone", () => {
  const many = filled(25_000);
  const page = many.read("run", 10);
  expect([page.gap, page.events[0]?.n]).toEqual([true, 15_001]);
  expect(many.read("run", 15_000).gap).toBe(false);
  const large = filled(3_000, "x".repeat(10_000));
  const first = large.read("run", 0);
  expect([first.gap, (first.events[0]?.n ?? 0) > 2_000, first.events.length < 60]).toEqual([
    true,
    true,
    true,
  ]);
});

test("a place of another run, or ahead of this one, is a gap, and the whole log follows", () => {
  const log = filled(3);
  for (const page of [log.read("other", 2), log.read("run", 7)])
    expect([page.gap, page.events.length]).toEqual([true, 3]);
});
