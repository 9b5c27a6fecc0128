import { describe, expect, test } from "bun:test";
import { type SimPhone, SimSip } from "../../../test/support/sim-phone.ts";
import { phoneIsCalled, taken } from "../../../test/support/sim-phone-calls.ts";

describe("registration", () => {
  test("a challenge offers SHA-256, then MD5; both are taken", () => {
    const world = new SimSip();
    for (const algorithm of ["SHA-256", "MD5"] as const) {
      const phone = world.phone("alice");
      const extra = { to: "<sip:alice@sim.test>", uri: "sip:sim.test", callId: algorithm };
      const challenge = phone.ask("REGISTER", extra);
      expect(
        challenge?.headers.lines("WWW-Authenticate").map((line) => /algorithm=([\w-]+)/.exec(line)?.[1]),
      ).toEqual(["SHA-256", "MD5"]);
      const proof = phone.authorization("REGISTER", "sip:sim.test", challenge, algorithm);
      expect(phone.ask("REGISTER", { ...extra, headers: [proof] })?.status).toBe(200);
      expect(
        phone.ask("REGISTER", { ...extra, headers: [proof] })?.headers.get("WWW-Authenticate"),
      ).toContain("stale=true");
    }
  });

  test("the contact comes back as it was written, with its time; too short a time is 423", () => {
    const world = new SimSip();
    const phone = world.phone("alice");
    const registered = phone.register();
    expect(registered?.headers.values("Contact")).toEqual([`${phone.contact};expires=600`]);
    expect(registered?.headers.has("Date")).toBe(true);
    const short = phone.register({ expires: 10 });
    expect(short?.status).toBe(423);
    expect(short?.headers.get("Min-Expires")).toBe("60");
  });

  test("ends by itself, by Expires: 0, by `*`, and with its connection", () => {
    const ends: ((world: SimSip, phone: SimPhone) => void)[] = [
      (world) => world.pass(601_000),
      (_world, phone) => phone.register({ expires: 0 }),
      (_world, phone) => phone.drop(),
    ];
    for (const end of ends) {
      const world = new SimSip();
      const phone = world.phone("alice");
      phone.register();
      expect(world.agent.numbers.phones).toBe(1);
      end(world, phone);
      expect(world.agent.numbers.phones).toBe(0);
      expect(world.sim.core.stats().devices).toBe(0);
    }
  });

  test("each client is a device of its own; one that names its device keeps it", () => {
    const world = new SimSip();
    for (const name of ["alice", "alice", "carol"]) world.phone(name).register();
    expect(world.agent.numbers.phones).toBe(3);
    const first = world.phone("dave", { device: "desk" });
    first.register();
    const second = world.phone("dave", { device: "desk" });
    second.register();
    expect(world.agent.numbers.phones).toBe(4);
    world.phone("alice").call("dave");
    const caller = world.phone("erin");
    caller.register();
    caller.call("dave");
    expect(first.request("INVITE")).toBeUndefined();
    expect(second.request("INVITE")).toBeDefined();
  });

  test("a lost connection keeps the call for a while; who registers again goes on with it", () => {
    for (const back of [true, false]) {
      const call = phoneIsCalled();
      const { world, alice, bob, session } = call;
      taken(call);
      const { dialog } = bob;
      bob.drop();
      expect(alice.last("peer")).toMatchObject({ link: "suspended" });
      world.pass(20_000);
      if (!back) {
        world.pass(11_000);
        expect(alice.last("ended").reason).toBe("failed");
        continue;
      }
      const again = world.phone("bob");
      Object.defineProperty(again, "name", { value: bob.name });
      again.register();
      expect(alice.last("peer")).toMatchObject({ link: "live" });
      world.pass(60_000);
      alice.ask("hangup", { session });
      world.pass(0);
      expect(again.request("BYE")?.callId).toBe(dialog?.callId ?? "");
    }
  });

  test("a connection that broke without a word is closed when it leaves an OPTIONS unanswered", () => {
    for (const answers of [true, false]) {
      const world = new SimSip({ pingAfter: 30_000 });
      const phone = world.phone("alice");
      phone.register();
      world.pass(60_100);
      expect(phone.requests.length).toBeGreaterThanOrEqual(1);
      for (let n = 0; n < 5; n++) {
        if (answers) for (const request of phone.requests) phone.respond(request, 200);
        world.pass(20_000);
      }
      expect(phone.open).toBe(answers);
      expect(world.agent.numbers.phones).toBe(answers ? 1 : 0);
    }
  });

  test("a kick ends it", () => {
    const world = new SimSip();
    world.phone("alice").register();
    world.sim.core.kick("alice", undefined, world.now);
    world.pass(0);
    expect(world.agent.numbers.phones).toBe(0);
  });
});
