import { expect, test } from "bun:test";
import { check, type Taken } from "./checker.ts";
import { runWebhooks } from "./run.ts";

const event = (session: string, n: number, type = "session.ringing", id = `${session}_${n}`): Taken => ({
  ...{ endpoint: "e", id, type, session, n, body: "" },
});
const started = event("s", 1, "session.started");
const ended = (n: number): Taken => event("s", n, "session.ended", "s_ended");

test("the checker finds what is missing, doubled or out of order, and nothing else", () => {
  const found = (taken: readonly Taken[], placed: readonly string[] = []): number =>
    check(
      taken,
      placed.map((session) => ({ session })),
      ["e"],
    ).length;
  expect(found([started, event("s", 2), event("s", 2), started, ended(3), ended(3)], ["s"])).toBe(0);
  expect(found([started, event("s", 1_001), ended(1_002)])).toBe(0);
  expect(found([], ["s"])).toBe(1);
  for (const wrong of [
    [started, event("s", 2)],
    [event("s", 2), started, ended(3)],
    [started, ended(2), event("s", 3)],
    [started, event("s", 3), ended(4)],
    [started, event("s", 2, "session.ended"), ended(3)],
    [started, event("s", 2), event("other", 1, "session.started", "s_2"), ended(3)],
  ])
    expect(found(wrong)).toBeGreaterThan(0);
});

// Minutes on a busy machine: `npm run test:long`.
if (process.env.TEST_LONG === "1")
  test("calls under kill -9 of their server: every session has its events in order, and one end", async () => {
    const run = { nodes: 1, calls: 40, seed: 1, pairs: 8, killEvery: 1_000, lostAfter: 1_500 };
    const { findings, kills, lost } = await runWebhooks(run);
    expect(findings).toEqual([]);
    expect([kills > 0, lost > 0]).toEqual([true, true]);
  }, 150_000);
