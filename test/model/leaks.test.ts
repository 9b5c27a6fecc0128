import { expect, test } from "bun:test";
import fc from "fast-check";
import { seed } from "../support/seed.ts";
import { perform, slots, step } from "./steps.ts";
import { World } from "./world.ts";

/** Classes of the core that must have no instances once everybody has gone. */
const mortal = [
  "Session",
  "Leg",
  "Pair",
  "Move",
  "NativeLink",
  "NativeConnection",
  "Device",
  "FrameLog",
  "Watcher",
  "Room",
  "RoomMember",
  "Roster",
  "Entry",
] as const;
/** The collector looks at the stack conservatively, so that a few last objects of a kind may seem to be in use. */
const spared = 8;

test(`when all have gone no object of theirs is left in the core (seed ${seed})`, () => {
  const world = new World();
  for (const slot of slots) world.start(slot);
  for (const one of fc.sample(step, { numRuns: 1_500, seed })) perform(world, one);
  const instances = countOf(mortal);
  // The count can see what it is to see.
  expect(instances.get("Device")).toBeGreaterThanOrEqual(world.stats().devices);
  for (const client of world.clients) client.vanish(true);
  world.clients = [];
  world.current.clear();
  // Past the resume window, detached legs and the keys of calls.
  world.pass(90_000 + 300_000 + 600_000 + 120_000);
  for (const [name, count] of countOf(mortal))
    expect({ name, left: Math.max(0, count - spared) }).toEqual({ name, left: 0 });
  expect(world.stats()).toMatchObject({ linksLive: 0, sessionsActive: 0 });
}, 60_000);

/** Live objects by the name of their class. */
function countOf(names: readonly string[]): Map<string, number> {
  Bun.gc(true);
  const { nodes, nodeClassNames } = Bun.generateHeapSnapshot();
  const counts = new Map(names.map((name) => [name, 0]));
  // Four numbers a node: id, size, index of the class's name, flags.
  for (let at = 2; at < nodes.length; at += 4) {
    const name = nodeClassNames[nodes[at] as number] ?? "";
    const count = counts.get(name);
    if (count !== undefined) counts.set(name, count + 1);
  }
  return counts;
}
