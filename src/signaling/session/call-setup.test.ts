import { describe, expect, test } from "bun:test";
import { type AnyFrame, type SimClient, SimCore } from "../../../test/support/sim-core.ts";

const offer = { type: "offer", sdp: "v=0\r\no=offer" };
const answer = { type: "answer", sdp: "v=0\r\no=answer" };
const candidate = (n: number) => ({
  candidate: `candidate:${n} 1 udp 1 192.0.2.${n} 5000 typ host`,
  sdpMid: "0",
});

function three() {
  const sim = new SimCore();
  const alice = sim.client("alice", "laptop").connect();
  const phone = sim.client("bob", "phone").connect();
  const tablet = sim.client("bob", "tablet").connect();
  return { sim, alice, phone, tablet };
}

function connected(sim: SimCore, caller: SimClient, callee: SimClient): string {
  const { session } = caller.ask("call", { to: `${callee.user}/${callee.device}` }).ok;
  callee.ask("accept", { session });
  caller.ask("confirm", { session, device: callee.device });
  sim.pass(0);
  return session;
}

describe("a call", () => {
  test("rings every device; one wins, the others are told which", () => {
    const { sim, alice, phone, tablet } = three();
    const { session, ticket } = alice.ask("call", {
      to: "bob",
      media: { audio: true },
      data: { topic: 1 },
    }).ok;
    expect(ticket).toBeString();
    for (const device of [phone, tablet]) {
      expect(device.last("incoming")).toMatchObject({
        session,
        from: { user: "alice", device: "laptop" },
        media: { audio: true },
        data: { topic: 1 },
        age: 0,
        offer: false,
        pair: 1,
        generation: 1,
      });
      expect(device.ask("ringing", { session }).ok).toEqual({});
    }
    expect(alice.pushes("ringing").map((push: AnyFrame) => push.device.device)).toEqual(["phone", "tablet"]);
    expect(phone.ask("accept", { session, description: answer })).toBeUndefined();
    expect(tablet.ask("accept", { session }).error.code).toBe("answered_elsewhere");
    expect(alice.last("accepted")).toMatchObject({
      session,
      device: "phone",
      description: answer,
      peer: { user: "bob" },
    });
    expect(tablet.last("ended")).toBeUndefined();
    expect(alice.ask("confirm", { session, device: "phone" }).ok).toEqual({ ticket: expect.any(String) });
    expect(phone.replyTo(2).ok).toMatchObject({ session, pair: 1, generation: 1 });
    expect(tablet.last("ended")).toMatchObject({ session, reason: "answered_elsewhere", device: "phone" });
    expect(sim.core.stats()).toMatchObject({ sessionsActive: 1, sessionsRinging: 0 });
    expect(phone.ask("hangup", { session, detail: "bye" }).ok).toEqual({});
    expect(alice.last("ended")).toMatchObject({
      reason: "hangup",
      by: { user: "bob", device: "phone" },
      detail: "bye",
    });
    expect(phone.ask("hangup", { session }).ok).toEqual({});
    expect(sim.core.stats()).toMatchObject({ sessionsActive: 0, sessionsRinging: 0 });
  });

  test("an accept that the caller does not confirm ends the call", () => {
    const { sim, alice, phone, tablet } = three();
    const { session } = alice.ask("call", { to: "bob" }).ok;
    phone.ask("accept", { session });
    sim.pass(10_000);
    expect(phone.replyTo(1).error.code).toBe("not_confirmed");
    for (const one of [alice, phone, tablet]) expect(one.last("ended").reason).toBe("unconfirmed");
  });

  test("decline ends one leg; everywhere ends all", () => {
    const { alice, phone, tablet } = three();
    const { session } = alice.ask("call", { to: "bob" }).ok;
    phone.ask("decline", { session });
    expect(alice.last("ended")).toBeUndefined();
    tablet.ask("decline", { session, reason: "busy" });
    expect(alice.last("ended")).toMatchObject({ session, reason: "declined" });
    const second = alice.ask("call", { to: "bob" }).ok.session;
    phone.ask("decline", { session: second, everywhere: true });
    expect(tablet.last("ended")).toMatchObject({
      session: second,
      reason: "declined_elsewhere",
      device: "phone",
    });
    expect(alice.last("ended")).toMatchObject({ session: second, reason: "declined" });
  });

  test("cancel reaches every device; no answer ends by itself", () => {
    const { sim, alice, phone, tablet } = three();
    const { session } = alice.ask("call", { to: "bob" }).ok;
    alice.ask("cancel", { session });
    expect([phone, tablet].map((one) => one.last("ended").reason)).toEqual(["cancelled", "cancelled"]);
    const again = alice.ask("call", { to: "bob", timeout: 2_000 }).ok.session;
    sim.pass(2_000);
    for (const one of [alice, phone, tablet])
      expect(one.last("ended")).toMatchObject({ session: again, reason: "no_answer" });
  });

  test("rings a device that arrives late, and tells the ring's age", () => {
    const { sim, alice } = three();
    const { session } = alice.ask("call", { to: "bob" }).ok;
    sim.pass(7_000);
    const watch = sim.client("bob", "watch").connect();
    expect(watch.last("incoming")).toMatchObject({ session, age: 7_000, expires: 48_000 });
  });

  test("a callee without devices: unreachable to who may watch, no answer to the others", () => {
    const sim = new SimCore();
    const alice = sim.client("alice", "laptop").connect();
    const guest = sim.client("guest", "tab", { token: 'guest?{"call":["bob"]}' }).connect();
    alice.ask("call", { to: "bob" });
    guest.ask("call", { to: "bob" });
    sim.pass(5_000);
    expect(alice.last("ended").reason).toBe("unreachable");
    expect(guest.last("ended")).toBeUndefined();
    sim.pass(50_000);
    expect(guest.last("ended").reason).toBe("no_answer");
  });

  test("a guest is not told who alerts", () => {
    const { sim, phone } = three();
    const guest = sim.client("guest", "tab", { token: 'guest?{"call":["bob"]}' }).connect();
    const { session } = guest.ask("call", { to: "bob" }).ok;
    phone.ask("ringing", { session });
    expect(guest.last("ringing")).toBeUndefined();
    expect(guest.ask("call", { to: "carol" }).error.code).toBe("forbidden");
  });

  test("the same key is the same call", () => {
    const { alice, phone } = three();
    const one = alice.ask("call", { to: "bob", key: "k" }).ok;
    const two = alice.ask("call", { to: "bob", key: "k" }).ok;
    expect(two.session).toBe(one.session);
    expect(phone.pushes("incoming")).toHaveLength(1);
    alice.ask("cancel", { session: one.session });
    expect(alice.ask("call", { to: "bob", key: "k" }).ok.session).toBe(one.session);
    expect(alice.last("ended")).toMatchObject({ session: one.session, reason: "cancelled" });
  });

  test("ids are no authority", () => {
    const { sim, alice, phone } = three();
    const session = connected(sim, alice, phone);
    const mallory = sim.client("mallory", "x").connect();
    for (const [type, more] of [
      ["signal", { pair: 1, generation: 1, description: offer }],
      ["hangup", {}],
      ["accept", {}],
      ["restart", { pair: 1, generation: 1 }],
    ] as const) {
      expect(mallory.ask(type, { session, ...more }).error.code).toBe("no_session");
      expect(mallory.ask(type, { session: "s_none", ...more }).error.code).toBe("no_session");
    }
  });

  test("calls that cross become one", () => {
    const sim = new SimCore();
    const alice = sim.client("alice", "a").connect();
    const bob = sim.client("bob", "b").connect();
    const one = alice.ask("call", { to: "bob" }).ok.session;
    const two = bob.ask("call", { to: "alice" }).ok.session;
    const [survivor, loser] = one < two ? [one, two] : [two, one];
    expect(alice.last("crossed")).toMatchObject({ session: loser, survivor });
    expect(bob.last("crossed")).toMatchObject({ session: loser, survivor });
    const [winner, other] = one < two ? [alice, bob] : [bob, alice];
    other.ask("accept", { session: survivor });
    winner.ask("confirm", { session: survivor, device: other.device });
    expect(other.last("ended")).toMatchObject({ session: loser, reason: "merged" });
    expect(winner.last("ended")).toMatchObject({ session: loser, reason: "merged" });
    expect(sim.core.stats()).toMatchObject({ sessionsActive: 1, sessionsRinging: 0 });
  });

  test("two calls of one device don't cross, though one of them is to its own user", () => {
    const sim = new SimCore();
    const alice = sim.client("alice", "a").connect();
    const tablet = sim.client("alice", "b").connect();
    const bob = sim.client("bob", "b").connect();
    alice.ask("call", { to: "alice" });
    alice.ask("call", { to: "bob" });
    expect([alice, tablet, bob].map((one) => one.last("crossed"))).toEqual([undefined, undefined, undefined]);
    expect(sim.core.stats()).toMatchObject({ sessionsRinging: 2 });
  });
});

