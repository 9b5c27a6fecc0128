import { beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { codeOf, limitOf, TestDevice } from "../../test/support/test-device.ts";
import { Deadlines } from "../shared/deadlines.ts";
import { Directory } from "./directory.ts";
import { Alone } from "./elsewhere.ts";
import { Presence } from "./presence.ts";

let deadlines: Deadlines;
let directory: Directory;
let presence: Presence;

const elsewhere = new Alone({ now: () => 0, since: 0, ticketTtl: 0 });
const limits = { watches: 1_000, presenceInterval: 100 };

beforeEach(() => {
  deadlines = new Deadlines();
  directory = new Directory();
  presence = new Presence({
    limits,
    directory,
    deadlines,
    elsewhere,
  });
});

function signIn(device: TestDevice, now: number): TestDevice {
  directory.add(device);
  presence.changed(device.user, now);
  return device;
}

const all = { watch: ["*"] };

describe("Presence", () => {
  test("tells after watch, though not within it, and on change", () => {
    const alice = signIn(new TestDevice("alice/laptop", all), 0);
    const bob = signIn(new TestDevice("bob/phone"), 0);
    presence.watch(alice, ["bob", "carol"], 10);
    expect(alice.heard).toEqual([]);
    deadlines.run(10);
    expect(alice.take("presence")).toEqual([
      { type: "presence", user: "bob", online: true, devices: [{ device: "phone", kind: "browser" }] },
      { type: "presence", user: "carol", online: false, devices: [] },
    ]);
    bob.status = "in a meeting";
    presence.changed("bob", 500);
    deadlines.run(500);
    expect(alice.take("presence")).toEqual([
      {
        type: "presence",
        user: "bob",
        online: true,
        devices: [{ device: "phone", kind: "browser", status: "in a meeting" }],
      },
    ]);
    bob.online = false;
    presence.changed("bob", 1_000);
    deadlines.run(1_000);
    expect(alice.take("presence")).toEqual([{ type: "presence", user: "bob", online: false, devices: [] }]);
    expect(bob.heard).toEqual([]);
  });

  test("tells a storm of changes once an interval, the newest state", () => {
    const alice = signIn(new TestDevice("alice/laptop", all), 0);
    const bob = signIn(new TestDevice("bob/phone"), 0);
    presence.watch(alice, ["bob"], 0);
    deadlines.run(0);
    alice.take("presence");
    for (let now = 1; now <= 1_000; now++) {
      bob.status = `${now}`;
      presence.changed("bob", now);
      deadlines.run(now);
    }
    const told = alice.take("presence");
    expect(told.length).toBe(10);
    expect(told.at(-1)?.devices[0]?.status).toBe("1000");
  });

  test("is no oracle: one user that may not be watched refuses the whole request, known or not", () => {
    const alice = signIn(new TestDevice("alice/laptop", { watch: ["bob"] }), 0);
    signIn(new TestDevice("eve/phone"), 0);
    const known = presence.watch(alice, ["bob", "eve"], 0);
    const unknown = presence.watch(alice, ["bob", "nobody"], 0);
    expect(codeOf(known)).toBe("forbidden");
    expect(unknown).toEqual(known);
    deadlines.run(1_000);
    expect(alice.heard).toEqual([]);
    expect(presence.watcherCount).toBe(0);
  });

  test("everybody may watch oneself", () => {
    const alice = signIn(new TestDevice("alice/laptop"), 0);
    signIn(new TestDevice("alice/phone"), 0);
    expect(codeOf(presence.watch(alice, ["alice"], 0))).toBeUndefined();
    deadlines.run(0);
    expect(alice.take("presence")[0]?.devices.map((d) => d.device)).toEqual(["laptop", "phone"]);
  });

  test("the cap refuses the request that passes it, and counts a user once", () => {
    const alice = signIn(new TestDevice("alice/laptop", all), 0);
    const users = Array.from({ length: 1_000 }, (_, n) => `u${n}`);
    expect(codeOf(presence.watch(alice, users, 0))).toBeUndefined();
    expect(codeOf(presence.watch(alice, ["u0", "u999"], 0))).toBeUndefined();
    const refused = presence.watch(alice, ["u0", "one-more"], 0);
    expect([codeOf(refused), limitOf(refused)]).toEqual(["too_many_watches", "watches"]);
    presence.unwatch(alice, ["u5"]);
    expect(codeOf(presence.watch(alice, ["one-more"], 0))).toBeUndefined();
  });

  test("a thousand watches are told in batches, each user once", () => {
    const alice = signIn(new TestDevice("alice/laptop", all), 0);
    presence.watch(
      alice,
      Array.from({ length: 1_000 }, (_, n) => `u${n}`),
      0,
    );
    deadlines.run(0);
    expect(alice.heard.length).toBeLessThanOrEqual(128);
    for (let now = 0; now <= 1_000; now += 50) deadlines.run(now);
    expect(new Set(alice.take("presence").map((push) => push.user)).size).toBe(1_000);
    deadlines.run(10_000);
    expect(alice.heard).toEqual([]);
  });

  test("a suspended watcher hears nothing, and what is new when it is back", () => {
    const alice = signIn(new TestDevice("alice/laptop", all), 0);
    const bob = signIn(new TestDevice("bob/phone"), 0);
    presence.watch(alice, ["bob", "carol"], 0);
    deadlines.run(0);
    alice.take("presence");
    alice.link.state = "suspended";
    for (let now = 1_000; now < 60_000; now += 1_000) {
      bob.status = `${now}`;
      presence.changed("bob", now);
      deadlines.run(now);
    }
    expect(alice.heard).toEqual([]);
    expect(deadlines.size).toBe(0);
    alice.link.state = "live";
    presence.resumed(alice, 60_000);
    deadlines.run(60_000);
    expect(alice.take("presence").map((push) => push.devices[0]?.status)).toEqual(["59000"]);
  });

  test("what is no longer watched is not told, and who is gone leaves nothing", () => {
    const alice = signIn(new TestDevice("alice/laptop", all), 0);
    presence.watch(alice, ["bob", "carol"], 0);
    presence.unwatch(alice, ["bob", "dave"]);
    deadlines.run(0);
    expect(alice.take("presence").map((push) => push.user)).toEqual(["carol"]);
    presence.watch(alice, ["bob"], 1);
    expect(deadlines.size).toBe(1);
    presence.dropped(alice);
    expect(presence.watcherCount + presence.watchedCount + deadlines.size).toBe(0);
  });

  test("grants that shrink end what they no longer cover", () => {
    const alice = signIn(new TestDevice("alice/laptop", all), 0);
    presence.watch(alice, ["bob", "carol"], 0);
    deadlines.run(0);
    alice.take("presence");
    alice.grants = { watch: ["carol"] };
    presence.recheck(alice);
    presence.changed("bob", 1_000);
    presence.changed("carol", 1_000);
    deadlines.run(1_000);
    expect(alice.take("presence").map((push) => push.user)).toEqual(["carol"]);
  });

  test("tells nothing of a user before it is known what other nodes have of her", () => {
    const asked: [string, (complete: boolean, now: number) => void][] = [];
    const released: string[] = [];
    const elsewhere = {
      follow: (user: string, ready: (complete: boolean, now: number) => void) => asked.push([user, ready]),
      release: (user: string) => released.push(user),
    };
    presence = new Presence({ limits, directory, deadlines, elsewhere });
    const alice = signIn(new TestDevice("alice/laptop", all), 0);
    presence.watch(alice, ["bob"], 0);
    signIn(new TestDevice("bob/phone"), 1_000);
    deadlines.run(1_000);
    expect(alice.take("presence")).toEqual([]);
    const [user, ready] = asked[0]!;
    expect(user).toBe("bob");
    ready(true, 2_000);
    deadlines.run(2_000);
    expect(alice.take("presence").map((push) => push.devices.map((one) => one.device))).toEqual([["phone"]]);
    presence.unwatch(alice, ["bob"]);
    expect(released).toEqual(["bob"]);
  });

  test("under any history each watcher's last word is the truth after the interval, and nothing is left behind", () => {
    const who = fc.constantFrom("a/1", "a/2", "b/1", "c/1");
    const user = fc.constantFrom<string>("a", "b", "c");
    const step = fc.oneof(
      fc.record({ do: fc.constant("in" as const), who }),
      fc.record({ do: fc.constant("out" as const), who }),
      fc.record({ do: fc.constant("online" as const), who, online: fc.boolean() }),
      fc.record({ do: fc.constant("link" as const), who, live: fc.boolean() }),
      fc.record({ do: fc.constant("watch" as const), who, users: fc.array(user, { minLength: 1 }) }),
      fc.record({ do: fc.constant("unwatch" as const), who, users: fc.array(user, { minLength: 1 }) }),
      fc.record({ do: fc.constant("grants" as const), who, watch: fc.array(user) }),
      fc.record({ do: fc.constant("wait" as const), for: fc.integer({ min: 0, max: 150 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const clock = new Deadlines();
        const here = new Directory();
        const subject = new Presence({
          limits: { watches: 2, presenceInterval: 100 },
          directory: here,
          deadlines: clock,
          elsewhere,
        });
        const devices = new Map<string, TestDevice>();
        const watches = new Map<TestDevice, Set<string>>();
        let now = 0;
        const settle = () => {
          now += 300;
          clock.run(now);
          expect(clock.next ?? now + 1).toBeGreaterThan(now);
        };
        const check = () => {
          for (const [device, users] of watches) {
            if (device.link.state !== "live") continue;
            for (const watched of users) {
              const truth = here
                .devices(watched)
                .filter((d) => d.online)
                .map((d) => d.id);
              const said = device.heard.findLast((p) => p.type === "presence" && p.user === watched);
              expect(said?.type === "presence" && said.devices.map((d) => d.device)).toEqual(truth);
            }
          }
        };
        const signOut = (address: string, device: TestDevice) => {
          device.link.state = "closed";
          here.remove(device);
          devices.delete(address);
          watches.delete(device);
          subject.dropped(device);
          subject.changed(device.user, now);
        };
        for (const one of steps) {
          if (one.do === "wait") {
            now += one.for;
            clock.run(now);
            continue;
          }
          const device = devices.get(one.who);
          if (one.do === "in") {
            if (device !== undefined) continue;
            const fresh = new TestDevice(one.who, all);
            devices.set(one.who, fresh);
            watches.set(fresh, new Set());
            here.add(fresh);
            subject.changed(fresh.user, now);
            continue;
          }
          if (device === undefined) continue;
          const mine = watches.get(device) ?? new Set();
          switch (one.do) {
            case "out":
              signOut(one.who, device);
              break;
            case "online":
              device.online = one.online;
              subject.changed(device.user, now);
              break;
            case "link":
              device.link.state = one.live ? "live" : "suspended";
              if (one.live) subject.resumed(device, now);
              break;
            case "watch": {
              const all = new Set([...mine, ...one.users]);
              const may =
                one.users.every((u) => u === device.user || device.grants.watch?.includes(u)) ||
                device.grants.watch?.includes("*");
              const code = codeOf(subject.watch(device, one.users, now));
              expect(code).toBe(!may ? "forbidden" : all.size > 2 ? "too_many_watches" : undefined);
              if (code === undefined) watches.set(device, all);
              break;
            }
            case "unwatch":
              subject.unwatch(device, one.users);
              for (const u of one.users) mine.delete(u);
              break;
            case "grants":
              device.grants = { watch: one.watch };
              subject.recheck(device);
              for (const u of mine) if (u !== device.user && !one.watch.includes(u)) mine.delete(u);
              break;
          }
        }
        settle();
        check();
        for (const [address, device] of [...devices]) signOut(address, device);
        expect(subject.watcherCount + subject.watchedCount).toBe(0);
        expect(clock.size).toBe(0);
      }),
      { numRuns: 500 },
    );
  });
});
