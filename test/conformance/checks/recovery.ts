import assert from "node:assert/strict";
import type { Check } from "../check.ts";
import { resumeOf } from "../check.ts";
import { answer, establish, ring, sdp } from "./call-setup.ts";

const description = { type: "offer", sdp: sdp("recovered") };

/** §7.11–7.12: losing the link, tickets, resync. */
export const recoveryChecks: readonly Check[] = [
  {
    rule: "S21",
    title: "a lost link is told to the other end, what is sent meanwhile waits, and the return is told too",
    async run(t) {
      const { caller, callee, session, bob, calleeInstance: instance } = await establish(t);
      await callee.drop();
      await caller.push("peer", { session, link: "suspended" });
      caller.fire("signal", { session, pair: 1, generation: 1, description });
      await caller.fence();
      const after = await t.resume(callee, bob, "phone", { instance, attempt: 2 });
      assert.equal(after.welcome.resumed, true);
      assert.deepEqual((await after.push("signal", { session })).description, description);
      await caller.push("peer", { session, link: "live" });
      await caller.none("ended");
    },
  },
  {
    rule: "L13",
    title: "past the window an active leg is detached, and a ticket brings it back",
    takes: (limits) => limits.resumeWindow + 2_500,
    async run(t) {
      const { caller, callee, session, bob, calleeInstance: instance, calleeTicket } = await establish(t);
      await callee.drop();
      await caller.push("peer", { session, link: "detached" }, t.limits.resumeWindow + 4_000);
      await caller.none("ended");
      const options = { instance, attempt: 2, resume: resumeOf(callee), sessions: [calleeTicket] };
      const after = await t.connect(bob, "phone", options);
      assert.equal(after.welcome.resumed, false);
      assert.deepEqual(after.welcome.sessions, [session]);
      await after.push("session", { session, recovered: true });
      await caller.push("peer", { session, link: "live" });
    },
  },
  {
    rule: "S22",
    title: "a detached leg ends the session when the other end's media failed",
    takes: (limits) => limits.resumeWindow + 2_500,
    async run(t) {
      const { caller, callee, session } = await establish(t);
      await callee.drop();
      await caller.push("peer", { session, link: "detached" }, t.limits.resumeWindow + 4_000);
      caller.fire("report", { session, stats: { pair: 1, state: "failed" } });
      const ended = await caller.push("ended", { session });
      assert.ok(["failed", "lost"].includes(ended.reason), ended.reason);
    },
  },
  {
    rule: "S22",
    title: "a leg that stays detached too long ends the session with lost",
    takes: (limits) => limits.resumeWindow + limits.detachedTimeout + 3_000,
    async run(t) {
      const { caller, callee, session } = await establish(t);
      await callee.drop();
      const within = t.limits.resumeWindow + t.limits.detachedTimeout + 5_000;
      await caller.push("ended", { session, reason: "lost" }, within);
    },
  },
  {
    rule: "S28",
    title: "a device that says no hang-up ends the session with its media",
    async run(t) {
      for (const [state, reason] of [
        ["closed", "hangup"],
        ["failed", "lost"],
      ] as const) {
        const bob = t.user("bob");
        const callee = await t.connect(bob, "silent", { capabilities: { hangup: false } });
        const caller = await t.connect(t.user("alice"), "web");
        const { session } = await caller.ok("call", { to: bob });
        await callee.push("incoming", { session });
        await answer(caller, callee, session, "silent");
        caller.fire("report", { session, stats: { pair: 1, state } });
        await caller.push("ended", { session, reason });
        await callee.push("ended", { session, reason });
      }
    },
  },
  {
    rule: "S23",
    title: "a ringing callee's leg ends with its link's window, and the ring goes on for others",
    takes: (limits) => limits.resumeWindow + 2_500,
    async run(t) {
      const { caller, callee, session, bob } = await ring(t, { timeout: t.limits.ringTimeoutMax });
      const other = await t.connect(bob, "web");
      await other.push("incoming", { session });
      await callee.drop();
      await new Promise((resolve) => setTimeout(resolve, t.limits.resumeWindow + 1_500));
      await caller.none("ended");
      await other.ok("decline", { session });
      await caller.push("ended", { session, reason: "declined" }, 3_000);
    },
  },
  {
    rule: "S24",
    title: "tickets find the sessions again, and the session tells where it stands",
    async run(t) {
      const { caller, callee, session, alice, bob, callerTicket } = await establish(t);
      await caller.drop();
      // Another instance: the page was reloaded.
      const after = await t.connect(alice, "web", { sessions: [callerTicket] });
      assert.deepEqual(after.welcome.sessions, [session]);
      const found = await after.push("session", { session });
      assert.equal(found.recovered, true);
      assert.equal(found.state, "active");
      assert.equal(found.direction, "out");
      assert.deepEqual([found.pair, found.generation, found.offer], [1, 1, true]);
      assert.equal(found.peer.user, bob);
      assert.ok(typeof found.ticket === "string");
      await callee.none("ended");
      await after.ok("hangup", { session });
      await callee.push("ended", { session, reason: "hangup" });
    },
  },
  {
    rule: "S24",
    title: "a ring is found again by the caller's ticket; the callee's device is rung again",
    async run(t) {
      const { caller, callee, session, alice, bob, callerTicket, calleeTicket } = await ring(t);
      await caller.drop();
      await callee.drop();
      const a = await t.connect(alice, "web", { sessions: [callerTicket] });
      const b = await t.connect(bob, "phone", { sessions: [calleeTicket] });
      assert.deepEqual(a.welcome.sessions, [session]);
      assert.equal((await a.push("session", { session })).state, "ringing");
      await b.push("incoming", { session });
      await b.ok("decline", { session });
      await a.push("ended", { session, reason: "declined" });
    },
  },
  {
    rule: "S25",
    title: "a ticket of somebody else, a changed one, and one of a session that is over find nothing",
    async run(t) {
      const { caller, callee, session, alice, callerTicket } = await establish(t);
      const mallory = await t.connect(t.user("mallory"), "web", { sessions: [callerTicket] });
      assert.equal(mallory.welcome.sessions?.length ?? 0, 0);
      await mallory.fails("no_session", "hangup", { session });
      const flipped = `${callerTicket.slice(0, -4)}${callerTicket.endsWith("AAAA") ? "BBBB" : "AAAA"}`;
      const other = await t.connect(alice, "phone", { sessions: [callerTicket, flipped, "x"] });
      assert.equal(other.welcome.sessions?.length ?? 0, 0);
      await callee.none("ended");
      await callee.ok("hangup", { session });
      await caller.push("ended", { session });
      await caller.drop();
      const after = await t.connect(alice, "web", { sessions: [callerTicket] });
      assert.equal(after.welcome.sessions?.length ?? 0, 0);
    },
  },
  {
    rule: "S26",
    title: "resync is told to the other end",
    async run(t) {
      const { caller, callee, session, bob, calleeTicket } = await establish(t);
      await callee.drop();
      const after = await t.connect(bob, "phone", { sessions: [calleeTicket] });
      await after.push("session", { session });
      await after.ok("resync", { session, pair: 1, generation: 1 });
      const { pair, generation } = await caller.push("resync", { session });
      assert.deepEqual([pair, generation], [1, 1]);
      caller.fire("signal", { session, pair: 1, generation: 1, description });
      await after.push("signal", { session });
    },
  },
];
