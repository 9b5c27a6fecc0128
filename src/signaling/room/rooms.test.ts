import { beforeEach, describe, expect, test } from "bun:test";
import { RoomView } from "../../../test/support/room-view.ts";
import { codeOf, limitOf, okOf, TestDevice } from "../../../test/support/test-device.ts";
import { defaultLimits, type Limits } from "../../protocol/limits.ts";
import type { ReplyOf } from "../../protocol/replies.ts";
import { Deadlines } from "../../shared/deadlines.ts";
import type { Device } from "../device.ts";
import type { Grants } from "../grants.ts";
import type { RoomRule } from "./room-policy.ts";
import { Rooms } from "./rooms.ts";

type Joined = ReplyOf<"join">;

let deadlines: Deadlines;
let connections: string[];
let disconnections: string[];
let rooms: Rooms;
let told: string[];

const guest: Grants = { join: ["room:*"] };
const host: Grants = { join: ["room:*"], moderate: ["room:*"] };

function build(limits: Partial<Limits> = {}, rules: RoomRule[] = []): void {
  let ids = 0;
  deadlines = new Deadlines();
  connections = [];
  disconnections = [];
  told = [];
  const address = (device: Device) => `${device.user}/${device.id}`;
  rooms = new Rooms({
    limits: { ...defaultLimits, ...limits },
    rules,
    deadlines,
    random: () => `${++ids}`,
    connect: (a, b, room, memberA, memberB) =>
      connections.push(`${room} ${address(a)}=${memberA} → ${address(b)}=${memberB}`),
    disconnect: (room, member) => disconnections.push(`${room} ${member}`),
    emit: (event) => {
      const who = "user" in event ? ` ${event.user}` : "";
      const why = "reason" in event ? ` ${event.reason}` : "";
      told.push(`${event.type.slice(5)}${who}${why}`);
    },
  });
}

beforeEach(() => build());

const join = (device: Device, room = "room:a", now = 0): Joined =>
  okOf<Joined>(rooms.join(device, { room }, now));
const mesh = (device: Device, now = 0): Joined =>
  okOf<Joined>(rooms.join(device, { room: "room:a", mode: "mesh" }, now));

describe("what happens in a room is told once", () => {
  test("those who come, knock and go, and why", () => {
    build({}, [{ match: "room:*", lobby: true }]);
    const [doctor, ann, ben] = [
      new TestDevice("doctor/pc", host),
      new TestDevice("ann/phone", guest),
      new TestDevice("ben/phone", guest),
    ];
    join(doctor);
    const { member } = join(ann);
    join(ann);
    okOf(rooms.admit(doctor, { room: "room:a", member }, 0));
    okOf(rooms.refuse(doctor, { room: "room:a", member: join(ben).member }, 0));
    rooms.dropped(ann, 0);
    okOf(rooms.leave(doctor, { room: "room:a" }, 0));
    expect(told).toEqual([
      "opened",
      "joined doctor",
      "knocked ann",
      "joined ann",
      "knocked ben",
      "left ben refused",
      "left ann offline",
      "left doctor left",
      "closed empty",
    ]);
  });

  test("a room that is ended is left by all before it is closed", () => {
    join(new TestDevice("ann/phone", guest));
    join(new TestDevice("ben/phone", guest));
    told = [];
    rooms.end("shutdown", 0);
    expect(told).toEqual(["left ann shutdown", "left ben shutdown", "closed shutdown"]);
  });
});

