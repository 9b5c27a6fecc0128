import { expect, test } from "bun:test";
import type { CoreEvent } from "../signaling/events.ts";
import { StatisticsHistory } from "./history.ts";

/** The end of a call that had media so many ms after it was accepted, or never. */
function ended(setUp: number | undefined): CoreEvent {
  const record = {
    ...{ session: "s", kind: "call", caller: { user: "a", device: "d" }, callee: { user: "b" } },
    ...{
      startedAt: 0,
      acceptedAt: 1_000,
      endedAt: 9_000,
      reason: "hangup",
      rung: [],
      pairs: 1,
      generations: 1,
    },
    ...(setUp === undefined ? {} : { connectedAt: 1_000 + setUp }),
  };
  return { type: "session_ended", record } as unknown as CoreEvent;
}

test("gauges are kept as they are, counters as what they grew", () => {
  const history = new StatisticsHistory(1_000, 10);
  history.sample(1_000, { links: 3 }, { "cause.busy": 2 });
  history.sample(2_000, { links: 5 }, { "cause.busy": 6, "cause.declined": 1 });
  const { at, series } = history.since(0);
  expect(at).toEqual([1_000, 2_000]);
  expect(series).toMatchObject({ links: [3, 5], "cause.busy": [2, 4], "cause.declined": [0, 1] });
  expect(history.since(1_000).series.links).toEqual([5]);
  expect(history.since(2_000)).toMatchObject({ at: [], series: { links: [] } });
});

test("calls that ended, those that never had media, and how long the others took", () => {
  const history = new StatisticsHistory(1_000, 10);
  for (const setUp of [100, 300, 200, undefined]) history.heard(ended(setUp));
  history.sample(1_000, {}, {});
  history.sample(2_000, {}, {});
  expect(history.since(0).series).toMatchObject({
    ...{ ended: [4, 0], failed: [1, 0], setUp50: [200, 0], setUp95: [300, 0] },
  });
});

test("it forgets the oldest sample, and takes no more than a hundred series", () => {
  const history = new StatisticsHistory(1_000, 3);
  const many = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`gauge${index}`, index]));
  for (let at = 1; at <= 5; at++) history.sample(at, many, {});
  const { at, series } = history.since(0);
  expect(at).toEqual([3, 4, 5]);
  expect(Object.keys(series)).toHaveLength(100);
  expect(new Set(Object.values(series).map(({ length }) => length))).toEqual(new Set([3]));
});
