import { test } from "bun:test";
import fc from "fast-check";
import { assertHistories } from "./history.ts";
import { type Step, step } from "./steps.ts";

test("any history on three nodes: nobody hears what it must not, both ends agree afterwards, and nothing is left", () => {
  assertHistories({
    nodes: ["n1", "n2", "n3"],
    // Rooms across nodes have a model of their own.
    step: step.filter((one: Step) => one.do !== "join" && one.do !== "leave"),
    maxLength: 80,
    handsOver: fc.constant(false),
    seed: 5,
    runs: 100,
  });
}, 120_000);
