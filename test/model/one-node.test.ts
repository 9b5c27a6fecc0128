import { test } from "bun:test";
import fc from "fast-check";
import { assertHistories } from "./history.ts";
import { checkLateDevicesRing, checkMesh } from "./invariants.ts";
import { step } from "./steps.ts";

test("any history on one node: nobody hears what it must not, both ends agree afterwards, and nothing is left", () => {
  assertHistories({
    nodes: ["n1"],
    step,
    maxLength: 100,
    handsOver: fc.boolean(),
    seed: 1,
    runs: 300,
    afterStep: checkLateDevicesRing,
    atRest: checkMesh,
  });
}, 120_000);
