import fc from "fast-check";
import { runs } from "../support/seed.ts";
import {
  checkAgreement,
  checkEmpty,
  checkPresence,
  checkSilentAreOffline,
  checkTalking,
} from "./invariants.ts";
import { perform, type Step, slots } from "./steps.ts";
import { World } from "./world.ts";

/** Longer than any ring, confirm, move, resume window and detached leg. */
const everythingIsOver = 420_000;

export interface Histories {
  readonly nodes: readonly string[];
  readonly step: fc.Arbitrary<Step>;
  readonly maxLength: number;
  /** Sessions that go on as their own snapshots: nobody may notice. */
  readonly handsOver: fc.Arbitrary<boolean>;
  readonly seed: number;
  /** How many histories `npm test` tries; `MODEL_RUNS` asks for more. */
  readonly runs: number;
  /** What holds after every step, beside what always does; and when everybody is back and all deadlines are past. */
  afterStep?(world: World): void;
  atRest?(world: World): void;
}

/** Any history: nobody hears what it must not, both ends agree afterwards, and nothing is left. */
export function assertHistories(histories: Histories): void {
  const { nodes, step, maxLength, handsOver } = histories;
  fc.assert(
    fc.property(
      fc.array(step, { maxLength, size: "max" }),
      fc.boolean(),
      fc.boolean(),
      // A short log makes resumes fail: the same histories with links lost in the middle.
      fc.constantFrom({}, { logFrames: 8 }),
      handsOver,
      (steps, crowd, polite, limits, hands) => {
        const world = new World(limits, nodes, hands);
        if (crowd) for (const [at, slot] of slots.entries()) world.start(slot, [], at);
        for (const one of steps) {
          perform(world, one);
          histories.afterStep?.(world);
          if (one.do === "wait" && !world.apart) checkSilentAreOffline(world);
        }
        world.heal();
        world.pass(everythingIsOver);
        checkAgreement(world);
        checkTalking(world);
        checkPresence(world);
        world.messages.checkTaken(world.online());
        histories.atRest?.(world);
        for (const client of [...world.clients])
          if (polite) client.close();
          else client.vanish(true);
        world.pass(everythingIsOver);
        checkEmpty(world);
      },
    ),
    {
      seed: histories.seed,
      numRuns: runs(histories.runs),
      includeErrorInReport: true,
    },
  );
}
