import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { type Check, resumeOf } from "../check.ts";
import { establish } from "./call-setup.ts";

/** §4 The link: hello, resume, take-over. */
export const linkChecks: readonly Check[] = [
  {
    rule: "L1",
    title: "hello without resume opens a new link with both counters at their beginning",
    async run(t) {
      const client = await t.connect(t.user("alice"), "web");
      const { welcome } = client;
      assert.equal(welcome.resumed, false);
      assert.equal(welcome.got, 0);
      assert.equal(welcome.user, t.user("alice"));
      assert.equal(welcome.device, "web");
      assert.equal(welcome.reason, undefined);
      assert.ok(Array.isArray(welcome.iceServers) && welcome.expires > 0);
      await client.ok("status", { status: "here" });
      assert.equal(client.lastSeq, 1);
    },
  },
  {
    rule: "L2",
    title: "another instance of a device replaces the older one, which is closed 4301",
    async run(t) {
      const older = await t.connect(t.user("alice"), "web");
      const newer = await t.connect(t.user("alice"), "web");
      assert.equal(await older.closed(), 4301);
      await newer.ok("status", { status: "here" });
    },
  },
  {
    rule: "L2",
    title: "another device of the user replaces nobody",
    async run(t) {
      const web = await t.connect(t.user("alice"), "web");
      await t.connect(t.user("alice"), "phone");
      await web.ok("status", { status: "here" });
    },
  },
  {
    rule: "L3",
    title: "a resume replays what came after seq, and tells what the server got",
    async run(t) {
      const [alice, bob] = [t.user("alice"), t.user("bob")];
      const instance = t.instance();
      const before = await t.connect(alice, "web", { instance });
      const sender = await t.connect(bob, "web");
      await before.ok("status", { status: "one" });
      await sender.ok("send", { to: alice, body: "heard" });
      await before.push("message", { body: "heard" });
      await before.drop();
      await sender.ok("send", { to: alice, body: "missed 1" });
      await sender.ok("send", { to: alice, body: "missed 2" });
      const after = await t.resume(before, alice, "web", { instance, attempt: 2 });
      assert.equal(after.welcome.resumed, true);
      assert.equal(after.welcome.got, 1);
      assert.equal(after.welcome.link, before.welcome.link);
      await after.push("message", { body: "missed 1" });
      await after.push("message", { body: "missed 2" });
      await after.ok("status", { status: "two" });
      assert.deepEqual(
        after.frames.map(({ seq }) => seq).filter((seq) => seq !== undefined),
        [3, 4, 5],
      );
    },
  },
  {
    rule: "L3",
    title: "a resume from a live transport closes the old one 4300",
    async run(t) {
      const alice = t.user("alice");
      const instance = t.instance();
      const old = await t.connect(alice, "web", { instance });
      const next = await t.resume(old, alice, "web", { instance, attempt: 2 });
      assert.equal(next.welcome.resumed, true);
      assert.equal(await old.closed(), 4300);
      await next.ok("status", { status: "here" });
    },
  },
  {
    rule: "L4",
    title: "a resume whose attempt is not newer is closed 4300, and the current transport goes on",
    async run(t) {
      const alice = t.user("alice");
      const instance = t.instance();
      const first = await t.connect(alice, "web", { instance, attempt: 5 });
      for (const attempt of [5, 4])
        assert.equal(await t.refusal(alice, "web", { instance, attempt, resume: resumeOf(first) }), 4300);
      await first.ok("status", { status: "still here" });
    },
  },
  {
    rule: "L4",
    title: "a hello of the same instance whose attempt is not newer is closed 4300",
    async run(t) {
      const alice = t.user("alice");
      const instance = t.instance();
      const first = await t.connect(alice, "web", { instance, attempt: 5 });
      assert.equal(await t.refusal(alice, "web", { instance, attempt: 5 }), 4300);
      await first.ok("status", { status: "still here" });
    },
  },
  {
    rule: "L5",
    title: "a wrong secret is closed 4302, and the link is untouched",
    async run(t) {
      const alice = t.user("alice");
      const instance = t.instance();
      const first = await t.connect(alice, "web", { instance });
      const resume = { ...resumeOf(first), secret: "A".repeat(43) };
      assert.equal(await t.refusal(alice, "web", { instance, attempt: 2, resume }), 4302);
      await first.ok("status", { status: "still here" });
    },
  },
  {
    rule: "L5",
    title: "the right secret with a token of another user, or as another device, is closed 4302",
    async run(t) {
      const alice = t.user("alice");
      const instance = t.instance();
      const first = await t.connect(alice, "web", { instance });
      const resume = resumeOf(first);
      assert.equal(await t.refusal(t.user("mallory"), "web", { instance, attempt: 2, resume }), 4302);
      assert.equal(await t.refusal(alice, "phone", { instance, attempt: 2, resume }), 4302);
      await first.ok("status", { status: "still here" });
    },
  },
  {
    rule: "L6",
    title: "an unknown link is answered resumed:false, expired, with a new link",
    async run(t) {
      const resume = { link: "l_unknown", secret: "x", seq: 40 };
      const client = await t.connect(t.user("alice"), "web", { attempt: 2, resume });
      assert.equal(client.welcome.resumed, false);
      assert.equal(client.welcome.reason, "expired");
      assert.equal(client.welcome.got, 0);
      await client.ok("status", { status: "here" });
      assert.equal(client.lastSeq, 1);
    },
  },
  {
    rule: "L6",
    title: "a seq that is no longer kept, or was never sent, is answered resumed:false, gap",
    async run(t) {
      for (const seq of [1, 99]) {
        const alice = t.user(`alice${seq}`);
        const instance = t.instance();
        const client = await t.connect(alice, "web", { instance });
        for (const status of ["1", "2", "3"]) await client.ok("status", { status });
        client.ack();
        await client.fence();
        await client.drop();
        const after = await t.connect(alice, "web", {
          instance,
          attempt: 2,
          resume: { ...resumeOf(client), seq },
        });
        assert.equal(after.welcome.resumed, false);
        assert.equal(after.welcome.reason, "gap");
        assert.notEqual(after.welcome.link, client.welcome.link);
      }
    },
  },
  {
    rule: "L6",
    title: "a refused resume never displaces a newer instance",
    async run(t) {
      const alice = t.user("alice");
      const instance = t.instance();
      const older = await t.connect(alice, "web", { instance });
      const newer = await t.connect(alice, "web");
      assert.equal(await older.closed(), 4301);
      assert.equal(await t.refusal(alice, "web", { instance, attempt: 2, resume: resumeOf(older) }), 4301);
      await newer.ok("status", { status: "still here" });
    },
  },
  {
    rule: "L28",
    title: "the secret in the hands of another instance opens a new link, and replaces the older instance",
    async run(t) {
      const alice = t.user("alice");
      const original = await t.connect(alice, "web");
      const copy = await t.connect(alice, "web", { resume: resumeOf(original) });
      assert.equal(copy.welcome.resumed, false);
      assert.equal(copy.welcome.reason, "expired");
      assert.equal(await original.closed(), 4301);
      await copy.ok("status", { status: "here" });
    },
  },
  {
    rule: "L7",
    title: "an id that was admitted already is ignored; one that skips closes 4200",
    async run(t) {
      const alice = t.user("alice");
      const client = await t.connect(alice, "web");
      await client.ok("send", { to: alice, body: 1 });
      client.send({ id: 1, type: "teleport" });
      await client.fence();
      assert.equal(client.frames.filter(({ re }) => re === 1).length, 1);
      await client.ok("status", { status: "next" });
      client.send({ id: 4, type: "status", status: "skipped 3" });
      assert.equal(await client.closed(), 4200);
    },
  },
  {
    rule: "L8",
    title: "an acknowledgement of what was never sent closes 4200; an old one does nothing",
    async run(t) {
      const client = await t.connect(t.user("alice"), "web");
      await client.ok("status", { status: "1" });
      await client.ok("status", { status: "2" });
      client.ack();
      client.send({ type: "ack", seq: 0 });
      await client.ok("status", { status: "3" });
      client.send({ type: "ack", seq: 99 });
      assert.equal(await client.closed(), 4200);
    },
  },
  {
    rule: "L9",
    title: "a client that says nothing is pinged, then closed 4104, and can resume",
    takes: (limits) => limits.silence + 2_500,
    async run(t) {
      const alice = t.user("alice");
      const instance = t.instance();
      const client = await t.connect(alice, "web", { instance });
      client.answersPing = false;
      assert.equal(await client.closed(t.limits.silence + 4_000), 4104);
      assert.ok(client.frames.some(({ type }) => type === "ping"));
      const after = await t.resume(client, alice, "web", { instance, attempt: 2 });
      assert.equal(after.welcome.resumed, true);
    },
  },
  {
    rule: "L10",
    title: "a close other than 1000 suspends: the session of the link goes on",
    async run(t) {
      const [alice, bob] = [t.user("alice"), t.user("bob")];
      const callee = await t.connect(bob, "web");
      const instance = t.instance();
      const caller = await t.connect(alice, "web", { instance });
      const { session } = await caller.ok("call", { to: bob });
      await callee.push("incoming", { session });
      await caller.drop();
      await callee.none("ended", { session });
      const after = await t.resume(caller, alice, "web", { instance, attempt: 2 });
      await after.ok("cancel", { session });
      await callee.push("ended", { session, reason: "cancelled" });
    },
  },
  {
    rule: "L12",
    title:
      "the client's close 1000 ends its rings with cancelled, its calls with closed, and the link for good",
    async run(t) {
      const [alice, bob] = [t.user("alice"), t.user("bob")];
      const callee = await t.connect(bob, "web");
      const instance = t.instance();
      const caller = await t.connect(alice, "desk", { instance });
      const { session } = await caller.ok("call", { to: bob });
      await callee.push("incoming", { session });
      const resume = resumeOf(caller);
      caller.close();
      await callee.push("ended", { session, reason: "cancelled" });
      const call = await establish(t);
      call.caller.close();
      await call.callee.push("ended", { session: call.session, reason: "closed" });
      const after = await t.connect(alice, "desk", { instance, attempt: 2, resume });
      assert.equal(after.welcome.resumed, false);
    },
  },
  {
    rule: "L13",
    title: "after the resume window a ring of the link ends, and a resume is refused with expired",
    takes: (limits) => limits.resumeWindow + 2_500,
    async run(t) {
      const [alice, bob] = [t.user("alice"), t.user("bob")];
      const callee = await t.connect(bob, "web");
      const instance = t.instance();
      const caller = await t.connect(alice, "web", { instance });
      const { session } = await caller.ok("call", { to: bob, timeout: t.limits.ringTimeoutMax });
      await callee.push("incoming", { session });
      await caller.drop();
      await callee.push("ended", { session }, t.limits.resumeWindow + 4_000);
      await sleep(1_200);
      const after = await t.connect(alice, "web", { instance, attempt: 2, resume: resumeOf(caller) });
      assert.equal(after.welcome.resumed, false);
      assert.equal(after.welcome.reason, "expired");
    },
  },
];
