import assert from "node:assert/strict";
import type { Check, Context } from "../check.ts";
import type { Client, Frame } from "../client.ts";

async function joined(
  t: Context,
  name: string,
  room: string,
  fields: Frame = {},
): Promise<Client & { joined: Frame }> {
  const client = await t.connect(t.user(name), "web");
  return Object.assign(client, { joined: await client.ok("join", { room, ...fields }) });
}

/** §10 Rooms. */
export const roomChecks: readonly Check[] = [
  {
    rule: "R1",
    title: "join replies with the room; changes come as deltas with the next version",
    async run(t) {
      const room = t.room("standup");
      const alice = await joined(t, "alice", room, { data: { seat: 1 } });
      assert.equal(alice.joined.state, "joined");
      assert.equal(alice.joined.count, 1);
      assert.equal(alice.joined.members.length, 1);
      const bob = await joined(t, "bob", room);
      assert.equal(bob.joined.count, 2);
      const me = bob.joined.members.find(({ member }: Frame) => member === bob.joined.member);
      const her = bob.joined.members.find(({ member }: Frame) => member === alice.joined.member);
      assert.deepEqual(her.data, { seat: 1 });
      assert.ok(me.index > her.index);
      const delta = await alice.push("room", { room });
      assert.equal(delta.version, alice.joined.version + 1);
      assert.equal(delta.count, 2);
      assert.deepEqual(
        delta.joined.map(({ user }: Frame) => user),
        [t.user("bob")],
      );
      await bob.ok("leave", { room });
      const left = await alice.push("room", { room });
      assert.equal(left.version, delta.version + 1);
      assert.deepEqual(left.left, [bob.joined.member]);
      assert.equal(left.count, 1);
      await bob.none("room");
    },
  },
  {
    rule: "R2",
    title: "a room larger than roomList tells its count only",
    takes: (limits) => (limits.roomList <= 12 ? 1_000 : Number.POSITIVE_INFINITY),
    async run(t) {
      const room = t.room("hall");
      const first = await joined(t, "alice", room);
      let last = first;
      for (let n = 0; n <= t.limits.roomList; n++) last = await joined(t, `u${n}`, room);
      assert.ok(last.joined.members.length <= t.limits.roomList);
      assert.equal(last.joined.count, t.limits.roomList + 2);
      const scoped = await first.expect("scoped", (frame) => frame.type === "room" && frame.scoped === true);
      assert.equal(scoped.room, room);
      await first.expect(
        "the count",
        (frame) => frame.type === "room" && frame.count === t.limits.roomList + 2,
      );
    },
  },
  {
    rule: "R3",
    title: "a mesh opens a session per pair, active at once; the later one offers; leaving ends it with left",
    async run(t) {
      const room = t.room("mesh");
      const alice = await joined(t, "alice", room, { mode: "mesh" });
      const bob = await joined(t, "bob", room, { mode: "mesh" });
      const atAlice = await alice.push("session", { room });
      const atBob = await bob.push("session", { room });
      assert.equal(atAlice.session, atBob.session);
      assert.equal(atAlice.member, bob.joined.member);
      assert.equal(atBob.member, alice.joined.member);
      assert.deepEqual([atAlice.offer, atBob.offer], [false, true]);
      const { session } = atBob;
      bob.fire("signal", { session, pair: 1, generation: 1, description: { type: "offer", sdp: "v=0" } });
      await alice.push("signal", { session });
      const carol = await joined(t, "carol", room, { mode: "mesh" });
      await carol.push("session", { room });
      await carol.push("session", { room });
      await bob.ok("leave", { room });
      await alice.push("ended", { session, reason: "left" });
      await bob.push("ended", { session, reason: "left" });
    },
  },
  {
    rule: "R3",
    title: "members outside the mesh get no sessions",
    async run(t) {
      const room = t.room("mixed");
      const alice = await joined(t, "alice", room);
      await joined(t, "bob", room, { mode: "mesh" });
      await alice.push("room", { room });
      await alice.none("session");
    },
  },
  {
    rule: "R4",
    title: "in a lobby one knocks: admit lets in, refuse turns away",
    needs: "mint",
    async run(t) {
      const room = t.room("clinic");
      const doctor = await joined(t, "doctor", room);
      assert.equal(doctor.joined.moderator, true);
      await doctor.ok("policy", { room, policy: { lobby: true } });
      const grants = { join: ["room:*"], send: ["*"] };
      const knocks = async (name: string) => {
        const client = await t.connect(t.user(name), "web", { grants });
        const reply = await client.ok("join", { room });
        assert.equal(reply.state, "lobby");
        assert.deepEqual(reply.members, []);
        const knock = await doctor.expect(
          "the knock",
          ({ type, member, gone }) => type === "knock" && !gone && member.user === t.user(name),
        );
        return { client, member: knock.member.member as string };
      };
      const one = await knocks("one");
      await one.client.none("room");
      await doctor.ok("admit", { room, member: one.member });
      const admitted = await one.client.push("admitted", { room });
      assert.equal(admitted.count, 2);
      await doctor.expect("the delta", (frame) => frame.type === "room" && frame.joined?.length === 1);
      const two = await knocks("two");
      await doctor.ok("refuse", { room, member: two.member });
      await two.client.push("room_ended", { room, reason: "refused" });
      const three = await knocks("three");
      three.client.close();
      await doctor.expect(
        "its end",
        ({ type, member, gone }) => type === "knock" && gone && member.member === three.member,
      );
      await two.client.fails("refused", "join", { room });
    },
  },
  {
    rule: "R5",
    title: "admit, refuse and policy need the moderate grant",
    needs: "mint",
    async run(t) {
      const room = t.room("plain");
      const doctor = await joined(t, "doctor", room);
      const guest = await t.connect(t.user("guest"), "web", { grants: { join: ["room:*"] } });
      const { moderator } = await guest.ok("join", { room });
      assert.equal(moderator, false);
      await guest.fails("forbidden", "policy", { room, policy: { lobby: true } });
      await guest.fails("forbidden", "admit", { room, member: doctor.joined.member });
      await guest.fails("forbidden", "refuse", { room, member: doctor.joined.member });
      await doctor.none("room_ended");
    },
  },
  {
    rule: "R6",
    title: "a full room is room_full, a room before its time room_closed with retryAfter",
    async run(t) {
      const room = t.room("small");
      const alice = await joined(t, "alice", room);
      await alice.ok("policy", { room, policy: { size: 1 } });
      const bob = await t.connect(t.user("bob"), "web");
      await bob.fails("room_full", "join", { room });
      const later = t.room("later");
      const host = await joined(t, "host", later);
      await host.ok("policy", { room: later, policy: { opens: Date.now() + 60_000 } });
      const error = await bob.fails("room_closed", "join", { room: later });
      assert.ok(error.retryAfter > 0);
    },
  },
  {
    rule: "R6",
    title: "at the end of its time window the room ends for all",
    takes: () => 2_000,
    async run(t) {
      const room = t.room("ends");
      const alice = await joined(t, "alice", room);
      const bob = await joined(t, "bob", room);
      await alice.ok("policy", { room, policy: { closes: Date.now() + 400 } });
      await alice.push("room_ended", { room, reason: "closed" });
      await bob.push("room_ended", { room, reason: "closed" });
    },
  },
  {
    rule: "R7",
    title: "a member whose link is suspended stays; one whose link is closed leaves",
    async run(t) {
      const room = t.room("stays");
      const alice = await joined(t, "alice", room);
      const instance = t.instance();
      const bob = await t.connect(t.user("bob"), "web", { instance });
      const { member } = await bob.ok("join", { room });
      await alice.push("room", { room });
      await bob.drop();
      await alice.none("room");
      const after = await t.resume(bob, t.user("bob"), "web", { instance, attempt: 2 });
      await alice.ok("send", { to: room, body: "hello" });
      await after.push("message", { body: "hello" });
      after.close();
      assert.deepEqual((await alice.push("room", { room })).left, [member]);
    },
  },
  {
    rule: "R8",
    title: "leave and send in a room that one is not in are no_room",
    async run(t) {
      const room = t.room("private");
      await joined(t, "alice", room);
      const mallory = await t.connect(t.user("mallory"), "web");
      await mallory.fails("no_room", "leave", { room });
      await mallory.fails("no_room", "send", { to: room, body: "hello" });
    },
  },
  {
    rule: "M3",
    title: "a message to a room reaches every other member, and not its sender",
    async run(t) {
      const room = t.room("chat");
      const alice = await joined(t, "alice", room);
      const others = [await joined(t, "bob", room), await joined(t, "carol", room)];
      await alice.ok("send", { to: room, body: { text: "hello" } });
      for (const other of others) {
        const message = await other.push("message", { to: room });
        assert.deepEqual(message.body, { text: "hello" });
        assert.equal(message.from.user, t.user("alice"));
      }
      await alice.none("message");
    },
  },
  {
    rule: "M5",
    title: "what a user sends to rooms is limited by how many hear it",
    takes: ({ deliveriesBurst }) => (deliveriesBurst <= 200 ? 0 : Number.POSITIVE_INFINITY),
    async run(t) {
      const room = t.room("loud");
      const alice = await joined(t, "alice", room);
      const bob = await joined(t, "bob", room);
      await joined(t, "carol", room);
      const sends = t.limits.deliveriesBurst / 2 + 1;
      for (let n = 0; n < sends; n++) await alice.ok("send", { to: room, body: n }).catch(() => undefined);
      const error = await alice.fails("rate_limited", "send", { to: room, body: "more" });
      assert.ok(error.retryAfter > 0);
      await bob.ok("send", { to: room, body: "another user is not held up" });
    },
  },
];
