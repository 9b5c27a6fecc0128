import { expect, test } from "bun:test";
import { type FuzzReport, fuzzCodec, fuzzCore, worldInputs } from "./fuzz-run.ts";
import { fuzzRounds, seed } from "./target.ts";

const worlds = fuzzRounds(12, worldInputs);
const inputs = worlds * worldInputs;
const texts = fuzzRounds(10_000);
let report: FuzzReport | undefined;
/** One run is enough for both tests of the core. */
const fuzzed = (): FuzzReport => (report ??= fuzzCore(worlds));

test(`${inputs} inputs to the core: no throw, each answered or closed, nothing left behind (seed ${seed})`, () => {
  const { inputs: taken, ok, errors, closes } = fuzzed();
  expect(taken).toBe(inputs);
  // It reached both sides of the protocol, not only its refusals.
  expect(ok).toBeGreaterThan(inputs / 5);
  expect(errors).toBeGreaterThan(inputs / 5);
  expect(closes).toBeGreaterThan(inputs / 50);
});

test("the heap is after many worlds what it was after a few", () => {
  const { heap } = fuzzed();
  expect(heap.length).toBeGreaterThanOrEqual(12);
  const early = Math.max(...heap.slice(3, 8));
  expect(heap.at(-1) ?? 0).toBeLessThan(early + 8);
});

test(`${texts} inputs to the codec: no throw (seed ${seed})`, () => {
  fuzzCodec(texts);
});
