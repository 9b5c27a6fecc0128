import { test } from "bun:test";
import fc from "fast-check";
import { modelTimeout, seed } from "../support/seed.ts";
import { assertHistories } from "./history.ts";
import { checkAgreement } from "./invariants.ts";
import { perform, type Step, slots, step } from "./steps.ts";
import { World } from "./world.ts";

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
      runs: 40,
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
      runs: 60,
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
      runs: 40,
    });
  },
  modelTimeout,
);

test("what a device asks while its call goes to another node is answered there, when its link goes there too", () => {
  const world = new World({}, nodes);
  for (const [at, slot] of slots.entries()) world.start(slot, [], at);
  const history: Step[] = [
    { do: "establish", slot: "bob/1", with: "alice/1" },
    { do: "blink", node: 1 },
    { do: "drain", node: 0 },
    { do: "session", slot: "alice/1", act: "ringing", pick: 0 },
    { do: "cut", slot: "alice/1", serverHears: false },
  ];
  for (const one of history) perform(world, one);
  world.heal();
  world.pass(10_000);
  checkAgreement(world);
});
