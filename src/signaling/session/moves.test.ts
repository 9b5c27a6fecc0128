import { expect, test } from "bun:test";
import { SimCore } from "../../../test/support/sim-core.ts";

const offer = { type: "offer", sdp: "v=0\r\n" };

test("what was sent for a move that failed never reaches the device of the next move", () => {
  const sim = new SimCore();
  const [alice, phone, tablet, tv] = [
    sim.client("alice", "laptop").connect(),
    sim.client("bob", "phone").connect(),
    sim.client("bob", "tablet").connect(),
    sim.client("bob", "tv").connect(),
  ] as const;
  const { session } = alice.ask("call", { to: "bob/phone" }).ok;
  phone.ask("accept", { session });
  alice.ask("confirm", { session, device: "phone" });

  phone.ask("move", { session, to: "tablet" });
  tablet.ask("accept", { session });
  const first = alice.last("pair").pair;
  tablet.ask("hangup", { session });
  expect(alice.last("move_failed")).toMatchObject({ session, pair: first });

  phone.ask("move", { session, to: "tv" });
  tv.ask("accept", { session });
  const second = alice.last("pair").pair;
  expect(second).toBeGreaterThan(first);
  // Alice's offer to the tablet was still under way when that move failed.
  expect(alice.ask("signal", { session, pair: first, generation: 1, description: offer }).error.code).toBe(
    "stale_pair",
  );
  const candidates = [{ candidate: "candidate:1 1 udp 1 192.0.2.1 9 typ host", sdpMid: "0" }];
  expect(alice.ask("signal", { session, pair: first, generation: 1, candidates })).toBeUndefined();
  expect(tv.pushes("signal")).toEqual([]);
  expect(tablet.pushes("signal")).toEqual([]);
  alice.ask("signal", { session, pair: second, generation: 1, description: offer });
  expect(tv.last("signal")).toMatchObject({ pair: second, description: offer });
});

test("the key of a call that has moved away means that call: it is over at the device that has asked", () => {
  const sim = new SimCore();
  const [phone, desk, alice] = [
    sim.client("bob", "phone").connect(),
    sim.client("bob", "desk").connect(),
    sim.client("alice", "laptop").connect(),
  ] as const;
  const { session } = phone.ask("call", { to: "alice", key: "k" }).ok;
  alice.ask("accept", { session });
  phone.ask("confirm", { session, device: "laptop" });
  phone.ask("move", { session, to: "desk" });
  desk.ask("accept", { session });
  for (const client of [desk, alice])
    client.ask("report", { session, stats: { state: "connected", pair: 2 } });
  expect(phone.pushes("ended")).toHaveLength(1);
  expect(phone.ask("call", { to: "alice", key: "k" }).ok).toMatchObject({ session });
  expect(phone.pushes("ended").at(-1)).toMatchObject({ session, reason: "moved" });
  expect(phone.pushes("ended")).toHaveLength(2);
});
