import { test } from "bun:test";
import fc from "fast-check";
import {
  checkAgreement,
  checkEmpty,
  checkLateDevicesRing,
  checkMesh,
  checkPresence,
  checkSilentAreOffline,
  checkTalking,
} from "./invariants.ts";
import { perform, slots, step } from "./steps.ts";
import { World } from "./world.ts";

/** Longer than any ring, confirm, move, resume window and detached leg. */
const everythingIsOver = 420_000;

test("any history on one node: nobody hears what it must not, both ends agree afterwards, and nothing is left", () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 100, size: "max" }),
      fc.boolean(),
      fc.boolean(),
      // A short log makes resumes fail: the same histories with links lost in the middle.
      fc.constantFrom({}, { logFrames: 8 }),
      // Sessions that go on as their own snapshots: nobody may notice.
      fc.boolean(),
      (steps, crowd, polite, limits, handsOver) => {
        const world = new World(limits, ["n1"], handsOver);
        if (crowd) for (const slot of slots) world.start(slot);
        for (const one of steps) {
          perform(world, one);
          checkLateDevicesRing(world);
          if (one.do === "wait") checkSilentAreOffline(world);
        }
        world.heal();
        world.pass(everythingIsOver);
        checkAgreement(world);
        checkTalking(world);
        checkMesh(world);
        checkPresence(world);
        for (const client of [...world.clients])
          if (polite) client.close();
          else client.vanish(true);
        world.pass(everythingIsOver);
        checkEmpty(world);
      },
    ),
    {
      seed: Number(process.env.MODEL_SEED ?? 1),
      numRuns: Number(process.env.MODEL_RUNS ?? 300),
      includeErrorInReport: true,
    },
  );
}, 120_000);