describe("candidates and generations", () => {
  test("no candidate crosses before the confirm, and those that waited follow it", () => {
    const { alice, phone } = three();
    const { session } = alice.ask("call", { to: "bob", description: offer }).ok;
    expect(phone.last("incoming").description).toEqual(offer);
    alice.ask("signal", { session, pair: 1, generation: 1, candidates: [candidate(1)] });
    phone.ask("accept", { session, description: answer });
    phone.ask("signal", {
      session,
      pair: 1,
      generation: 1,
      candidates: [candidate(2)],
      endOfCandidates: true,
    });
    expect([...alice.pushes("signal"), ...phone.pushes("signal")]).toEqual([]);
    alice.ask("confirm", { session, device: "phone" });
    expect(phone.last("signal")).toMatchObject({ candidates: [candidate(1)] });
    expect(alice.last("signal")).toMatchObject({ candidates: [candidate(2)], endOfCandidates: true });
  });

  test("a description with candidates is refused before the accept", () => {
    const { alice, phone } = three();
    const leaky = { type: "offer", sdp: "v=0\r\na=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n" };
    expect(alice.ask("call", { to: "bob", description: leaky }).error.code).toBe("candidates_before_accept");
    const { session } = alice.ask("call", { to: "bob" }).ok;
    expect(phone.ask("accept", { session, description: { ...leaky, type: "answer" } }).error.code).toBe(
      "candidates_before_accept",
    );
    phone.ask("accept", { session });
    expect(alice.last("accepted").session).toBe(session);
  });

  test("restart is compare-and-set; what is older is void", () => {
    const { sim, alice, phone } = three();
    const session = connected(sim, alice, phone);
    const at = { session, pair: 1 };
    alice.ask("signal", { ...at, generation: 1, description: offer });
    expect(phone.ask("restart", { ...at, generation: 1 }).ok).toMatchObject({
      pair: 1,
      generation: 2,
      offer: false,
    });
    expect(alice.ask("restart", { ...at, generation: 1 }).ok).toMatchObject({
      pair: 1,
      generation: 2,
      offer: true,
    });
    expect(alice.last("restart")).toMatchObject({ generation: 2, offer: true });
    expect(phone.pushes("restart")).toHaveLength(1);
    const before = phone.heard.length;
    expect(alice.ask("signal", { ...at, generation: 1, candidates: [candidate(1)] })).toBeUndefined();
    expect(alice.ask("signal", { ...at, generation: 1, description: offer }).error.code).toBe(
      "stale_generation",
    );
    // A candidate of the new generation waits for its description.
    alice.ask("signal", { ...at, generation: 2, candidates: [candidate(2)] });
    expect(phone.heard.length).toBe(before);
    alice.ask("signal", { ...at, generation: 2, description: offer });
    expect(phone.heard.slice(before)).toMatchObject([{ description: offer }, { candidates: [candidate(2)] }]);
    expect(alice.ask("restart", { ...at, generation: 9 }).error.code).toBe("stale_generation");
  });
});