describe("join and leave", () => {
  test("the reply has the list, the others get a delta, and the last to leave takes the room along", () => {
    const alice = new TestDevice("alice/laptop", guest);
    const bob = new TestDevice("bob/phone", guest);
    const first = join(alice);
    expect(first).toMatchObject({ state: "joined", moderator: false, version: 1, count: 1, policy: {} });
    expect(first.members).toEqual([
      { member: first.member, index: 1, user: "alice", device: "laptop", kind: "browser" },
    ]);
    const second = okOf<Joined>(rooms.join(bob, { room: "room:a", data: { hand: true } }, 5));
    expect(second.version).toBe(2);
    expect(second.members.map((m) => m.user)).toEqual(["alice", "bob"]);
    expect(bob.heard).toEqual([]);
    expect(alice.take("room")).toEqual([
      {
        type: "room",
        room: "room:a",
        version: 2,
        count: 2,
        joined: [
          {
            member: second.member,
            index: 2,
            user: "bob",
            device: "phone",
            kind: "browser",
            data: { hand: true },
          },
        ],
      },
    ]);
    expect(rooms.leave(bob, { room: "room:a" }, 6)).toEqual({ ok: {} });
    expect(alice.take("room")).toEqual([
      { type: "room", room: "room:a", version: 3, count: 1, left: [second.member] },
    ]);
    rooms.leave(alice, { room: "room:a" }, 7);
    expect(rooms.size).toBe(0);
    expect(deadlines.size).toBe(0);
  });

  test("joining again is no second member; new data is told", () => {
    const alice = new TestDevice("alice/laptop", guest);
    const bob = new TestDevice("bob/phone", guest);
    join(alice);
    const first = join(bob);
    alice.take("room");
    expect(join(bob)).toEqual(first);
    expect(alice.heard).toEqual([]);
    okOf(rooms.join(bob, { room: "room:a", data: 1 }, 0));
    expect(alice.take("room")).toMatchObject([
      { version: 3, count: 2, joined: [{ member: first.member, data: 1 }] },
    ]);
    okOf(rooms.join(bob, { room: "room:a" }, 0));
    expect(alice.take("room")[0]?.joined?.[0]).not.toHaveProperty("data");
  });

  test("another link of the same device takes its place", () => {
    const alice = new TestDevice("alice/laptop", guest);
    const old = new TestDevice("bob/phone", guest);
    const fresh = new TestDevice("bob/phone", guest);
    const view = new RoomView(join(alice));
    join(old);
    const reply = join(fresh);
    expect(reply.members.map((m) => m.user)).toEqual(["alice", "bob"]);
    for (const push of alice.take("room")) view.apply(push);
    expect([...(view.members?.keys() ?? [])]).toEqual(reply.members.map((m) => m.member));
    rooms.dropped(old, 0);
    expect(view.count).toBe(2);
    expect(codeOf(rooms.leave(old, { room: "room:a" }, 0))).toBe("no_room");
    rooms.dropped(fresh, 0);
    rooms.dropped(alice, 0);
    expect(rooms.size).toBe(0);
  });

  test("a lone member's new link keeps the room alive", () => {
    join(new TestDevice("bob/phone", guest));
    const fresh = new TestDevice("bob/phone", guest);
    join(fresh);
    expect(rooms.size).toBe(1);
    expect(okOf(rooms.leave(fresh, { room: "room:a" }, 0))).toEqual({});
    expect(rooms.size).toBe(0);
  });

  test("refuses what the token, the address and the server do not allow", () => {
    const alice = new TestDevice("alice/laptop", { join: ["room:visit-*"] });
    expect(codeOf(rooms.join(alice, { room: "room:other" }, 0))).toBe("forbidden");
    expect(codeOf(rooms.join(alice, { room: "room:visit-1" }, 0))).toBeUndefined();
    expect(codeOf(rooms.join(alice, { room: "room:visit-*" }, 0))).toBe("bad_request");
    expect(codeOf(rooms.join(alice, { room: "room:" }, 0))).toBe("bad_request");
    expect(rooms.join(alice, { room: "room:visit-1", mode: "media" }, 0)).toMatchObject({
      error: { code: "bad_request", message: expect.stringContaining("no media server") },
    });
    expect(codeOf(rooms.leave(alice, { room: "room:visit-2" }, 0))).toBe("no_room");
    for (const request of [rooms.admit, rooms.refuse])
      expect(codeOf(request.call(rooms, alice, { room: "room:visit-1", member: "x" }, 0))).toBe("forbidden");
    expect(codeOf(rooms.policy(alice, { room: "room:visit-1", policy: {} }, 0))).toBe("forbidden");
  });

  test("grants that shrink put one out", () => {
    const alice = new TestDevice("alice/laptop", guest);
    const bob = new TestDevice("bob/phone", guest);
    join(alice);
    join(bob);
    bob.grants = {};
    rooms.recheck(bob, 1);
    expect(bob.take("room_ended")).toEqual([{ type: "room_ended", room: "room:a", reason: "forbidden" }]);
    expect(alice.take("room").at(-1)?.count).toBe(1);
  });
});

