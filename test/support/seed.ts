// @ts-expect-error: a script without types
import { commitSeed } from "../../scripts/commit-seed.mjs";

/**
 * What the models and the fuzzers draw their histories from: the same in every run of one commit, another one with each commit.
 * `MODEL_SEED` repeats an earlier one. Print it in the test's name, so that a failure in a log can be repeated.
 */
export const seed: number =
  process.env.MODEL_SEED === undefined ? commitSeed() : Number(process.env.MODEL_SEED);

/** How many histories a model tries: `usual`, unless `MODEL_RUNS` says otherwise. */
export function runs(usual: number): number {
  return Number(process.env.MODEL_RUNS ?? usual);
}

/**
 * So many of the cases, in their order: others with each commit, and in time each of them. `npm run test:long` takes them all. For cases that
 * each try much of the same; name them in the test, so that a failure in a log can be repeated.
 */
export function someOf<T>(cases: readonly T[], count: number): readonly T[] {
  if (process.env.TEST_LONG === "1" || count >= cases.length) return cases;
  const first = (seed * count) % cases.length;
  return cases.filter((_, at) => (at - first + cases.length) % cases.length < count);
}

/** How long a model may take, ms. What somebody asks for by `MODEL_RUNS` may take long. */
export const modelTimeout = process.env.MODEL_RUNS === undefined ? 120_000 : 7_200_000;