describe("a move", () => {
  function moving() {
    const { sim, alice, phone, tablet } = three();
    const session = connected(sim, alice, phone);
    phone.ask("move", { session, to: "tablet" });
    return { sim, alice, phone, tablet, session, id: phone.lastId };
  }
  const connect = (client: SimClient, session: string, pair = 2) =>
    client.ask("report", { session, stats: { pair, state: "connected" } });

  test("commits when both ends are connected", () => {
    const { alice, phone, tablet, session, id } = moving();
    expect(tablet.last("incoming")).toMatchObject({
      session,
      movedFrom: "phone",
      pair: 2,
      from: { user: "alice" },
    });
    expect(alice.last("pair")).toBeUndefined();
    expect(tablet.ask("accept", { session }).ok).toMatchObject({ session, pair: 2, generation: 1 });
    expect(alice.last("pair")).toMatchObject({ session, pair: 2, offer: true, peer: { device: "tablet" } });
    alice.ask("signal", { session, pair: 2, generation: 1, description: offer, candidates: [candidate(1)] });
    expect(tablet.last("signal")).toMatchObject({ pair: 2, description: offer, candidates: [candidate(1)] });
    phone.ask("signal", { session, pair: 1, generation: 1, description: offer });
    expect(alice.last("signal")).toMatchObject({ pair: 1 });
    connect(alice, session);
    expect(phone.replyTo(id)).toBeUndefined();
    connect(tablet, session);
    expect(phone.replyTo(id).ok).toMatchObject({ pair: 2 });
    expect(phone.last("ended")).toMatchObject({ reason: "moved", device: "tablet" });
    expect(alice.last("moved")).toMatchObject({ pair: 2, peer: { device: "tablet" } });
    expect(phone.ask("hangup", { session }).error?.code).toBe("no_session");
    tablet.ask("hangup", { session });
    expect(alice.last("ended").reason).toBe("hangup");
  });

  test("a refusal, a time-out and a device that goes leave the call as it was", () => {
    for (const how of ["decline", "timeout", "close", "hangup"] as const) {
      const { sim, alice, phone, tablet, session, id } = moving();
      if (how === "decline") tablet.ask("decline", { session });
      else if (how === "close") tablet.drop(1000);
      else if (how === "timeout") {
        tablet.ask("accept", { session });
        sim.pass(30_000);
        expect(alice.last("move_failed")).toMatchObject({ pair: 2 });
      } else alice.ask("hangup", { session });
      expect(phone.replyTo(id).error.code).toBe("move_failed");
      if (how === "hangup") {
        expect(tablet.last("ended").reason).toBe("hangup");
        expect(sim.core.stats().sessionsActive).toBe(0);
        continue;
      }
      phone.ask("signal", { session, pair: 1, generation: 1, description: offer });
      expect(alice.last("signal")).toMatchObject({ pair: 1, description: offer });
      expect(sim.core.stats().sessionsActive).toBe(1);
    }
  });

  test("the caller moves too, and to itself after a reload", () => {
    const { sim, alice, phone } = three();
    const desktop = sim.client("alice", "desktop").connect();
    const session = connected(sim, alice, phone);
    alice.ask("move", { session, to: "desktop" });
    desktop.ask("accept", { session });
    connect(desktop, session);
    connect(phone, session);
    expect(alice.last("ended")).toMatchObject({ reason: "moved", device: "desktop" });
    const again = sim.client("alice", "desktop").connect({ sessions: desktop.tickets });
    expect(again.welcome.sessions).toEqual([session]);
    expect(again.last("session")).toMatchObject({
      session,
      recovered: true,
      state: "active",
      direction: "out",
      pair: 2,
    });
    expect(desktop.closed?.code).toBe(4301);
    expect(again.ask("move", { session, to: "desktop" })).toBeUndefined();
    expect(again.last("pair")).toMatchObject({ pair: 3, offer: false });
    expect(phone.last("pair")).toMatchObject({ pair: 3, offer: true });
    connect(again, session, 3);
    connect(phone, session, 3);
    expect(again.replyTo(1).ok).toMatchObject({ pair: 3 });
    expect(phone.last("moved")).toMatchObject({ pair: 3 });
  });
});

