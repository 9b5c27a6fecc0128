import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryHub } from "../../src/backplane/memory.ts";
import { backplaneSuite } from "./backplane-suite.ts";

for (const delivery of ["immediate", "pumped"] as const)
  backplaneSuite(`memory, ${delivery}`, () => {
    let now = 0;
    const hub = new MemoryHub({ delivery, now });
    return {
      node: (name) => hub.node(name),
      settle: () => hub.pump(now),
      pass: (ms) => {
        now += ms;
        hub.pump(now);
      },
      down: (name) => hub.down(name),
      up: (name) => hub.up(name),
      close: () => {},
    };
  });

test("pumped: nothing arrives before its time, nor at a node that went down meanwhile", () => {
  const hub = new MemoryHub({ delivery: "pumped", now: 0 });
  const heard: unknown[] = [];
  hub.node("b").subscribe("s", (message) => heard.push(message));
  hub.node("a").publish("s", 1);
  assert.deepEqual(heard, []);
  assert.equal(hub.next, 0);
  hub.down("b");
  hub.pump(0);
  assert.deepEqual(heard, []);
  assert.equal(hub.next, undefined);
});

test("an open request says when its timeout is due", () => {
  const hub = new MemoryHub({ delivery: "immediate", now: 1_000 });
  hub.node("b").subscribe("s", () => {});
  hub.node("a").request("s", 1, 500, () => {});
  assert.equal(hub.next, 1_500);
  hub.pump(1_500);
  assert.equal(hub.next, undefined);
});
