import { decodeFrame, decodeHello } from "../../src/protocol/codec.ts";
import { type Vocabulary, validHello, validRequest } from "./frame-grammar.ts";
import { FuzzWorld, type Tally } from "./fuzz-world.ts";
import { bytes, mutated } from "./mutation.ts";
import { Random } from "./random.ts";

/** Inputs of one world; then everything is let go and must be gone. */
export const worldInputs = 2_500;

export interface FuzzReport extends Tally {
  readonly seconds: number;
  /** Heap after each world, MB; the first few are warm-up. */
  readonly heap: number[];
}

/**
 * Feeds this many inputs to worlds of their own seeds: `seed`, `seed + 1`, … Throws at the first failure, with the seed
 * and the input that repeat it.
 */
export function fuzzCore(seed: number, inputs: number, progress?: (done: number) => void): FuzzReport {
  const total: Tally = { inputs: 0, ok: 0, errors: 0, closes: 0 };
  const heap: number[] = [];
  const began = performance.now();
  for (let number = 0; total.inputs < inputs; number++) {
    const world = new FuzzWorld(seed + number);
    try {
      world.run(Math.min(worldInputs, inputs - total.inputs));
      world.current = "the end of the world";
      world.end();
    } catch (error) {
      const { tally, current } = world;
      const where = `seed ${world.seed}, input ${tally.inputs}: ${JSON.stringify(current).slice(0, 2_000)}`;
      throw new Error(`${error instanceof Error ? error.message : error}\n${where}`, { cause: error });
    }
    for (const name of ["inputs", "ok", "errors", "closes"] as const) total[name] += world.tally[name];
    heap.push(heapMegabytes());
    progress?.(total.inputs);
  }
  return { ...total, seconds: (performance.now() - began) / 1_000, heap };
}

/** The same for the codec alone: bytes, broken text, broken trees. It must not throw, and name what is wrong. */
export function fuzzCodec(seed: number, inputs: number): void {
  const random = new Random(seed);
  for (let n = 0; n < inputs; n++) {
    const text = random.chance(0.2)
      ? bytes(random, random.int(0, 200))
      : mutated(random, random.chance(0.2) ? validHello(random, words) : validRequest(random, words));
    for (const decode of [decodeFrame, decodeHello]) {
      const result = decode(text);
      if (!result.ok && (result.error.length === 0 || result.error.length > 250))
        throw new Error(`seed ${seed}, input ${n}: ${JSON.stringify(text).slice(0, 500)}`);
    }
  }
}

const words: Vocabulary = {
  users: ["alice", "bob"],
  devices: ["phone"],
  rooms: ["room:a"],
  streams: ["stream:a"],
  sessions: ["s_1"],
  members: ["m_1"],
  tickets: ["t"],
  tokens: ["alice"],
};

function heapMegabytes(): number {
  (globalThis as { Bun?: { gc(force: boolean): void } }).Bun?.gc(true);
  return process.memoryUsage().heapUsed / 1_048_576;
}
