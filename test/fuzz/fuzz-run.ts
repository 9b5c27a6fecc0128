import { decodeFrame, decodeHello } from "../../src/protocol/codec.ts";
import { type Vocabulary, validHello, validRequest } from "./frame-grammar.ts";
import { FuzzWorld, type Tally } from "./fuzz-world.ts";
import { bytes, mutated } from "./mutation.ts";
import { chance, heapMegabytes, rounds } from "./target.ts";

/** Inputs of one world; then everything is let go and must be gone. */
export const worldInputs = 2_500;

export interface FuzzReport extends Tally {
  /** Heap after each world, MB; the first few are warm-up. */
  readonly heap: number[];
}

/** Feeds inputs to so many worlds of their own seeds. Throws at the first failure, with the seed and the input that repeat it. */
export function fuzzCore(worlds: number): FuzzReport {
  const total: Tally = { inputs: 0, ok: 0, errors: 0, closes: 0 };
  const heap: number[] = [];
  for (const number of rounds(worlds, worldInputs)) {
    const world = new FuzzWorld(chance(number));
    try {
      world.run(worldInputs);
      world.current = "the end of the world";
      world.end();
    } catch (error) {
      const { tally, current } = world;
      const where = `input ${tally.inputs}: ${JSON.stringify(current).slice(0, 2_000)}`;
      throw new Error(`${error instanceof Error ? error.message : error}\n${where}`, { cause: error });
    }
    for (const name of ["inputs", "ok", "errors", "closes"] as const) total[name] += world.tally[name];
    heap.push(heapMegabytes());
  }
  return { ...total, heap };
}

/** The same for the codec alone: bytes, broken text, broken trees. It must not throw, and name what is wrong. */
export function fuzzCodec(inputs: number): void {
  const random = chance();
  for (const _ of rounds(inputs)) {
    const text = random.chance(0.2)
      ? bytes(random, random.int(0, 200))
      : mutated(random, random.chance(0.2) ? validHello(random, words) : validRequest(random, words));
    for (const decode of [decodeFrame, decodeHello]) {
      const result = decode(text);
      if (!result.ok && (result.error.length === 0 || result.error.length > 250))
        throw new Error(JSON.stringify(text).slice(0, 500));
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
