import { expect, test } from "bun:test";
import { type PushEvent, StreamPushes } from "./stream-pushes.ts";
import { parsePushTarget, shownTarget } from "./target.ts";

/** Pushes in simulated time: `begun` and `ended` are attempts. */
class World {
  now = 0;
  readonly live = new Set<string>();
  readonly begun: number[] = [];
  readonly ended: number[] = [];
  readonly events: string[] = [];
  readonly #timers = new Set<{ at: number; due: () => void }>();
  readonly pushes: StreamPushes;

  constructor(rules: readonly string[], most = 10) {
    this.pushes = new StreamPushes(
      {
        now: () => this.now,
        after: (ms, due) => {
          const timer = { at: this.now + ms, due };
          this.#timers.add(timer);
          return () => this.#timers.delete(timer);
        },
        random: () => `p${this.begun.length}`,
        live: (name) => this.live.has(name),
        targets: () => rules.flatMap((to) => parsePushTarget(to) ?? []),
        begin: (attempt) => this.begun.push(attempt),
        end: (attempt) => this.ended.push(attempt),
        tell: ({ type, push, reason = "" }: PushEvent) =>
          this.events.push(`${push.id} ${type} ${reason}`.trim()),
      },
      most,
    );
  }

  run(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const next = [...this.#timers].sort((one, other) => one.at - other.at)[0];
      if (next === undefined || next.at > end) break;
      this.#timers.delete(next);
      this.now = next.at;
      next.due();
    }
    this.now = end;
  }

  begin(name = "show"): this {
    this.live.add(name);
    this.pushes.changed(name);
    return this;
  }
}

const one = "rtmp://live.example.com/app/key";

test("attempts follow each other with growing pauses, and one failure of an outage is told", () => {
  const world = new World([one]).begin();
  const begunAt: number[] = [];
  for (let n = 0; n < 9; n++) {
    begunAt.push(world.now);
    world.pushes.heard(world.begun.at(-1) ?? 0, "over", "refused");
    const before = world.begun.length;
    while (world.begun.length === before) world.run(500);
  }
  expect(begunAt.slice(1).map((at, n) => at - (begunAt[n] ?? 0))).toEqual([
    1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000,
  ]);
  expect(world.events).toEqual(["p0 failed refused"]);
  expect(world.pushes.list("show")).toMatchObject([{ state: "connecting", failures: 9, failure: "refused" }]);
  world.pushes.heard(world.begun.at(-1) ?? 0, "live");
  world.run(60_000);
  world.pushes.heard(world.begun.at(-1) ?? 0, "over", "closed");
  expect(world.pushes.list("show")).toMatchObject([{ state: "waiting", failures: 1 }]);
  expect(world.events.slice(1)).toEqual(["p0 started", "p0 failed closed"]);
});

test("while the publisher is away no attempt begins, and one begins when it is back", () => {
  const world = new World([one]).begin();
  world.live.delete("show");
  world.pushes.heard(1, "over", "closed");
  world.run(10_000);
  expect(world.begun).toEqual([1]);
  world.begin();
  expect(world.begun).toEqual([1, 2]);
});

test("the end of the stream ends its pushes, and those removed stay away until it begins anew", () => {
  const world = new World([one]).begin();
  expect(world.pushes.remove("show", "p0")).toBe(true);
  expect(world.pushes.remove("show", "p0")).toBe(false);
  world.begin();
  expect(world.pushes.list("show")).toEqual([]);
  expect(world.ended).toEqual([1]);
  const target = parsePushTarget(one);
  if (target === undefined) throw new Error("no target");
  expect(world.pushes.add("show", target)).toMatchObject({ by: "request", state: "connecting" });
  world.pushes.over("show");
  expect(world.ended).toEqual([1, 2]);
  expect(world.events.at(-1)).toBe("p1 ended over");
  // What is heard of an attempt that has ended changes nothing.
  world.pushes.heard(2, "live");
  expect(world.events.at(-1)).toBe("p1 ended over");
  world.begin();
  expect(world.pushes.list("show")).toMatchObject([{ by: "rule" }]);
});

test("there are no more than may be, and none of a stream that isn't live", () => {
  const world = new World([one, one, one], 2).begin();
  expect(world.pushes.list("show")).toHaveLength(2);
  const target = parsePushTarget(one);
  if (target === undefined) throw new Error("no target");
  expect(world.pushes.add("show", target)).toBe("full");
  expect(world.pushes.add("other", target)).toBe("not live");
  world.pushes.over("show");
  expect(world.pushes.counts).toEqual({ waiting: 0, connecting: 0, live: 0 });
});

test("targets: what is read, and what is shown", () => {
  expect(parsePushTarget("rtmps://live.example.com/app/inner/key?auth=1")).toEqual({
    kind: "rtmp",
    rtmp: { tls: true, host: "live.example.com", port: 443, app: "app/inner", key: "key?auth=1" },
  });
  expect(parsePushTarget("rtmp://[2001:db8::1]:80/app/key")).toMatchObject({
    rtmp: { host: "2001:db8::1", port: 80 },
  });
  const whip = parsePushTarget("https://live.example.com/whip/lobby?key=1", "secret");
  expect(whip).toEqual({
    kind: "whip",
    whip: { url: "https://live.example.com/whip/lobby?key=1", token: "secret" },
  });
  expect(whip && shownTarget(whip)).toBe("https://live.example.com");
  // A token is for WHIP, and no header breaks out of it.
  expect(parsePushTarget(one, "secret")).toBeUndefined();
  expect(parsePushTarget("https://live.example.com/whip/lobby", "a\r\nb: c")).toBeUndefined();
  for (const text of [one, "rtmp://live.example.com:1935/app/key"]) {
    const target = parsePushTarget(text);
    expect(target && shownTarget(target)).toBe("rtmp://live.example.com:1935");
  }
  for (const wrong of [
    "rtmp://host/app",
    "rtmp://host//",
    "rtmp:///app/key",
    "rtmp://u:p@host/a/b",
    "x",
    "rtmp://host/a/b#c",
    "https://u:p@host/whip/a",
    "ftp://host/whip/a",
  ])
    expect(parsePushTarget(wrong)).toBeUndefined();
});
