import assert from "node:assert/strict";
import type { Check, Context } from "../check.ts";
import type { Client } from "../client.ts";
import { candidate, type Established, establish, sdp } from "./call-setup.ts";

interface Moving extends Established {
  readonly desk: Client;
  readonly moveId: number;
}

/** A call whose callee is being moved from bob's phone to bob's desk; the desk has been asked. */
async function begin(t: Context): Promise<Moving> {
  const call = await establish(t);
  const desk = await t.connect(call.bob, "desk");
  const moveId = call.callee.fire("move", { session: call.session, to: "desk" });
  const incoming = await desk.push("incoming", { session: call.session });
  assert.equal(incoming.movedFrom, "phone");
  assert.deepEqual([incoming.pair, incoming.generation, incoming.offer], [2, 1, false]);
  return { ...call, desk, moveId };
}

async function accepted(move: Moving): Promise<void> {
  const { desk, caller, session } = move;
  const reply = await desk.ok("accept", { session });
  assert.deepEqual([reply.session, reply.pair, reply.generation], [session, 2, 1]);
  const pair = await caller.push("pair", { session, pair: 2 });
  assert.equal(pair.offer, true);
  assert.equal(pair.generation, 1);
}

const connected = { pair: 2, state: "connected" };

export const moveChecks: readonly Check[] = [
  {
    rule: "N11",
    title: "the new device is asked, the other end builds the next pair, and both signal in it",
    async run(t) {
      const move = await begin(t);
      await accepted(move);
      const { caller, callee, desk, session } = move;
      caller.fire("signal", {
        session,
        pair: 2,
        generation: 1,
        description: { type: "offer", sdp: sdp("two") },
      });
      assert.equal((await desk.push("signal", { session, pair: 2 })).description.type, "offer");
      desk.fire("signal", {
        session,
        pair: 2,
        generation: 1,
        description: { type: "answer", sdp: sdp("two") },
      });
      desk.fire("signal", { session, pair: 2, generation: 1, candidates: [candidate(4)] });
      await caller.push("signal", { session, pair: 2 });
      assert.deepEqual((await caller.push("signal", { session, pair: 2 })).candidates, [candidate(4)]);
      caller.fire("signal", {
        session,
        pair: 1,
        generation: 1,
        description: { type: "offer", sdp: sdp("one") },
      });
      await callee.push("signal", { session, pair: 1 });
      await callee.none("signal", { pair: 2 });
      await desk.none("signal", { pair: 1 });
    },
  },
  {
    rule: "N12",
    title: "a move commits when both ends are connected, not before",
    async run(t) {
      const move = await begin(t);
      await accepted(move);
      const { caller, callee, desk, session, moveId } = move;
      caller.fire("report", { session, stats: connected });
      await callee.none("ended");
      desk.fire("report", { session, stats: connected });
      assert.equal((await callee.reply(moveId)).ok?.pair, 2);
      await callee.push("ended", { session, reason: "moved", device: "desk" });
      await caller.push("moved", { session, pair: 2 });
      await desk.push("moved", { session, pair: 2 });
      await callee.fails("no_session", "hangup", { session: "s_none" });
      await caller.fails("stale_pair", "signal", {
        session,
        pair: 1,
        generation: 1,
        description: { type: "offer", sdp: sdp("old") },
      });
      await desk.ok("hangup", { session });
      await caller.push("ended", { session, reason: "hangup" });
    },
  },
  {
    rule: "N13",
    title: "the new device declines: the move fails, and the call goes on where it was",
    async run(t) {
      const { caller, callee, desk, session, moveId } = await begin(t);
      await desk.ok("decline", { session });
      assert.equal((await callee.reply(moveId)).error?.code, "move_failed");
      await callee.none("ended");
      caller.fire("signal", {
        session,
        pair: 1,
        generation: 1,
        description: { type: "offer", sdp: sdp("on") },
      });
      await callee.push("signal", { session, pair: 1 });
    },
  },
  {
    rule: "N13",
    title: "the new device leaves after it accepted: the other end hears move_failed",
    async run(t) {
      const move = await begin(t);
      await accepted(move);
      const { caller, callee, desk, session, moveId } = move;
      desk.close();
      assert.equal((await callee.reply(moveId)).error?.code, "move_failed");
      await caller.push("move_failed", { session, pair: 2 });
      await caller.none("ended");
      await callee.none("ended");
    },
  },
  {
    rule: "N13",
    title: "a move that does not connect in time fails, and ends the new device's leg",
    takes: (limits) => limits.moveTimeout + 1_000,
    async run(t) {
      const move = await begin(t);
      await accepted(move);
      const { caller, callee, desk, session, moveId } = move;
      const reply = await callee.expect(
        "the reply to move",
        ({ re }) => re === moveId,
        t.limits.moveTimeout + 3_000,
      );
      assert.equal(reply.error?.code, "move_failed");
      await caller.push("move_failed", { session, pair: 2 });
      await desk.push("ended", { session });
      await callee.none("ended");
    },
  },
  {
    rule: "N14",
    title: "a move to oneself opens the next pair with the same device",
    async run(t) {
      const { caller, callee, session } = await establish(t);
      const moveId = callee.fire("move", { session, to: "phone" });
      assert.equal((await caller.push("pair", { session, pair: 2 })).offer, true);
      assert.equal((await callee.push("pair", { session, pair: 2 })).offer, false);
      await callee.none("incoming");
      caller.fire("signal", {
        session,
        pair: 2,
        generation: 1,
        description: { type: "offer", sdp: sdp("two") },
      });
      await callee.push("signal", { session, pair: 2 });
      for (const end of [caller, callee]) end.fire("report", { session, stats: connected });
      assert.equal((await callee.reply(moveId)).ok?.pair, 2);
      await caller.push("moved", { session, pair: 2 });
      await callee.none("ended");
    },
  },
  {
    rule: "N15",
    title: "move to a device that is not there is no_device; a second move at once is wrong_state",
    async run(t) {
      const { callee, caller, session } = await establish(t);
      await caller.fails("no_device", "move", { session, to: "no-such-device" });
      // A device of the other user is none of one's own.
      await caller.fails("no_device", "move", { session, to: "phone" });
      const desk = await t.connect(t.user("bob"), "desk");
      callee.fire("move", { session, to: "desk" });
      await desk.push("incoming", { session });
      await callee.fails("wrong_state", "move", { session, to: "desk" });
    },
  },
  {
    rule: "N11",
    title: "the caller may move as well",
    async run(t) {
      const { caller, callee, session, alice } = await establish(t);
      const tablet = await t.connect(alice, "tablet");
      const moveId = caller.fire("move", { session, to: "tablet" });
      await tablet.push("incoming", { session, pair: 2, movedFrom: "web" });
      await tablet.ok("accept", { session });
      await callee.push("pair", { session, pair: 2, offer: true });
      for (const end of [tablet, callee]) end.fire("report", { session, stats: connected });
      assert.equal((await caller.reply(moveId)).ok?.pair, 2);
      await caller.push("ended", { session, reason: "moved", device: "tablet" });
    },
  },
];