describe("caps", () => {
  test("rooms of a link, rooms of the node, members, data", () => {
    build({ rooms: 2, roomsTotal: 3, roomSize: 2, bodyBytes: 100 });
    const alice = new TestDevice("alice/a", guest);
    const bob = new TestDevice("bob/b", guest);
    const carol = new TestDevice("carol/c", guest);
    join(alice, "room:1");
    join(alice, "room:2");
    const third = rooms.join(alice, { room: "room:3" }, 0);
    expect([codeOf(third), limitOf(third)]).toEqual(["too_many_rooms", "rooms"]);
    join(alice, "room:2");
    join(bob, "room:3");
    const fourth = rooms.join(bob, { room: "room:4" }, 0);
    expect([codeOf(fourth), limitOf(fourth)]).toEqual(["temporary", "roomsTotal"]);
    join(bob, "room:1");
    const full = rooms.join(carol, { room: "room:1" }, 0);
    expect([codeOf(full), limitOf(full)]).toEqual(["room_full", "roomSize"]);
    expect(codeOf(rooms.join(carol, { room: "room:2", data: "é".repeat(49) }, 0))).toBeUndefined();
    expect(codeOf(rooms.join(carol, { room: "room:2", data: "é".repeat(50) }, 0))).toBe("too_large");
    expect(codeOf(rooms.join(carol, { room: "room:3", data: 1 }, 0))).toBe("too_large");
    rooms.leave(carol, { room: "room:2" }, 0);
    expect(codeOf(rooms.join(carol, { room: "room:3", data: 1 }, 0))).toBeUndefined();
  });

  test("a refused first join leaves no room behind", () => {
    build({}, [{ match: "room:*", opens: 1_000 }]);
    expect(codeOf(rooms.join(new TestDevice("alice/a", guest), { room: "room:a" }, 0))).toBe("room_closed");
    expect(rooms.size).toBe(0);
    expect(deadlines.size).toBe(0);
  });
});

describe("time window and policy", () => {
  test("nobody joins early or late; at its end all are put out", () => {
    build({}, [{ match: "room:visit-*", opens: 1_000, closes: 2_000 }, { match: "room:*" }]);
    const alice = new TestDevice("alice/a", guest);
    const early = rooms.join(alice, { room: "room:visit-1" }, 400);
    expect(early).toMatchObject({ error: { code: "room_closed", retryAfter: 600 } });
    expect(join(alice, "room:visit-1", 1_000).policy).toEqual({ opens: 1_000, closes: 2_000 });
    deadlines.run(1_999);
    expect(alice.heard).toEqual([]);
    deadlines.run(2_000);
    expect(alice.take("room_ended")).toEqual([
      { type: "room_ended", room: "room:visit-1", reason: "closed" },
    ]);
    const late = rooms.join(alice, { room: "room:visit-1" }, 2_000);
    expect(late).toMatchObject({ error: { code: "room_closed" } });
    expect("error" in late && late.error.retryAfter).toBeUndefined();
    expect(rooms.size).toBe(0);
    expect(deadlines.size).toBe(0);
  });

  test("a moderator's policy stands over the rule, is told to all, and dies with the room", () => {
    build({}, [{ match: "room:*", size: 3, closes: 9_000 }]);
    const alice = new TestDevice("alice/a", host);
    const bob = new TestDevice("bob/b", guest);
    join(alice);
    join(bob);
    alice.take("room");
    expect(codeOf(rooms.policy(bob, { room: "room:a", policy: {} }, 0))).toBe("forbidden");
    okOf(rooms.policy(alice, { room: "room:a", policy: { lobby: true, size: 99, closes: 5_000 } }, 0));
    const policy = { lobby: true, size: 3, closes: 5_000 };
    for (const one of [alice, bob])
      expect(one.take("room")).toEqual([
        { type: "room", room: "room:a", version: 3, count: 2, policy } as never,
      ]);
    okOf(rooms.policy(alice, { room: "room:a", policy: { closes: 5_000 } }, 0));
    expect(bob.take("room")[0]?.policy).toEqual({ size: 3, closes: 5_000 });
    deadlines.run(5_000);
    expect(bob.take("room_ended")[0]?.reason).toBe("closed");
    expect(join(bob, "room:a", 5_001).policy).toEqual({ size: 3, closes: 9_000 });
  });

  test("a moderator outside the room sets nothing", () => {
    const alice = new TestDevice("alice/a", host);
    expect(codeOf(rooms.policy(alice, { room: "room:a", policy: {} }, 0))).toBe("no_room");
  });
});

