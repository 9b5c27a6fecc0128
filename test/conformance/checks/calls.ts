import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Check } from "../check.ts";
import { answer, establish, ring, sdp } from "./call-setup.ts";

/** §7.2–7.4: calling, answering, declining. */
export const callChecks: readonly Check[] = [
  {
    rule: "S1",
    title: "call rings every device of the user, and tells who calls and what for",
    async run(t) {
      const [alice, bob] = [t.user("alice"), t.user("bob")];
      const phone = await t.connect(bob, "phone");
      const web = await t.connect(bob, "web");
      const caller = await t.connect(alice, "desk", { kind: "desktop", name: "Alice's desk" });
      const { session, ticket } = await caller.ok("call", {
        to: bob,
        media: { audio: true },
        data: { topic: [1] },
      });
      assert.ok(typeof session === "string" && typeof ticket === "string");
      for (const device of [phone, web]) {
        const incoming = await device.push("incoming", { session });
        assert.equal(incoming.from.user, alice);
        assert.equal(incoming.to, bob);
        assert.deepEqual(incoming.media, { audio: true });
        assert.deepEqual(incoming.data, { topic: [1] });
        assert.equal(incoming.pair, 1);
        assert.equal(incoming.generation, 1);
        assert.equal(incoming.offer, false);
        assert.ok(incoming.age >= 0 && incoming.expires > 0);
      }
    },
  },
  {
    rule: "S1",
    title: "call to a device rings that one alone",
    async run(t) {
      const bob = t.user("bob");
      const phone = await t.connect(bob, "phone");
      const web = await t.connect(bob, "web");
      const caller = await t.connect(t.user("alice"), "web");
      const { session } = await caller.ok("call", { to: `${bob}/phone` });
      await phone.push("incoming", { session });
      await web.none("incoming");
    },
  },
  {
    rule: "S2",
    title: "a call with the same key is the same call",
    async run(t) {
      const { caller, callee, session, bob } = await ring(t, { key: "k1" });
      assert.equal((await caller.ok("call", { to: bob, key: "k1" })).session, session);
      await callee.none("incoming");
      const second = await caller.ok("call", { to: bob, key: "k2" });
      assert.notEqual(second.session, session);
      const other = await t.connect(t.user("carol"), "web");
      assert.notEqual((await other.ok("call", { to: bob, key: "k1" })).session, session);
    },
  },
  {
    rule: "S2",
    title: "a key names its call on a new link too",
    async run(t) {
      const { caller, callee, alice, bob, session } = await ring(t, { key: "k1" });
      await caller.drop();
      const other = await t.connect(alice, "other-device");
      await other.fails("wrong_state", "call", { to: bob, key: "k1" });
      const again = await t.connect(alice, "web");
      assert.equal((await again.ok("call", { to: bob, key: "k1" })).session, session);
      await callee.none("incoming");
      await again.ok("cancel", { session });
      assert.equal((await again.ok("call", { to: bob, key: "k1" })).session, session);
      await again.push("ended", { session, reason: "cancelled" });
    },
  },
  {
    rule: "S3",
    title: "the caller's offer comes with the ring, the answer with the accept",
    async run(t) {
      const description = { type: "offer", sdp: sdp("offer") };
      const [alice, bob] = [t.user("alice"), t.user("bob")];
      const callee = await t.connect(bob, "phone");
      const caller = await t.connect(alice, "web");
      const { session } = await caller.ok("call", { to: bob, description });
      assert.deepEqual((await callee.push("incoming", { session })).description, description);
      callee.fire("accept", { session, description: { type: "answer", sdp: sdp("answer") } });
      const accepted = await caller.push("accepted", { session });
      assert.deepEqual(accepted.description, { type: "answer", sdp: sdp("answer") });
      assert.equal(accepted.peer.user, bob);
    },
  },
  {
    rule: "S27",
    title:
      "a device that only makes offers is asked for one, and so is any callee of a caller that makes none",
    async run(t) {
      for (const [capabilities, more] of [
        [{ sdpRole: "offer-only" }, { description: { type: "offer", sdp: sdp("void") } }],
        [{}, { offer: false }],
      ] as const) {
        const bob = t.user("bob");
        const callee = await t.connect(bob, "camera", { capabilities });
        const caller = await t.connect(t.user("alice"), "web");
        const { session } = await caller.ok("call", { to: bob, ...more });
        const incoming = await callee.push("incoming", { session });
        assert.deepEqual([incoming.offer, incoming.description], [true, undefined]);
        const description = { type: "offer", sdp: sdp("offer") };
        const accept = callee.fire("accept", { session, description });
        const accepted = await caller.push("accepted", { session });
        assert.deepEqual(
          [accepted.offer, accepted.generation, accepted.description],
          [false, 2, description],
        );
        await caller.ok("confirm", { session, device: "camera" });
        const { ok } = await callee.reply(accept);
        assert.deepEqual([ok?.offer, ok?.generation], [true, 2]);
        const answered = { type: "answer", sdp: sdp("answer") };
        caller.fire("signal", { session, pair: 1, generation: 2, description: answered });
        assert.deepEqual((await callee.push("signal", { session })).description, answered);
        await caller.ok("hangup", { session });
      }
    },
  },
  {
    rule: "S4",
    title: "a device that comes online while its user is ringing is rung, with the ring's age",
    async run(t) {
      const { session, bob } = await ring(t);
      await sleep(120);
      const late = await t.connect(bob, "late");
      const incoming = await late.push("incoming", { session });
      assert.ok(incoming.age >= 100, `age ${incoming.age}`);
      await late.none("incoming");
    },
  },
  {
    rule: "S4",
    title: "a user without any device is rung when one comes",
    async run(t) {
      const bob = t.user("bob");
      const caller = await t.connect(t.user("alice"), "web");
      const { session } = await caller.ok("call", { to: bob });
      const late = await t.connect(bob, "phone");
      await late.push("incoming", { session });
      await answer(caller, late, session, "phone");
    },
  },
  {
    rule: "S5",
    title: "ringing is told to the caller, with the device",
    async run(t) {
      const { caller, callee, session, bob } = await ring(t);
      await callee.ok("ringing", { session });
      const { device } = await caller.push("ringing", { session });
      assert.equal(device.user, bob);
      assert.equal(device.device, "phone");
    },
  },
  {
    rule: "S6",
    title: "a ring that nobody answers ends no_answer at both ends",
    takes: () => 2_500,
    async run(t) {
      const { caller, callee, session } = await ring(t, { timeout: 1_000 });
      await callee.push("ended", { session, reason: "no_answer" });
      await caller.push("ended", { session, reason: "no_answer" });
      await callee.fails("no_session", "accept", { session });
    },
  },
  {
    rule: "S7",
    title: "who may watch hears unreachable when nobody can be rung",
    takes: (limits) => limits.unreachableAfter + 2_000,
    async run(t) {
      const caller = await t.connect(t.user("alice"), "web");
      const { session } = await caller.ok("call", { to: t.user("nobody"), timeout: t.limits.ringTimeoutMax });
      await caller.push("ended", { session, reason: "unreachable" }, t.limits.unreachableAfter + 3_000);
    },
  },
  {
    rule: "S8",
    title: "a call to oneself rings the other devices, never the calling one",
    async run(t) {
      const alice = t.user("alice");
      const phone = await t.connect(alice, "phone");
      const web = await t.connect(alice, "web");
      const { session } = await web.ok("call", { to: alice });
      await phone.push("incoming", { session });
      await web.none("incoming");
      await web.fails("bad_request", "call", { to: `${alice}/web` });
    },
  },
  {
    rule: "S9",
    title: "the callee's ok waits for the caller's confirm; the others hear who answered",
    async run(t) {
      const { caller, callee, session, bob } = await ring(t);
      const other = await t.connect(bob, "web");
      await other.push("incoming", { session });
      const accept = callee.fire("accept", { session });
      await caller.push("accepted", { session, device: "phone" });
      await callee.fence();
      assert.equal(
        callee.frames.filter(({ re }) => re === accept).length,
        0,
        "accept was answered before confirm",
      );
      await caller.ok("confirm", { session, device: "phone" });
      const { ok } = await callee.reply(accept);
      assert.deepEqual([ok.session, ok.pair, ok.generation], [session, 1, 1]);
      const ended = await other.push("ended", { session });
      assert.equal(ended.reason, "answered_elsewhere");
      assert.equal(ended.device, "phone");
    },
  },
  {
    rule: "S10",
    title: "of several devices that accept at once exactly one wins",
    async run(t) {
      const bob = t.user("bob");
      const names = ["a", "b", "c", "d"];
      const devices = await Promise.all(names.map((name) => t.connect(bob, name)));
      const caller = await t.connect(t.user("alice"), "web");
      const { session } = await caller.ok("call", { to: bob });
      for (const device of devices) await device.push("incoming", { session });
      const ids = devices.map((device) => device.fire("accept", { session }));
      const { device: winner } = await caller.push("accepted", { session });
      await caller.ok("confirm", { session, device: winner });
      const replies = await Promise.all(devices.map((device, n) => device.reply(ids[n] ?? 0)));
      for (const [n, reply] of replies.entries()) {
        if (names[n] === winner) assert.ok(reply.ok);
        else assert.equal(reply.error?.code, "answered_elsewhere");
      }
      await caller.none("accepted");
      for (const [n, device] of devices.entries())
        if (names[n] !== winner)
          await device.push("ended", { session, reason: "answered_elsewhere", device: winner });
    },
  },
  {
    rule: "S11",
    title: "confirm of a device that did not accept is wrong_state",
    async run(t) {
      const { caller, callee, session } = await ring(t);
      await caller.fails("wrong_state", "confirm", { session, device: "phone" });
      callee.fire("accept", { session });
      await caller.push("accepted", { session });
      await caller.fails("wrong_state", "confirm", { session, device: "other" });
      await caller.ok("confirm", { session, device: "phone" });
    },
  },
  {
    rule: "S12",
    title:
      "an accept that is not confirmed in time is answered not_confirmed, and the session ends unconfirmed",
    takes: (limits) => limits.confirmTimeout + 1_000,
    async run(t) {
      const { caller, callee, session } = await ring(t, { timeout: t.limits.ringTimeoutMax });
      const accept = callee.fire("accept", { session });
      await caller.push("accepted", { session });
      const reply = await callee.expect(
        "the reply",
        ({ re }) => re === accept,
        t.limits.confirmTimeout + 3_000,
      );
      assert.equal(reply.error?.code, "not_confirmed");
      await caller.push("ended", { session, reason: "unconfirmed" });
    },
  },
  {
    rule: "S13",
    title: "a caller that gives up between accept and confirm: the accept is answered not_confirmed",
    async run(t) {
      const { caller, callee, session } = await ring(t);
      const accept = callee.fire("accept", { session });
      await caller.push("accepted", { session });
      await caller.ok("cancel", { session });
      assert.equal((await callee.reply(accept)).error?.code, "not_confirmed");
      await callee.push("ended", { session });
    },
  },
  {
    rule: "S15",
    title: "a decline ends its leg only; the last one ends the call",
    async run(t) {
      const { caller, callee, session, bob } = await ring(t);
      const other = await t.connect(bob, "web");
      await other.push("incoming", { session });
      await callee.ok("decline", { session });
      await other.none("ended", { session });
      await caller.none("ended", { session });
      await other.ok("decline", { session });
      await caller.push("ended", { session, reason: "declined" });
    },
  },
  {
    rule: "S15",
    title: "a busy callee is told as busy",
    async run(t) {
      const { caller, callee, session } = await ring(t);
      await callee.ok("decline", { session, reason: "busy" });
      await caller.push("ended", { session, reason: "busy" });
    },
  },
  {
    rule: "S16",
    title: "a decline everywhere ends the ring at all devices",
    async run(t) {
      const { caller, callee, session, bob } = await ring(t);
      const other = await t.connect(bob, "web");
      await other.push("incoming", { session });
      await callee.ok("decline", { session, everywhere: true });
      await other.push("ended", { session, reason: "declined_elsewhere", device: "phone" });
      await caller.push("ended", { session, reason: "declined" });
    },
  },
  {
    rule: "S16",
    title: "a decline everywhere after another device has accepted takes nothing back",
    async run(t) {
      const { caller, callee, session, bob } = await ring(t);
      const other = await t.connect(bob, "web");
      await other.push("incoming", { session });
      const accept = callee.fire("accept", { session });
      await caller.push("accepted", { session });
      await other.ok("decline", { session, everywhere: true });
      await caller.ok("confirm", { session, device: "phone" });
      assert.ok((await callee.reply(accept)).ok);
      await caller.none("ended");
    },
  },
  {
    rule: "S17",
    title: "cancel ends the ring at every device",
    async run(t) {
      const { caller, callee, session, bob } = await ring(t);
      const other = await t.connect(bob, "web");
      await other.push("incoming", { session });
      await caller.ok("cancel", { session });
      await callee.push("ended", { session, reason: "cancelled" });
      await other.push("ended", { session, reason: "cancelled" });
    },
  },
  {
    rule: "S17",
    title: "cancel of a call that is up is a hang-up",
    async run(t) {
      const { caller, callee, session } = await establish(t);
      await caller.ok("cancel", { session });
      await callee.push("ended", { session, reason: "hangup" });
    },
  },
  {
    rule: "S18",
    title: "glare is told to both, the call with the lower id survives, the other one ends merged",
    async run(t) {
      const [alice, bob] = [t.user("alice"), t.user("bob")];
      const a = await t.connect(alice, "web");
      const b = await t.connect(bob, "web");
      const one = (await a.ok("call", { to: bob })).session as string;
      const two = (await b.ok("call", { to: alice })).session as string;
      const [survivor, session] = [one, two].sort() as [string, string];
      await a.push("crossed", { session, survivor });
      await b.push("crossed", { session, survivor });
      const [winner, loser, loserDevice] = survivor === one ? [a, b, "web"] : [b, a, "web"];
      await answer(winner, loser, survivor, loserDevice);
      await loser.ok("cancel", { session });
      await winner.push("ended", { session, reason: "merged" });
      await winner.none("ended", { session: survivor });
      await winner.ok("hangup", { session: survivor });
      await loser.push("ended", { session: survivor, reason: "hangup" });
    },
  },
  {
    rule: "S19",
    title: "hangup ends the session for both, with who and what, and is idempotent",
    async run(t) {
      const { caller, callee, session, alice } = await establish(t);
      await caller.ok("hangup", { session, detail: "lunch" });
      const ended = await callee.push("ended", { session });
      assert.equal(ended.reason, "hangup");
      assert.equal(ended.by?.user, alice);
      assert.equal(ended.detail, "lunch");
      await caller.ok("hangup", { session });
      await callee.ok("hangup", { session });
    },
  },
  {
    rule: "S20",
    title: "who holds no leg gets no_session for everything, as for a session that is none",
    async run(t) {
      const { caller, callee, session } = await establish(t);
      const mallory = await t.connect(t.user("mallory"), "web");
      const other = await t.connect(t.user("bob"), "other");
      for (const intruder of [mallory, other])
        for (const id of [session, "s_none"]) {
          for (const type of ["ringing", "accept", "decline", "cancel", "hangup"])
            await intruder.fails("no_session", type, { session: id });
          await intruder.fails("no_session", "confirm", { session: id, device: "phone" });
          await intruder.fails("no_session", "move", { session: id, to: "web" });
          for (const type of ["restart", "resync", "signal"])
            await intruder.fails("no_session", type, { session: id, pair: 1, generation: 1 });
          await intruder.fails("no_session", "report", { session: id, stats: { state: "failed" } });
        }
      await caller.none("ended");
      await callee.none("ended");
    },
  },
];
