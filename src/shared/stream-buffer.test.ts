import { expect, test } from "bun:test";
import { StreamBuffer } from "./stream-buffer.ts";

const bytes = (...values: number[]) => new Uint8Array(values);

test("chunks come together, and what was read is never written to again", () => {
  const buffer = new StreamBuffer();
  const first = bytes(1, 2, 3);
  expect(buffer.with(first)).toBe(first);
  buffer.keep(first, 1);
  expect(buffer.length).toBe(2);
  const second = buffer.with(bytes(4, 5));
  expect([...second]).toEqual([2, 3, 4, 5]);
  const view = second.subarray(0, 3);
  buffer.keep(second, 3);
  expect([...buffer.with(bytes(6, 7, 8, 9))]).toEqual([5, 6, 7, 8, 9]);
  expect([...view]).toEqual([2, 3, 4]);
  buffer.clear();
  expect(buffer.length).toBe(0);
  expect([...buffer.with(bytes(1))]).toEqual([1]);
});

test("a chunk that completes nothing is not copied again with the next", () => {
  const buffer = new StreamBuffer();
  buffer.keep(buffer.with(bytes(0)), 0);
  const places = new Set<ArrayBufferLike>();
  for (let n = 0; n < 1_000; n++) {
    const whole = buffer.with(bytes(n & 0xff));
    expect(whole.length).toBe(n + 2);
    places.add(whole.buffer);
    buffer.keep(whole, 0);
  }
  // It grows by doubling.
  expect(places.size).toBeLessThan(12);
});
