import { expect, test } from "bun:test";
import { parseCount, StreamManagement } from "./stream-management.ts";

const limits = { unackedStanzas: 3, unackedCharacters: 100 };

test("keeps what is not acknowledged", () => {
  const stream = new StreamManagement("id", limits);
  for (const text of ["a", "b", "c"]) expect(stream.sent(text)).toBe(true);
  expect(stream.acknowledge(1)).toBe(true);
  expect(stream.unacked).toEqual(["b", "c"]);
  expect(stream.acknowledge(4)).toBe(false);
  expect(stream.acknowledge(0)).toBe(false);
  expect(stream.acknowledge(3)).toBe(true);
  expect(stream.unacked).toEqual([]);
});

test("holds no more than it may", () => {
  const [many, large] = [new StreamManagement("id", limits), new StreamManagement("id", limits)];
  for (let n = 0; n < 3; n++) expect(many.sent("a")).toBe(true);
  expect(many.sent("a")).toBe(false);
  expect(large.sent("a".repeat(100))).toBe(true);
  expect(large.sent("a")).toBe(false);
});

test("asks now and then", () => {
  const stream = new StreamManagement(undefined, { unackedStanzas: 100, unackedCharacters: 100 });
  let asked = 0;
  for (let n = 0; n < 16; n++) {
    stream.sent("a");
    if (stream.asks) asked += 1;
  }
  expect(asked).toBe(2);
});

test("counts are of 32 bits", () => {
  expect(["0", "4294967295", "4294967296", "-1", "", "1e3", undefined].map(parseCount)).toEqual([
    0,
    4_294_967_295,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});
