import { expect, test } from "bun:test";
import { SimCore } from "../../../test/support/sim-core.ts";

test("a welcome that was lost does not lock the client out: the secret it holds counts until it is heard", () => {
  const sim = new SimCore();
  const alice = sim.client("alice", "laptop").connect();
  const held = { ...alice.lastWelcome };
  const back = () => {
    const { link, secret, home } = held;
    alice.connect({ resume: { link, secret, home, seq: alice.lastSeq } });
  };
  alice.drop();
  back();
  expect(alice.welcome.resumed).toBe(true);
  // The transport broke before that welcome arrived, and so did the next one.
  for (const _ of [1, 2]) {
    alice.drop();
    back();
    expect(alice.closed).toBeUndefined();
    expect(alice.welcome.resumed).toBe(true);
  }
  // Once the client speaks it has the newest secret, and the older one is worth nothing.
  alice.ask("status", { status: "here" });
  alice.drop();
  back();
  expect(alice.closed?.code).toBe(4302);
});
