import { describe, expect, test } from "bun:test";
import { type AnyFrame, type SimClient, SimCore } from "../../../test/support/sim-core.ts";
import type { Core } from "../core.ts";
import type { PlacedCall } from "./placed-calls.ts";

const candidate = { candidate: "candidate:1 1 udp 1 192.0.2.1 5000 typ host", sdpMid: "0" };
const offer = { type: "offer", sdp: "v=0\r\no=offer" };

function place(sim: SimCore, request: PlacedCall): AnyFrame {
  let outcome: AnyFrame;
  (sim.core as Core).connect(request, sim.now, (one) => {
    outcome = one;
  });
  sim.pass(0);
  return outcome;
}

function two(limits = {}) {
  const sim = new SimCore(limits);
  const alice = sim.client("alice", "phone").connect();
  const bob = sim.client("bob", "phone").connect();
  return { sim, alice, bob };
}

function accept(client: SimClient, session: string, more = {}): number {
  client.ask("accept", { session, ...more });
  client.sim.pass(0);
  return client.lastId;
}

const recordOf = (sim: SimCore) => sim.events.find((event) => event.type === "session_ended")?.record;

describe("a call that the application places", () => {
  test("rings from, then to; both hear the reply to their accept once both have, and the caller offers", () => {
    const { sim, alice, bob } = two();
    const tablet = sim.client("alice", "tablet").connect();
    const { session } = place(sim, {
      from: "alice",
      to: "bob",
      media: { audio: true },
      data: { order: 7 },
    }).ok;
    for (const device of [alice, tablet])
      expect(device.last("incoming")).toMatchObject({
        ...{ session, from: { user: "bob" }, to: "alice", offer: false, placed: true },
        ...{ media: { audio: true }, data: { order: 7 } },
      });
    expect(bob.last("incoming")).toBeUndefined();
    alice.ask("ringing", { session });
    const first = accept(alice, session);
    expect(alice.replyTo(first)).toBeUndefined();
    expect(tablet.last("ended")).toMatchObject({ session, reason: "answered_elsewhere", device: "phone" });
    expect(bob.last("incoming")).toMatchObject({
      ...{ session, from: { user: "alice", device: "phone" }, to: "bob", offer: false, placed: true },
      data: { order: 7 },
    });
    bob.ask("ringing", { session });
    expect(alice.last("ringing").device).toMatchObject({ user: "bob", device: "phone" });
    const second = accept(bob, session);
    expect(bob.replyTo(second).ok).toMatchObject({ session, pair: 1, generation: 1 });
    expect(bob.replyTo(second).ok.offer).toBeUndefined();
    expect(alice.replyTo(first).ok).toMatchObject({ session, pair: 1, generation: 1, offer: true });
    alice.ask("signal", { session, pair: 1, generation: 1, description: offer });
    expect(bob.last("signal").description).toEqual(offer);
    expect(sim.core.stats()).toMatchObject({ sessionsActive: 1, sessionsRinging: 0 });
    bob.ask("hangup", { session });
    expect(alice.last("ended")).toMatchObject({ session, reason: "hangup", by: { user: "bob" } });
    expect(sim.events.filter(({ type }) => type === "session_started")).toHaveLength(1);
    expect(recordOf(sim)).toMatchObject({
      caller: { user: "alice", device: "phone" },
      callee: { user: "bob", device: "phone" },
    });
  });

  test("is over when from declines, is not there, or answers nothing: to never rings", () => {
    for (const [what, reason] of [
      ["decline", "declined"],
      ["nothing", "no_answer"],
      ["absent", "unreachable"],
    ] as const) {
      const { sim, alice, bob } = two();
      if (what === "absent") {
        alice.drop();
        alice.connect({ resume: undefined });
        sim.core.kick("alice", undefined, sim.now);
      }
      const { session } = place(sim, { from: "alice", to: "bob" }).ok;
      if (what === "decline") alice.ask("decline", { session, everywhere: true });
      sim.pass(120_000);
      expect([what, recordOf(sim)?.reason]).toEqual([what, reason]);
      expect(recordOf(sim)).toMatchObject({
        caller: { user: "alice", device: "server" },
        callee: { user: "bob" },
      });
      expect(bob.last("incoming")).toBeUndefined();
      expect(sim.core.stats().sessionsRinging).toBe(0);
    }
  });

  test("tells from why to did not come: declined, busy, no answer, not there", () => {
    for (const [what, reason] of [
      ["decline", "declined"],
      ["busy", "busy"],
      ["nothing", "no_answer"],
      ["absent", "unreachable"],
    ] as const) {
      const sim = new SimCore();
      const alice = sim.client("alice", "phone").connect();
      const bob = sim.client("bob", "phone", { capabilities: { maxSessions: 1 } });
      if (what !== "absent") bob.connect();
      if (what === "busy") sim.client("carol", "phone").connect().ask("call", { to: "bob" });
      sim.pass(0);
      const { session } = place(sim, { from: "alice", to: "bob" }).ok;
      const first = accept(alice, session);
      if (what === "decline") bob.ask("decline", { session });
      sim.pass(what === "busy" ? 10 : 120_000);
      expect(alice.replyTo(first).error.code).toBe("not_confirmed");
      expect(alice.last("ended")).toMatchObject({ session, reason });
    }
  });

  test("is over when from hangs up, declines or goes while to rings", () => {
    for (const how of ["hangup", "decline", "cancel", "close"]) {
      const { sim, alice, bob } = two();
      const { session } = place(sim, { from: "alice", to: "bob" }).ok;
      accept(alice, session);
      if (how === "close") alice.drop(1000);
      else expect(alice.ask(how, { session }).ok).toEqual({});
      sim.pass(0);
      expect([how, bob.last("ended")?.reason]).toEqual([how, "cancelled"]);
      expect(bob.ask("accept", { session }).error.code).toBe("no_session");
      expect(recordOf(sim)?.caller).toEqual({ user: "alice", device: "phone" });
    }
  });

  test("a camera is called once somebody has accepted; who offers is what both can", () => {
    const sim = new SimCore();
    const camera = sim.client("door", "camera", { capabilities: { sdpRole: "offer-only" } }).connect();
    const bob = sim.client("bob", "phone").connect();
    const { session } = place(sim, { from: "door/camera", to: "bob" }).ok;
    expect(camera.last("incoming")).toBeUndefined();
    expect(bob.last("incoming")).toMatchObject({ from: { user: "door", device: "camera" }, to: "bob" });
    const first = accept(bob, session);
    expect(camera.last("incoming")).toMatchObject({ from: { user: "bob", device: "phone" }, offer: true });
    const second = accept(camera, session, { description: offer });
    expect(camera.replyTo(second).ok).toMatchObject({ session, offer: true });
    expect(bob.replyTo(first).ok).toMatchObject({ session });
    expect(bob.replyTo(first).ok.offer).toBeUndefined();
    expect(bob.last("signal")).toMatchObject({ session, pair: 1, generation: 1, description: offer });
    camera.ask("hangup", { session });
    expect(recordOf(sim)).toMatchObject({
      caller: { user: "door", device: "camera" },
      callee: { user: "bob", device: "phone" },
    });
  });

  test("a device that needs an offer to ring rings last, with the offer of who has accepted", () => {
    for (const [from, to] of [
      ["alice", "desk"],
      ["desk", "alice"],
    ] as const) {
      const sim = new SimCore();
      const alice = sim.client("alice", "phone").connect();
      const desk = sim.client("desk", "sip", { capabilities: { needsOffer: true } }).connect();
      const { session } = place(sim, { from, to }).ok;
      expect(desk.last("incoming")).toBeUndefined();
      const first = accept(alice, session);
      expect(alice.replyTo(first).ok).toMatchObject({
        session,
        pair: 1,
        generation: 1,
        offer: true,
        early: true,
      });
      alice.ask("signal", { session, pair: 1, generation: 1, description: offer });
      alice.ask("signal", { session, pair: 1, generation: 1, candidates: [candidate] });
      expect(desk.last("incoming").session).toBe(session);
      expect(desk.last("signal").description).toEqual(offer);
      const answer = { type: "answer", sdp: "v=0\r\no=answer" };
      const second = accept(desk, session, { description: answer });
      expect(desk.replyTo(second).ok).toMatchObject({ session, pair: 1, generation: 1 });
      expect(alice.last("accepted")).toMatchObject({ session, device: "sip", peer: { user: "desk" } });
      expect(alice.last("signal").description).toEqual(answer);
      expect(desk.last("signal").candidates).toEqual([candidate]);
      expect(alice.ask("confirm", { session, device: "sip" }).ok.ticket).toBeString();
      alice.ask("hangup", { session });
      expect(recordOf(sim)).toMatchObject({ caller: { user: from }, callee: { user: to } });
    }
  });

  test("who has made the offer already may hang up, and hears that nobody came", () => {
    const ring = () => {
      const sim = new SimCore();
      const alice = sim.client("alice", "phone").connect();
      const desk = sim.client("desk", "sip", { capabilities: { needsOffer: true } }).connect();
      const { session } = place(sim, { from: "desk", to: "alice" }).ok;
      accept(alice, session);
      return { sim, alice, desk, session };
    };
    const one = ring();
    one.alice.ask("hangup", { session: one.session });
    expect(one.desk.last("ended").reason).toBe("cancelled");
    const other = ring();
    other.desk.ask("decline", { session: other.session });
    other.sim.pass(0);
    expect(other.alice.last("ended")).toMatchObject({ session: other.session, reason: "declined" });
  });

  test("two devices that only make offers are told that they can't be connected", () => {
    const sim = new SimCore();
    const camera = () => ({ capabilities: { sdpRole: "offer-only" } });
    const one = sim.client("one", "camera", camera()).connect();
    const other = sim.client("other", "camera", camera()).connect();
    const { session } = place(sim, { from: "one", to: "other" }).ok;
    const first = accept(other, session);
    expect(one.ask("accept", { session }).error.code).toBe("incompatible");
    expect(other.replyTo(first).error.code).toBe("incompatible");
    expect(recordOf(sim)?.reason).toBe("incompatible");
  });

  test("may not bring an answer, and names no device twice", () => {
    const { sim, alice } = two();
    const { session } = place(sim, { from: "alice", to: "bob" }).ok;
    const answer = { type: "answer", sdp: "v=0" };
    expect(alice.ask("accept", { session, description: answer }).error.code).toBe("wrong_state");
    expect(alice.ask("accept", { session, description: offer }).error.code).toBe("wrong_state");
    expect(place(sim, { from: "alice/phone", to: "alice/phone" }).error.code).toBe("bad_request");
    expect(place(sim, { from: "room:x", to: "bob" }).error.code).toBe("bad_request");
    expect(place(sim, { from: "alice", to: "stream:x" }).error.code).toBe("bad_request");
  });

  test("a device that calls back meanwhile does not cross it", () => {
    const { sim, alice, bob } = two();
    const { session } = place(sim, { from: "alice", to: "bob" }).ok;
    accept(alice, session);
    bob.ask("call", { to: "alice" });
    sim.pass(0);
    expect([alice.last("crossed"), bob.last("crossed")]).toEqual([undefined, undefined]);
    const second = accept(bob, session);
    expect(bob.replyTo(second).ok).toMatchObject({ session });
  });

  test("the device that waits may come back with its ticket, and hears of the call as one found again", () => {
    const { sim, alice, bob } = two();
    const { session } = place(sim, { from: "alice", to: "bob" }).ok;
    accept(alice, session);
    alice.drop();
    alice.resume();
    accept(bob, session);
    expect(alice.heard.some((frame) => frame.ok?.session === session)).toBe(true);
  });
});