describe("links that come and go", () => {
  test("a lost link never ends a healthy call; five minutes detached do", () => {
    const { sim, alice, phone } = three();
    const session = connected(sim, alice, phone);
    phone.drop();
    sim.pass(0);
    expect(alice.last("peer")).toMatchObject({ session, link: "suspended" });
    sim.pass(91_000);
    expect(alice.last("peer")).toMatchObject({ session, link: "detached" });
    phone.resume({ sessions: phone.tickets });
    expect(phone.welcome).toMatchObject({ resumed: false, reason: "expired", sessions: [session] });
    expect(alice.last("peer")).toMatchObject({ link: "live" });
    expect(phone.last("session")).toMatchObject({ session, direction: "in", offer: false });
    phone.ask("resync", { session, pair: 1, generation: 1 });
    expect(alice.last("resync")).toMatchObject({ session, pair: 1, generation: 1 });
    phone.drop();
    sim.pass(90_000 + 299_000);
    expect(alice.last("ended")).toBeUndefined();
    sim.pass(2_000);
    expect(alice.last("ended").reason).toBe("lost");
    expect(sim.core.stats()).toMatchObject({ sessionsActive: 0, sessionsRinging: 0 });
  });

  test("the other end's failed media ends a detached call at once", () => {
    const { sim, alice, phone } = three();
    const session = connected(sim, alice, phone);
    phone.drop();
    sim.pass(100_000);
    alice.ask("report", { session, stats: { state: "failed" } });
    expect(alice.last("ended").reason).toBe("lost");
  });

  test("a client's own close ends its legs", () => {
    const { sim, alice, phone, tablet } = three();
    const session = connected(sim, alice, phone);
    phone.drop(1000);
    expect(alice.last("ended")).toMatchObject({ session, reason: "closed" });
    alice.ask("call", { to: "bob" });
    alice.drop(1000);
    expect(tablet.last("ended").reason).toBe("cancelled");
    expect(sim.core.stats()).toMatchObject({ sessionsActive: 0, sessionsRinging: 0, devices: 1 });
  });

  test("a ticket is only for its own user and device, and only from this cluster", () => {
    const { sim, alice, phone } = three();
    connected(sim, alice, phone);
    const thief = sim.client("mallory", "phone").connect({ sessions: [...phone.tickets, "nonsense"] });
    expect(thief.welcome.sessions).toBeUndefined();
    const sibling = sim.client("bob", "tablet2").connect({ sessions: phone.tickets });
    expect(sibling.welcome.sessions).toBeUndefined();
  });

  test("an accept whose link was replaced is told by the session that its ticket finds", () => {
    const { sim, alice, phone } = three();
    const { session } = alice.ask("call", { to: "bob" }).ok;
    phone.ask("accept", { session });
    const again = sim.client("bob", "phone").connect({ sessions: phone.tickets });
    expect(again.last("session")).toMatchObject({ session, state: "ringing", direction: "in" });
    alice.ask("confirm", { session, device: "phone" });
    expect(again.last("session")).toMatchObject({ session, state: "active", direction: "in" });
    again.ask("hangup", { session });
    expect(alice.last("ended").reason).toBe("hangup");
  });
});

