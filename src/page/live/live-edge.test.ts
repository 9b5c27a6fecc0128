import { expect, test } from "bun:test";
import { LiveEdge } from "./live-edge.ts";

/** Plays for so many s with a target of 0.6 s, from so far behind; answers how far behind it is then. */
function play(edge: LiveEdge, behind: number, from: number, seconds: number): number {
  let left = behind;
  for (let at = from; at < from + seconds * 1_000; at += 250)
    left -= 0.25 * (edge.rate(left, 0.6, left - 0.1, at) - 1);
  return left;
}

test("a player that stalled is near the live edge again soon, at the distance that the stalls ask for", () => {
  const edge = new LiveEdge(0);
  expect(play(edge, 0.85, 0, 10)).toBe(0.85);
  edge.stalled(10_000);
  expect(play(edge, 3, 10_000, 10)).toBeCloseTo(1.1, 1);
  // Forgotten after a calm while.
  expect(play(edge, 1.1, 20_000, 30)).toBeLessThan(0.95);
});

test("it plays no faster than life with little ahead, and where somebody looks at what was", () => {
  const edge = new LiveEdge(0);
  expect(edge.rate(2, 0.6, 0.2, 0)).toBe(1);
  expect(edge.rate(2, 0.6, 1.5, 0)).toBe(1.2);
  expect(edge.rate(30, 0.6, 10, 0)).toBe(1);
});