describe("lobby", () => {
  beforeEach(() => build({}, [{ match: "room:*", lobby: true }]));

  test("who waits knows nothing; moderators hear the knock; admit lets in", () => {
    const alice = new TestDevice("alice/a", host);
    const bob = new TestDevice("bob/b", guest);
    const carol = new TestDevice("carol/c", guest);
    join(alice);
    const waiting = join(bob);
    expect(waiting).toMatchObject({ state: "lobby", version: 0, count: 0, members: [], moderator: false });
    expect(alice.take("knock")).toMatchObject([{ member: { member: waiting.member, user: "bob" } }]);
    expect(rooms.others(bob, "room:a")).toBeUndefined();
    expect(codeOf(rooms.admit(bob, { room: "room:a", member: waiting.member }, 0))).toBe("forbidden");
    join(carol);
    alice.take("knock");

    okOf(rooms.admit(alice, { room: "room:a", member: waiting.member }, 0));
    expect(bob.take("admitted")).toMatchObject([
      {
        room: "room:a",
        member: waiting.member,
        version: 2,
        count: 2,
        members: [{ user: "alice" }, { user: "bob" }],
      },
    ]);
    expect(alice.take("room")).toMatchObject([{ version: 2, joined: [{ user: "bob" }] }]);
    expect(alice.take("knock")).toMatchObject([{ gone: true, member: { user: "bob" } }]);
    expect(carol.heard).toEqual([]);
    expect(codeOf(rooms.admit(alice, { room: "room:a", member: waiting.member }, 0))).toBeUndefined();
    expect(codeOf(rooms.admit(alice, { room: "room:a", member: "nobody" }, 0))).toBe("wrong_state");
  });

  test("a moderator who comes later hears who waits, after the reply", () => {
    const alice = new TestDevice("alice/a", host);
    join(new TestDevice("bob/b", guest));
    join(alice);
    expect(alice.heard).toEqual([]);
    deadlines.run(0);
    expect(alice.take("knock")).toMatchObject([{ member: { user: "bob" } }]);
  });

  test("who was refused can't knock for a minute, and the knock is over", () => {
    const alice = new TestDevice("alice/a", host);
    const bob = new TestDevice("bob/b", guest);
    join(alice);
    const { member } = join(bob);
    alice.take("knock");
    okOf(rooms.refuse(alice, { room: "room:a", member }, 1_000));
    okOf(rooms.refuse(alice, { room: "room:a", member }, 1_000));
    expect(bob.take("room_ended")).toMatchObject([{ reason: "refused" }]);
    expect(alice.take("knock")).toMatchObject([{ gone: true }]);
    expect(rooms.join(bob, { room: "room:a" }, 2_000)).toMatchObject({
      error: { code: "refused", retryAfter: 59_000 },
    });
    expect(join(bob, "room:a", 61_000).state).toBe("lobby");
  });

  test("a member can be turned out", () => {
    const alice = new TestDevice("alice/a", host);
    const bob = new TestDevice("bob/b", guest);
    join(alice);
    const { member } = join(bob);
    rooms.admit(alice, { room: "room:a", member }, 0);
    alice.take("room");
    okOf(rooms.refuse(alice, { room: "room:a", member }, 0));
    expect(bob.take("room_ended")).toMatchObject([{ reason: "refused" }]);
    expect(alice.take("room")).toMatchObject([{ left: [member], count: 1 }]);
  });

  test("opening the lobby lets all in whom the room can hold", () => {
    const alice = new TestDevice("alice/a", host);
    const guests = ["b", "c", "d"].map((id) => new TestDevice(`${id}/1`, guest));
    join(alice);
    for (const one of guests) join(one);
    okOf(rooms.policy(alice, { room: "room:a", policy: { lobby: false, size: 3 } }, 0));
    expect(guests.map((one) => one.take("admitted").length)).toEqual([1, 1, 0]);
    rooms.leave(guests[0] as TestDevice, { room: "room:a" }, 0);
    const knock = alice.take("knock")[2];
    okOf(rooms.admit(alice, { room: "room:a", member: knock?.member.member ?? "" }, 0));
    expect(guests[2]?.take("admitted").length).toBe(1);
  });

  test("a waiting member who leaves or drops is told as gone, and whose token now moderates is in", () => {
    const alice = new TestDevice("alice/a", host);
    const bob = new TestDevice("bob/b", guest);
    join(alice);
    join(bob);
    rooms.dropped(bob, 0);
    expect(alice.take("knock").map((k) => k.gone)).toEqual([undefined, true]);
    const carol = new TestDevice("carol/c", guest);
    join(carol);
    carol.grants = host;
    rooms.recheck(carol, 0);
    expect(carol.take("admitted").length).toBe(1);
    join(new TestDevice("dave/d", guest));
    expect(carol.take("knock").length).toBe(1);
    carol.grants = guest;
    rooms.recheck(carol, 0);
    join(new TestDevice("eve/e", guest));
    expect(carol.take("knock").length).toBe(0);
    expect(codeOf(rooms.policy(carol, { room: "room:a", policy: {} }, 0))).toBe("forbidden");
  });

  test("is bounded", () => {
    join(new TestDevice("alice/a", host));
    for (let n = 0; n < 128; n++) join(new TestDevice(`g${n}/1`, guest));
    expect(codeOf(rooms.join(new TestDevice("late/1", guest), { room: "room:a" }, 0))).toBe("room_full");
  });
});

