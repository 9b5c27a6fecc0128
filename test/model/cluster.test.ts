import { test } from "bun:test";
import fc from "fast-check";
import { modelTimeout, seed } from "../support/seed.ts";
import { assertHistories } from "./history.ts";
import { type Step, step } from "./steps.ts";

const nodes = ["n1", "n2", "n3"];
/** Rooms across nodes have a model of their own. */
const but = (...left: readonly Step["do"][]) =>
  step.filter((one: Step) => !["join", "leave", ...left].includes(one.do));

test(
  `any history on three nodes: nobody hears what it must not, both ends agree afterwards, and nothing is left (seed ${seed})`,
  () => {
    assertHistories({
      nodes,
      step: but("drain"),
      maxLength: 80,
      handsOver: fc.constant(false),
      seed,
      runs: 100,
    });
  },
  modelTimeout,
);

test(
  `any history on three nodes that are replaced one after the other: as if they were not (seed ${seed})`,
  () => {
    assertHistories({
      nodes,
      step: but("backplane", "blink"),
      maxLength: 80,
      handsOver: fc.constant(false),
      seed,
      runs: 200,
    });
  },
  modelTimeout,
);

test(
  `any history on three nodes that are replaced one after the other, and of which one is away for a moment now and then (seed ${seed})`,
  () => {
    assertHistories({
      nodes,
      step: but("backplane"),
      maxLength: 80,
      handsOver: fc.constant(false),
      seed,
      runs: 120,
    });
  },
  modelTimeout,
);
