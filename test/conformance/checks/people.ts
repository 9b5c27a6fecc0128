import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Check } from "../check.ts";

/** §8 Presence, §9 Messages. */
export const peopleChecks: readonly Check[] = [
  {
    rule: "P1",
    title: "presence comes after the reply to watch, and on each change",
    async run(t) {
      const bob = t.user("bob");
      const alice = await t.connect(t.user("alice"), "web");
      await alice.ok("watch", { users: [bob] });
      const before = await alice.push("presence", { user: bob });
      assert.equal(before.online, false);
      assert.deepEqual(before.devices, []);
      const reply = alice.frames.findIndex(({ re }) => re === 1);
      assert.ok(reply < alice.frames.indexOf(before), "presence came before the reply");
      const phone = await t.connect(bob, "phone", { kind: "phone", name: "Bob's phone" });
      const online = await alice.push("presence", { user: bob, online: true });
      assert.deepEqual(online.devices, [{ device: "phone", kind: "phone", name: "Bob's phone" }]);
      phone.close();
      await alice.push("presence", { user: bob, online: false });
    },
  },
  {
    rule: "P1",
    title: "changes that come fast are told as the newest state, not one by one",
    async run(t) {
      const bob = t.user("bob");
      const phone = await t.connect(bob, "phone");
      const alice = await t.connect(t.user("alice"), "web");
      await alice.ok("watch", { users: [bob] });
      await alice.push("presence", { user: bob });
      for (let n = 1; n <= 50; n++) phone.fire("status", { status: `${n}` });
      const last = await alice.expect(
        "the last status",
        (frame) => frame.type === "presence" && frame.devices[0]?.status === "50",
      );
      assert.ok(last.seq < 30, `${last.seq} frames for 50 changes`);
    },
  },
  {
    rule: "P2",
    title: "a user who is none is shown like one who is not there",
    async run(t) {
      const alice = await t.connect(t.user("alice"), "web");
      await alice.ok("watch", { users: [t.user("nobody")] });
      const { online, devices } = await alice.push("presence");
      assert.deepEqual([online, devices], [false, []]);
    },
  },
  {
    rule: "P3",
    title: "a device whose link is lost stays online until it was silent for offlineAfter",
    takes: (limits) => limits.offlineAfter + 2_500,
    async run(t) {
      const bob = t.user("bob");
      const phone = await t.connect(bob, "phone");
      const alice = await t.connect(t.user("alice"), "web");
      await alice.ok("watch", { users: [bob] });
      await alice.push("presence", { user: bob, online: true });
      await phone.drop();
      await alice.push(
        "presence",
        { user: bob, online: false },
        Math.min(t.limits.offlineAfter, t.limits.resumeWindow) + 4_000,
      );
    },
  },
  {
    rule: "P4",
    title: "status is seen by watchers; after unwatch nothing is",
    async run(t) {
      const bob = t.user("bob");
      const phone = await t.connect(bob, "phone");
      const alice = await t.connect(t.user("alice"), "web");
      await alice.ok("watch", { users: [bob] });
      await alice.push("presence", { user: bob });
      await phone.ok("status", { status: "in a meeting" });
      const { devices } = await alice.push("presence", { user: bob });
      assert.equal(devices[0]?.status, "in a meeting");
      await alice.ok("unwatch", { users: [bob, t.user("stranger")] });
      await phone.ok("status", { status: "free" });
      await sleep(t.limits.presenceInterval + 50);
      await alice.none("presence");
    },
  },
  {
    rule: "P4",
    title: "more watches than allowed are too_many_watches",
    takes: (limits) => (limits.watches <= 1_000 ? 0 : Number.POSITIVE_INFINITY),
    async run(t) {
      const alice = await t.connect(t.user("alice"), "web");
      const users = Array.from({ length: t.limits.watches }, (_, n) => `u${n}`);
      await alice.ok("watch", { users });
      await alice.fails("too_many_watches", "watch", { users: ["one-more"] });
    },
  },
  {
    rule: "M1",
    title: "send reaches every device of the user, any JSON, in order",
    async run(t) {
      const [alice, bob] = [t.user("alice"), t.user("bob")];
      const devices = [await t.connect(bob, "phone"), await t.connect(bob, "web")];
      const sender = await t.connect(alice, "web");
      const bodies = [null, 0, "text é 😀 \u2028", [1, [2]], { a: { b: "c" } }, true, ""];
      for (const body of bodies) sender.fire("send", { to: bob, body });
      await sender.reply(bodies.length);
      for (const device of devices)
        for (const body of bodies) {
          const message = await device.push("message");
          assert.deepEqual(message.body, body);
          assert.equal(message.from.user, alice);
          assert.equal(message.from.device, "web");
          assert.equal(message.to, bob);
        }
    },
  },
  {
    rule: "M1",
    title: "send to a device reaches that one alone",
    async run(t) {
      const bob = t.user("bob");
      const phone = await t.connect(bob, "phone");
      const web = await t.connect(bob, "web");
      const sender = await t.connect(t.user("alice"), "web");
      await sender.ok("send", { to: `${bob}/phone`, body: 1 });
      await phone.push("message");
      await web.none("message");
    },
  },
  {
    rule: "M2",
    title: "who may watch the user hears how many devices it was",
    async run(t) {
      const bob = t.user("bob");
      await t.connect(bob, "phone");
      await t.connect(bob, "web");
      const sender = await t.connect(t.user("alice"), "web");
      assert.equal((await sender.ok("send", { to: bob, body: 1 })).delivered, 2);
      assert.equal((await sender.ok("send", { to: t.user("nobody"), body: 1 })).delivered, 0);
    },
  },
  {
    rule: "M4",
    title: "a body over bodyBytes is too_large, in send and in call",
    async run(t) {
      const bob = t.user("bob");
      const callee = await t.connect(bob, "phone");
      const sender = await t.connect(t.user("alice"), "web");
      const body = (bytes: number) => "x".repeat(bytes - 2);
      await sender.ok("send", { to: bob, body: body(t.limits.bodyBytes) });
      await callee.push("message");
      await sender.fails("too_large", "send", { to: bob, body: body(t.limits.bodyBytes + 1) });
      await sender.fails("too_large", "send", { to: bob, body: "é".repeat(t.limits.bodyBytes / 2) });
      await sender.fails("too_large", "call", { to: bob, data: body(t.limits.bodyBytes + 1) });
      await callee.none("message");
      await callee.none("incoming");
    },
  },
];
