import { expect, test } from "bun:test";
import { gradeOf } from "./talking.tsx";
import { hueOf } from "./test-picture.ts";

test("a connection is graded by what a listener notices", () => {
  expect(gradeOf({ loss: 0.001, delay: 40 })).toBe(3);
  expect(gradeOf({ loss: 0.001 })).toBe(3);
  expect(gradeOf({ loss: 0.03, delay: 40 })).toBe(2);
  expect(gradeOf({ loss: 0, delay: 300 })).toBe(2);
  expect(gradeOf({ loss: 0.2, delay: 40 })).toBe(1);
  expect(gradeOf({ loss: 0, delay: 900 })).toBe(1);
});

test("a name has its own color, the same each time, whatever it is written in", () => {
  expect(hueOf("alice")).toBe(hueOf("alice"));
  expect(hueOf("alice")).not.toBe(hueOf("bob"));
  for (const name of ["", "小明", "x".repeat(128)]) {
    expect(hueOf(name)).toBeGreaterThanOrEqual(0);
    expect(hueOf(name)).toBeLessThan(360);
  }
});