test("a device that only makes offers sends its own by signal, although a caller that was asked has sent none", () => {
  const sim = new SimCore();
  sim.core.gateway({ name: "phones", asksOffers: true });
  const camera = sim.client("cam", "eye", { capabilities: { sdpRole: "offer-only" } }).connect();
  const alice = sim.client("alice", "web", { token: 'alice?{"call":["*"]}' }).connect();
  const { session } = alice.ask("call", { to: "cam" }).ok;
  sim.pass(0);
  // It may not watch, and is asked whatever there is.
  expect(alice.last("offer_wanted")).toBeDefined();
  camera.ask("accept", { session });
  const at = { session, pair: 1, generation: 2 };
  camera.ask("signal", { ...at, description: { type: "offer", sdp: "v=0" } });
  expect(alice.last("accepted")).toMatchObject({ offer: false, generation: 2 });
  expect(alice.last("signal")).toMatchObject({ generation: 2, description: { type: "offer" } });
  // The one that it was asked for comes too late.
  const late = alice.ask("signal", {
    session,
    pair: 1,
    generation: 1,
    description: { type: "offer", sdp: "v=0" },
  });
  expect(late.error.code).toBe("stale_generation");
  alice.ask("confirm", { session, device: "eye" });
  alice.ask("signal", { ...at, description: { type: "answer", sdp: "v=0" } });
  expect(camera.last("signal")).toMatchObject({ generation: 2, description: { type: "answer" } });
});

test("call with offer: false goes without a description", () => {
  const sim = new SimCore();
  const alice = sim.client("alice", "web").connect();
  const description = { type: "offer", sdp: "v=0" };
  expect(alice.ask("call", { to: "bob", offer: false, description }).error.code).toBe("bad_request");
});
