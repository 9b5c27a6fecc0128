import { beforeEach, describe, expect, test } from "bun:test";
import { codeOf, TestDevice } from "../../test/support/test-device.ts";
import { Deadlines } from "../shared/deadlines.ts";
import { Directory } from "./directory.ts";
import { Alone } from "./elsewhere.ts";
import { Messages } from "./messages.ts";

let directory: Directory;
let deadlines: Deadlines;
let told: unknown[];
let others: number;
let messages: Messages;
let alice: TestDevice;
let alicePhone: TestDevice;
let bob: TestDevice;

beforeEach(() => {
  directory = new Directory();
  deadlines = new Deadlines();
  told = [];
  others = 3;
  messages = new Messages({
    limits: { bodyBytes: 20, deliveriesPerSecond: 100, deliveriesBurst: 200 },
    directory,
    deadlines,
    elsewhere: new Alone({ now: () => 0, since: 0, ticketTtl: 0 }),
    rooms: {
      others: (_device, room) => (room === "room:mine" ? others : undefined),
      tell: (device, room, push) => {
        told.push({ by: device.user, room, push });
        return { ok: {} };
      },
    },
  });
  alice = new TestDevice("alice/laptop", { send: ["bob", "room:*", "nobody"], watch: [] });
  alicePhone = new TestDevice("alice/phone");
  bob = new TestDevice("bob/phone");
  for (const device of [alice, alicePhone, bob]) directory.add(device);
});

describe("send", () => {
  test("reaches every device of a user, and says from whom", () => {
    const tv = new TestDevice("bob/tv");
    directory.add(tv);
    tv.link.state = "suspended";
    expect(messages.send(alice, { id: 1, to: "bob", body: { text: "hi" } }, 0)).toEqual({ ok: {} });
    // The reply is out before anything is done that depends on who is there.
    expect([bob.heard, tv.heard]).toEqual([[], []]);
    deadlines.run(1);
    for (const device of [bob, tv])
      expect(device.heard).toEqual([
        {
          type: "message",
          from: { user: "alice", device: "laptop", kind: "browser" },
          to: "bob",
          body: { text: "hi" },
        },
      ]);
    expect(alicePhone.heard).toEqual([]);
  });

  test("reaches one device", () => {
    directory.add(new TestDevice("bob/tv"));
    messages.send(alice, { id: 1, to: "bob/tv", body: 1 }, 0);
    deadlines.run(1);
    expect(bob.heard).toEqual([]);
  });

  test("tells how many it reached only to who may watch", () => {
    expect(messages.send(alice, { id: 1, to: "bob", body: 1 }, 0)).toEqual(
      messages.send(alice, { id: 1, to: "nobody", body: 1 }, 0),
    );
    expect(messages.send(alice, { id: 1, to: "bob/nothing", body: 1 }, 0)).toEqual({ ok: {} });
    alice.grants = { ...alice.grants, watch: ["*"] };
    expect(messages.send(alice, { id: 1, to: "bob", body: 1 }, 0)).toEqual({ ok: { delivered: 1 } });
    expect(messages.send(alice, { id: 1, to: "nobody", body: 1 }, 0)).toEqual({ ok: { delivered: 0 } });
    expect(messages.send(alice, { id: 1, to: "bob/nothing", body: 1 }, 0)).toEqual({ ok: { delivered: 0 } });
  });

  test("goes to one's own other devices without a grant, never back to the sender", () => {
    expect(messages.send(alicePhone, { id: 1, to: "alice", body: 1 }, 0)).toEqual({ ok: { delivered: 1 } });
    expect(alice.heard.length).toBe(1);
    expect(alicePhone.heard.length).toBe(0);
  });

  test("needs the grant", () => {
    expect(codeOf(messages.send(bob, { id: 1, to: "alice", body: 1 }, 0))).toBe("forbidden");
    expect(codeOf(messages.send(bob, { id: 1, to: "room:mine", body: 1 }, 0))).toBe("forbidden");
    expect(told).toEqual([]);
    expect(alice.heard).toEqual([]);
  });

  test("goes to a room that one is in", () => {
    expect(messages.send(alice, { id: 1, to: "room:mine", body: 1 }, 0)).toEqual({ ok: {} });
    expect(told).toEqual([
      {
        by: "alice",
        room: "room:mine",
        push: { type: "message", from: alice.info, to: "room:mine", body: 1 },
      },
    ]);
    expect(codeOf(messages.send(alice, { id: 1, to: "room:other", body: 1 }, 0))).toBe("no_room");
  });

  test("costs as many deliveries as a room has others", () => {
    others = 150;
    expect(messages.send(alice, { id: 1, to: "room:mine", body: 1 }, 0)).toEqual({ ok: {} });
    const refused = messages.send(alice, { id: 1, to: "room:mine", body: 2 }, 0);
    expect(refused).toMatchObject({
      error: { code: "rate_limited", retryAfter: 1_000, limit: "deliveriesPerSecond" },
    });
    expect(messages.send(alice, { id: 1, to: "room:mine", body: 2 }, 1_000)).toEqual({ ok: {} });
    // A room larger than the burst may be spoken in, slowly.
    others = 100_000;
    expect(codeOf(messages.send(alice, { id: 1, to: "room:mine", body: 3 }, 1_500))).toBe("rate_limited");
    expect(messages.send(alice, { id: 1, to: "room:mine", body: 3 }, 4_000)).toEqual({ ok: {} });
    expect(told).toHaveLength(3);
  });

  test("bounds the body by its bytes", () => {
    expect(codeOf(messages.send(alice, { id: 1, to: "bob", body: "é".repeat(9) }, 0))).toBeUndefined();
    expect(codeOf(messages.send(alice, { id: 1, to: "bob", body: "é".repeat(10) }, 0))).toBe("too_large");
  });

  test("refuses what is no address of a device or room", () => {
    for (const to of ["", "a b", "stream:x", "bob/", "pipe:x"])
      expect(codeOf(messages.send(alice, { id: 1, to, body: 1 }, 0))).toBe("bad_request");
  });
});
