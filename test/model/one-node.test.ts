import { test } from "bun:test";
import fc from "fast-check";
import { modelTimeout, seed } from "../support/seed.ts";
import { assertHistories } from "./history.ts";
import { checkLateDevicesRing, checkMesh } from "./invariants.ts";
import { step } from "./steps.ts";

test(
  `any history on one node: nobody hears what it must not, both ends agree afterwards, and nothing is left (seed ${seed})`,
  () => {
    assertHistories({
      nodes: ["n1"],
      step,
      maxLength: 100,
      handsOver: fc.boolean(),
      seed,
      runs: 60,
      afterStep: checkLateDevicesRing,
      atRest: checkMesh,
    });
  },
  modelTimeout,
);
