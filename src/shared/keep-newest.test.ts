import { expect, test } from "bun:test";
import { keepNewest } from "./keep-newest.ts";

test("the latest are kept; a key that is set again is one of them", () => {
  const map = new Map<string, number>();
  for (const [n, key] of ["a", "b", "c", "a", "d"].entries()) keepNewest(map, key, n, 3);
  expect([...map]).toEqual([
    ["c", 2],
    ["a", 3],
    ["d", 4],
  ]);
});
