import { describe, expect, test } from "bun:test";
import { Ladder } from "./ladder.ts";
import type { LadderRow } from "./record.ts";

const sum = { bytes: 130, counts: { "host/udp": 1 }, size: 14 };
const places = (rows: readonly LadderRow[]): number[] => rows.map(({ at }) => at);

/** A ladder to which that many rows of candidates were added, the first one at 0 ms. */
function filled(count: number): Ladder {
  const ladder = new Ladder();
  for (let at = 0; at < count; at++) ladder.addCandidates(at, "alice/web", "server", sum);
  return ladder;
}

describe("a ladder", () => {
  test("keeps the first rows and the newest ones, in order, and counts those in between", () => {
    const ladder = filled(10_000);
    const shown = places(ladder.rows);
    expect(shown.length + ladder.skipped).toBe(10_000);
    expect(shown).toEqual([...shown].sort((a, b) => a - b));
    expect(new Set(shown).size).toBe(shown.length);
    const gap = shown.findIndex((at, index) => at !== index);
    expect(gap).toBeGreaterThan(200);
    expect(shown[gap]).toBe(10_000 - (shown.length - gap));
    expect(shown.length - gap).toBeGreaterThan(60);
    expect(JSON.stringify(ladder.rows).length).toBeLessThan(40_000);
  });

  test("leaves rows alone that were read, whatever comes later", () => {
    const ladder = filled(1_000);
    const before = ladder.rows;
    const text = JSON.stringify(before);
    for (let at = 1_000; at < 3_000; at++) ladder.addCandidates(at, "bob/phone", "server", sum);
    expect(JSON.stringify(before)).toBe(text);
    expect(ladder.rows.at(-1)).toEqual({
      ...{ at: 2_999, from: "bob/phone", to: "server", type: "signal", bytes: 130 },
      candidates: { "host/udp": 1 },
    });
  });

  test.each([10, 1_000])("has the outcome of a request, where it is row %i", (before) => {
    const ladder = filled(before);
    ladder.addCandidates(before, "alice/web", "server", sum).outcome = "stale_generation";
    for (let at = before + 1; at < before + 20; at++) ladder.addCandidates(at, "bob/phone", "server", sum);
    const failed = {
      at: before,
      from: "alice/web",
      to: "server",
      type: "signal",
      outcome: "stale_generation",
    };
    expect(ladder.rows.filter(({ outcome }) => outcome !== undefined)).toMatchObject([failed]);
    for (let at = before + 20; at < before + 500; at++) ladder.addCandidates(at, "alice/web", "server", sum);
    expect(ladder.rows.filter(({ outcome }) => outcome !== undefined)).toHaveLength(before === 10 ? 1 : 0);
  });

  test("tells rows of candidates apart, however many kinds there are", () => {
    const ladder = filled(400);
    const kinds = Array.from({ length: 50 }, (_, n) => ({
      bytes: n,
      counts: { [`kind${n}/udp`]: 1 },
      size: 20,
    }));
    for (const [n, kind] of kinds.entries()) ladder.addCandidates(400 + n, "alice/web", "server", kind);
    const shown = ladder.rows.slice(-50);
    expect(shown.map(({ bytes, candidates }) => [bytes, candidates])).toEqual(
      kinds.map(({ bytes, counts }) => [bytes, counts]),
    );
  });

  test("has rows of all kinds in one order, and none that is larger than all of its newest rows may be", () => {
    const ladder = filled(400);
    for (let at = 400; at < 800; at++) {
      ladder.add({ at, from: "server", to: "bob/phone", type: "report" });
      if (at % 3 === 0) ladder.addCandidates(at, "alice/web", "server", sum);
    }
    const { skipped } = ladder;
    ladder.add({ at: 800, from: "alice/web", to: "server", type: "signal", text: "x".repeat(10_000) });
    expect(ladder.rows.some(({ text }) => text !== undefined)).toBe(false);
    expect(ladder.skipped).toBeGreaterThan(skipped);
    ladder.add({ at: 801, from: "alice/web", to: "server", type: "hangup" });
    expect(ladder.rows.at(-1)?.type).toBe("hangup");
  });
});