describe("mesh", () => {
  test("a session with each member of the mesh, the newer offers, after the reply", () => {
    const [a, b, c] = ["a/1", "b/1", "c/1"].map((address) => new TestDevice(address, guest)) as [
      TestDevice,
      TestDevice,
      TestDevice,
    ];
    const ma = mesh(a).member;
    join(b);
    const mc = mesh(c).member;
    expect(connections).toEqual([]);
    deadlines.run(0);
    expect(connections).toEqual([`room:a c/1=${mc} → a/1=${ma}`]);
    const mb = mesh(b, 10).member;
    deadlines.run(10);
    expect(connections.slice(1)).toEqual([`room:a b/1=${mb} → a/1=${ma}`, `room:a c/1=${mc} → b/1=${mb}`]);
    mesh(b, 11);
    deadlines.run(11);
    expect(connections.length).toBe(3);

    join(b, "room:a", 12);
    expect(disconnections).toEqual([`room:a ${mb}`]);
    rooms.dropped(c, 13);
    expect(disconnections).toEqual([`room:a ${mb}`, `room:a ${mc}`]);
    rooms.dropped(b, 14);
    rooms.dropped(a, 14);
    deadlines.run(14);
    expect(disconnections).toEqual([`room:a ${mb}`, `room:a ${mc}`, `room:a ${ma}`]);
  });

  test("who left before its sessions were made gets none", () => {
    const a = new TestDevice("a/1", guest);
    const b = new TestDevice("b/1", guest);
    mesh(a);
    mesh(b);
    rooms.dropped(b, 0);
    deadlines.run(0);
    expect(connections).toEqual([]);
  });

  test("has a size of its own, for those who come, change and are let in", () => {
    build({ meshSize: 2 });
    const [a, b, c, d] = ["a/1", "b/1", "c/1", "d/1"].map((address) => new TestDevice(address, host)) as [
      TestDevice,
      TestDevice,
      TestDevice,
      TestDevice,
    ];
    mesh(a);
    mesh(b);
    expect(codeOf(rooms.join(c, { room: "room:a", mode: "mesh" }, 0))).toBe("room_full");
    join(c);
    expect(codeOf(rooms.join(c, { room: "room:a", mode: "mesh" }, 0))).toBe("room_full");
    rooms.policy(a, { room: "room:a", policy: { lobby: true } }, 0);
    d.grants = guest;
    const { member } = mesh(d);
    expect(codeOf(rooms.admit(a, { room: "room:a", member }, 0))).toBe("room_full");
    rooms.leave(b, { room: "room:a" }, 0);
    expect(codeOf(rooms.admit(a, { room: "room:a", member }, 0))).toBeUndefined();
    deadlines.run(0);
    expect(connections.length).toBe(1);
  });
});

