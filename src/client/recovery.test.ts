import { expect, test } from "bun:test";
import { Recovery } from "./recovery.ts";

/** Runs the clockwork to its end, or for 60 s; answers what it said and when. */
function run(recovery: Recovery, from: number): string[] {
  const said: string[] = [];
  for (let at = recovery.nextDeadline; at !== undefined && at < from + 60_000; at = recovery.nextDeadline) {
    const step = recovery.tick(at);
    if (step) said.push(`${step} ${(at - from) / 1_000}`);
  }
  return said;
}

test("a first connection: one restart after 10 s, given up after 30", () => {
  const recovery = new Recovery();
  recovery.start(1_000);
  expect(run(recovery, 1_000)).toEqual(["restart 10", "fail 30"]);
});

test("disconnected: restarts after 2 s, 5 and 10 s later; given up after 30", () => {
  const recovery = new Recovery();
  recovery.state("connected", 0);
  recovery.state("disconnected", 1_000);
  expect(run(recovery, 1_000)).toEqual(["restart 2", "restart 7", "restart 17", "fail 30"]);
});

test("failed: at once; the 30 s count from where the trouble began", () => {
  const recovery = new Recovery();
  recovery.state("disconnected", 0);
  recovery.state("failed", 20_000);
  expect(run(recovery, 0)).toEqual(["restart 20", "restart 25", "fail 30"]);
});

test("connected again: nothing is due, and the next trouble starts afresh", () => {
  const recovery = new Recovery();
  recovery.start(0);
  recovery.state("connecting", 10);
  recovery.state("connected", 100);
  expect(recovery.nextDeadline).toBeUndefined();
  recovery.state("disconnected", 50_000);
  expect(run(recovery, 50_000)[0]).toBe("restart 2");
});

test("of two ends that would restart at nearly the same times only one does", () => {
  const [first, second] = [new Recovery(), new Recovery()];
  first.state("disconnected", 0);
  second.state("disconnected", 200);
  const said: string[] = [];
  for (let at = 0; at < 20_000; at += 50)
    for (const [name, recovery] of Object.entries({ first, second }))
      if (recovery.tick(at)) {
        said.push(`${name} ${at / 1_000}`);
        for (const end of [first, second]) end.restarted(at + 100);
      }
  expect(said).toEqual(["first 2", "first 7", "first 17"]);
});

test("a restart by the other end is given its time; then this end restarts itself", () => {
  const recovery = new Recovery();
  recovery.state("disconnected", 0);
  recovery.restarted(1_000);
  expect(run(recovery, 0)).toEqual(["restart 7", "restart 17", "fail 30"]);
});

test("while a link is down nothing is tried and nothing is given up; when it is back, at once", () => {
  const recovery = new Recovery();
  recovery.state("disconnected", 0);
  recovery.links(false, 1_000);
  expect(recovery.nextDeadline).toBeUndefined();
  expect(recovery.tick(90_000)).toBeUndefined();
  recovery.links(true, 100_000);
  expect(run(recovery, 100_000)).toEqual(["restart 0", "restart 5", "restart 15", "fail 30"]);
  const idle = new Recovery();
  idle.links(false, 0);
  idle.links(true, 10);
  expect(idle.nextDeadline).toBeUndefined();
});
