import { describe, expect, test } from "bun:test";
import type { SimClient } from "../../../test/support/sim-core.ts";
import { answer, bare, offer, type SimPhone, SimSip } from "../../../test/support/sim-phone.ts";
import { phoneIsCalled, taken } from "../../../test/support/sim-phone-calls.ts";
import { bodyText } from "./message.ts";

const signals = (client: SimClient) => client.pushes("signal");

describe("a phone is called", () => {
  test("it rings with the caller's offer, without candidates, which follow in a re-INVITE", () => {
    const call = phoneIsCalled();
    const { world, alice, bob, session } = call;
    const invite = bob.request("INVITE")!;
    expect(invite.uri.text).toBe(bob.contact.slice(1, -1));
    expect(bodyText(invite)).toBe(bare(offer("native")));
    bob.respond(invite, 180);
    expect(alice.last("ringing")).toMatchObject({ device: { user: "bob" } });
    bob.respond(invite, 200, { body: answer("phone") });
    world.pass(0);
    expect(bob.request("ACK")?.cseq.sequence).toBe(invite.cseq.sequence);
    expect(alice.last("accepted").description.sdp).toBe(bare(answer("phone")));
    alice.ask("confirm", { session, device: alice.last("accepted").device });
    world.pass(0);
    const second = bob.request("INVITE")!;
    expect(second.cseq.sequence).toBe(2);
    expect(bodyText(second)).toContain("198.51.100.7");
    // The phone has the caller's candidates before the caller's checks can reach it.
    expect(signals(alice)).toHaveLength(0);
    bob.respond(second, 200, { body: answer("phone") });
    world.pass(0);
    expect(signals(alice)).toHaveLength(1);
    expect(signals(alice)[0]).toMatchObject({ endOfCandidates: true, candidates: [{ sdpMid: "0" }] });
  });

  test("the caller gets the phone's candidates also where the phone refuses the re-INVITE, or the caller has no candidates", () => {
    const refuses = phoneIsCalled();
    taken(refuses);
    refuses.bob.respond(refuses.bob.request("INVITE"), 488);
    refuses.world.pass(0);
    expect(signals(refuses.alice)[0]).toMatchObject({ candidates: [{ sdpMid: "0" }] });
    const none = phoneIsCalled(new SimSip(), []);
    taken(none);
    expect(none.bob.request("INVITE")?.cseq.sequence).toBe(1);
    expect(signals(none.alice)[0]).toMatchObject({ candidates: [{ sdpMid: "0" }] });
  });

  test("a CANCEL waits for a provisional response, and says why", () => {
    const { alice, bob, session } = phoneIsCalled();
    alice.ask("cancel", { session });
    expect(bob.request("CANCEL")).toBeUndefined();
    const invite = bob.request("INVITE");
    bob.respond(invite, 180);
    expect(bob.request("CANCEL")?.headers.get("Reason")).toContain("cause=487");
    expect(bob.request("CANCEL")?.via.branch).toBe(invite?.via.branch ?? "");
    bob.respond(bob.request("CANCEL"), 200);
    bob.respond(invite, 487);
    expect(bob.request("ACK")?.via.branch).toBe(invite?.via.branch ?? "");
  });

  test("of two phones that answer at once one wins; the other is told that the call was completed elsewhere", () => {
    const world = new SimSip();
    const desk = world.phone("bob", { device: "desk" });
    const soft = world.phone("bob", { device: "soft" });
    for (const one of [desk, soft]) one.register();
    const alice = world.phone("alice");
    alice.register();
    alice.call("bob");
    const invites = [desk.request("INVITE"), soft.request("INVITE")];
    desk.respond(invites[0], 200, { body: answer("desk") });
    soft.respond(invites[1], 200, { body: answer("soft") });
    world.pass(0);
    // The answer has the candidates of the phone that won, which is told the caller's first.
    desk.respond(desk.request("INVITE"), 200, { body: answer("desk") });
    world.pass(0);
    expect(alice.statuses("INVITE")).toEqual([100, 200]);
    expect(alice.sdp).toContain("ufrag:desk");
    expect(soft.request("ACK")).toBeDefined();
    expect(soft.request("BYE")?.headers.get("Reason")).toBe('SIP;cause=200;text="Call completed elsewhere"');
    expect(desk.request("BYE")).toBeUndefined();
  });

  test("600 and 603 end the call for all devices, 480 for this one only", () => {
    for (const [status, ends] of [
      [603, true],
      [600, true],
      [480, false],
    ] as const) {
      const world = new SimSip();
      const [one, other] = [world.phone("bob", { device: "one" }), world.phone("bob", { device: "other" })];
      one.register();
      other.register();
      const alice = world.phone("alice");
      alice.register();
      alice.call("bob");
      other.respond(other.request("INVITE"), 180);
      one.respond(one.request("INVITE"), status);
      expect(other.request("CANCEL") !== undefined).toBe(ends);
      expect((alice.last("INVITE")?.status ?? 0) >= 300).toBe(ends);
    }
  });

  test("a caller that makes no offer in time can't be heard by a phone", () => {
    const world = new SimSip();
    const bob = world.phone("bob");
    bob.register();
    const alice = world.sim.client("alice", "laptop").connect();
    alice.ask("call", { to: "bob" });
    world.pass(5_100);
    expect(bob.request("INVITE")).toBeUndefined();
    expect(alice.last("ended").reason).toBe("incompatible");
  });

  test("what no person refused is told only to a caller who may watch", () => {
    const refusals: ((world: SimSip, bob: SimPhone) => void)[] = [
      // It makes no offer.
      (world) => world.pass(5_100),
      (_world, bob) => bob.respond(bob.request("INVITE"), 488),
      (_world, bob) => bob.respond(bob.request("INVITE"), 500),
      // It does not answer at all.
      (world) => world.pass(33_000),
    ];
    for (const [index, refuse] of refusals.entries())
      for (const watch of [true, false]) {
        const world = new SimSip();
        const bob = world.phone("bob");
        bob.register();
        const token = `alice?${JSON.stringify({ call: ["*"], ...(watch && { watch: ["*"] }) })}`;
        const alice = world.sim.client("alice", "laptop", { token }).connect();
        const description = index === 0 ? undefined : { type: "offer", sdp: bare(offer("native")) };
        alice.ask("call", { to: "bob", description, timeout: 50_000 });
        world.pass(0);
        refuse(world, bob);
        world.pass(100);
        expect([index, alice.last("ended") !== undefined]).toEqual([index, watch]);
        world.pass(50_000);
        if (!watch) expect(alice.last("ended").reason).toBe("no_answer");
      }
  });
});