describe("large rooms", () => {
  test("tell only a count, once a second, and a list again when they are small", () => {
    build({ roomList: 8 });
    const first = new TestDevice("first/1", guest);
    const view = new RoomView(join(first));
    const others: TestDevice[] = [];
    const enter = (now: number) => {
      const one = new TestDevice(`u${others.length}/1`, guest);
      others.push(one);
      return join(one, "room:a", now);
    };
    const hear = () => {
      const pushes = first.take("room");
      for (const push of pushes) view.apply(push);
      return pushes;
    };
    for (let n = 0; n < 7; n++) enter(0);
    expect(hear().length).toBe(7);
    expect(view.members?.size).toBe(8);

    const reply = enter(0);
    expect(reply).toMatchObject({ count: 9, members: [] });
    expect(hear()).toMatchObject([{ scoped: true, count: 9 }]);
    for (let n = 0; n < 500; n++) {
      enter(n);
      deadlines.run(n);
    }
    expect(hear()).toEqual([]);
    deadlines.run(1_000);
    expect(hear()).toMatchObject([{ count: 509 }]);
    deadlines.run(60_000);
    expect(hear()).toEqual([]);

    while (others.length > 6) {
      rooms.dropped(others.pop() as TestDevice, 70_000);
      hear();
      expect(view.members).toBeUndefined();
    }
    rooms.dropped(others.pop() as TestDevice, 70_000);
    expect(hear()).toMatchObject([{ scoped: false, count: 6 }]);
    expect(view.members?.size).toBe(6);
    enter(70_000);
    expect(hear()).toMatchObject([{ joined: [{ user: "u5" }] }]);
    expect(deadlines.size).toBe(0);
  });

  test("a list of many bytes is not told either: no join reply passes 16 KiB", () => {
    const view = new TestDevice("first/1", guest);
    join(view);
    for (let n = 0; n < 64; n++) {
      const one = new TestDevice(`${"ü".repeat(120)}${n}/${"é".repeat(120)}`, guest);
      const reply = okOf<Joined>(rooms.join(one, { room: "room:a", data: "x".repeat(n) }, 0));
      expect(new TextEncoder().encode(JSON.stringify(reply)).length).toBeLessThan(16_384);
    }
    expect(view.take("room").filter((push) => push.scoped).length).toBe(1);
  });
});

test("ending all rooms tells everybody and leaves nothing", () => {
  const alice = new TestDevice("alice/a", guest);
  mesh(alice);
  join(alice, "room:b");
  rooms.end("shutdown", 0);
  expect(alice.take("room_ended").map((push) => push.room)).toEqual(["room:a", "room:b"]);
  deadlines.run(0);
  expect(rooms.size + deadlines.size).toBe(0);
  expect(codeOf(rooms.leave(alice, { room: "room:a" }, 0))).toBe("no_room");
});
