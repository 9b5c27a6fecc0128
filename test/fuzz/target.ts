import { seed as drawn } from "../support/seed.ts";
import { Random } from "./random.ts";

/** `npm run fuzz` sets how many inputs each target is given. */
const asked = process.env.FUZZ_RUNS;
/** Another one with each commit; FUZZ_SEED repeats one. */
export const seed = Number(process.env.FUZZ_SEED ?? drawn);
/** How much the heap may be larger at the end of a long run than early in it, MB. */
const mostGrowth = 8;
/** Shorter runs end before the heap has its size. */
const longRun = 100_000;

/**
 * How often a target goes round: `usual` times in `npm test`; in a long run as often as it takes for FUZZ_RUNS inputs, with `each` inputs a round.
 */
export function fuzzRounds(usual: number, each = 1): number {
  return asked === undefined ? usual : Math.ceil(Number(asked) / each);
}

/** The source of chance of a target, or of its round `number`. The same seed and number give the same source. */
export function chance(number = 0): Random {
  return new Random(Math.imul(seed, 0x9e3779b1) + number);
}

/**
 * The numbers of the rounds, for the loop of a target. When the loop ends early, by a failure, this prints what repeats it. In a long run it prints
 * the CPU time of the inputs and measures the heap, and throws when the heap has grown.
 */
export function* rounds(count: number, each = 1): Generator<number> {
  const began = process.cpuUsage();
  const heap: number[] = [];
  let number = 0;
  try {
    for (; number < count; number++) {
      yield number;
      if (asked === undefined || Math.floor(((number + 1) * 10) / count) <= heap.length) continue;
      heap.push(heapMegabytes());
      console.log(`${(number + 1) * each} inputs, heap ${heap.at(-1)?.toFixed(1)} MB`);
    }
  } finally {
    if (number < count) console.error(`FUZZ_SEED=${seed} failed in round ${number} of ${count}`);
  }
  if (asked === undefined) return;
  const { user, system } = process.cpuUsage(began);
  const seconds = (user + system) / 1e6;
  const early = Math.max(...heap.slice(1, 4));
  const late = Math.min(...heap.slice(-3));
  console.log(
    `fuzz: ${count * each} inputs in ${seconds.toFixed(1)} s of CPU, heap ${early.toFixed(1)} MB early and ${late.toFixed(1)} MB late`,
  );
  if (count * each >= longRun && late > early + mostGrowth)
    throw new Error(`the heap grows: ${heap.map((one) => one.toFixed(1)).join(", ")} MB`);
}

/** The heap after a collection, MB. */
export function heapMegabytes(): number {
  (globalThis as { Bun?: { gc(force: boolean): void } }).Bun?.gc(true);
  return process.memoryUsage().heapUsed / 1_048_576;
}
