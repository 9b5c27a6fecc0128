import { expect, test } from "bun:test";
import { slope } from "./slope.ts";

test("the slope of a line is that of the line, whatever noise lies on it", () => {
  const noise = [3, -3, 2, -2, 1, -1, 0, 0];
  const line = (perHour: number) =>
    noise.map((off, n) => [n / 8, 100 + (perHour * n) / 8 + off * 0.01] as const);
  expect(slope(line(0))).toBeCloseTo(0, 0);
  expect(slope(line(40))).toBeCloseTo(40, 0);
  expect(slope(line(-7))).toBeCloseTo(-7, 0);
});

test("no time, no slope", () => {
  expect(slope([[1, 5]])).toBe(0);
});
