import { expect, test } from "bun:test";
import { seed as drawn } from "../support/seed.ts";
import { type FuzzReport, fuzzCodec, fuzzCore } from "./fuzz-run.ts";

// Worlds have the seeds after it, so that those of two commits rarely overlap. FUZZ_SEED repeats one.
const seed = Number(process.env.FUZZ_SEED ?? drawn);
const inputs = 30_000;
let report: FuzzReport | undefined;
/** One run is enough for both tests of the core. */
const fuzzed = (): FuzzReport => (report ??= fuzzCore(seed, inputs));

test(`${inputs} inputs to the core: no throw, each answered or closed, nothing left behind (seed ${seed})`, () => {
  const { inputs: taken, ok, errors, closes } = fuzzed();
  expect(taken).toBe(inputs);
  // It reached both sides of the protocol, not only its refusals.
  expect(ok).toBeGreaterThan(inputs / 5);
  expect(errors).toBeGreaterThan(inputs / 5);
  expect(closes).toBeGreaterThan(inputs / 50);
}, 60_000);

test("the heap is after many worlds what it was after a few", () => {
  const { heap } = fuzzed();
  expect(heap.length).toBeGreaterThanOrEqual(12);
  const early = Math.max(...heap.slice(3, 8));
  expect(heap.at(-1) ?? 0).toBeLessThan(early + 8);
}, 60_000);

test(`10,000 inputs to the codec: no throw (seed ${seed})`, () => {
  fuzzCodec(seed, 10_000);
}, 60_000);
