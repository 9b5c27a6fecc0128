import { describe, expect, test } from "bun:test";
import { type SimClient, SimCore } from "../../../test/support/sim-core.ts";
import { openTicket, sealTicket } from "./tickets.ts";

const offer = { type: "offer", sdp: "v=0\r\n" };

/** The server again, after it died: the same clock, and the same key for tickets. */
function restarted(sim: SimCore): SimCore {
  return new SimCore({}, [], { now: sim.now + 5_000 });
}

/** The device's newest ticket, at the new server. */
function back(sim: SimCore, { user, device, tickets }: SimClient): SimClient {
  return sim.client(user, device).connect({ sessions: tickets.slice(-1) });
}

function connected() {
  const sim = new SimCore();
  const alice = sim.client("alice", "laptop").connect();
  const bob = sim.client("bob", "phone").connect();
  const { session } = alice.ask("call", { to: "bob", media: { audio: true, video: false } }).ok;
  bob.ask("accept", { session });
  alice.ask("confirm", { session, device: "phone" });
  return { sim, alice, bob, session };
}

describe("a server that has died and started again", () => {
  for (const first of ["caller", "callee"] as const)
    test(`an active call goes on under its id; the ${first} comes back first`, () => {
      const { sim, alice, bob, session } = connected();
      alice.ask("restart", { session, pair: 1, generation: 1 });
      const next = restarted(sim);
      const order = first === "caller" ? [alice, bob] : [bob, alice];
      const [one, two] = order.map((client) => back(next, client)) as [SimClient, SimClient];
      for (const client of [one, two]) expect(client.welcome.sessions).toEqual([session]);
      const [caller, callee] = first === "caller" ? [one, two] : [two, one];
      const ticketState = { session, recovered: true, state: "active", pair: 1, generation: 2 };
      const media = { audio: true, video: false };
      expect(caller.last("session")).toMatchObject({ ...ticketState, media, direction: "out", offer: true });
      expect(callee.last("session")).toMatchObject({ ...ticketState, media, direction: "in", offer: false });
      expect(one.pushes("peer").map(({ link }) => link)).toEqual(["detached", "live"]);
      expect(next.core.stats().sessionsActive).toBe(1);

      const { ok } = callee.ask("restart", { session, pair: 1, generation: 2 });
      expect(ok).toMatchObject({ pair: 1, generation: 3, offer: false });
      caller.ask("resync", { session, pair: 1, generation: 3 });
      expect(callee.last("resync")).toMatchObject({ session, generation: 3 });
      callee.ask("signal", { session, pair: 1, generation: 3, description: { ...offer, type: "answer" } });
      expect(caller.last("signal")).toMatchObject({ session, generation: 3 });

      callee.ask("move", { session, to: "phone" });
      const { pair } = callee.last("pair");
      expect(pair).toBeGreaterThan(1);
      for (const client of [caller, callee])
        client.ask("report", { session, stats: { pair, state: "connected" } });
      expect(caller.last("moved")).toMatchObject({ session, pair });
      caller.ask("hangup", { session });
      expect(callee.last("ended")).toMatchObject({ session, reason: "hangup" });
    });

  test("the end that has seen more tells the other", () => {
    const { sim, alice, bob, session } = connected();
    const stale = bob.tickets.at(-1) as string;
    alice.ask("restart", { session, pair: 1, generation: 1 });
    const next = restarted(sim);
    const callee = next.client("bob", "phone").connect({ sessions: [stale] });
    expect(callee.last("session")).toMatchObject({ generation: 1 });
    const caller = back(next, alice);
    expect(caller.last("session")).toMatchObject({ generation: 2, state: "active" });
    expect(callee.last("session")).toMatchObject({ generation: 2, state: "active" });
    expect(next.core.stats()).toMatchObject({ sessionsActive: 1, sessionsRinging: 0 });
  });

  test("a callee that did not hear that it won hears it from what the caller knows", () => {
    const sim = new SimCore();
    const alice = sim.client("alice", "laptop").connect();
    const bob = sim.client("bob", "phone").connect();
    const { session } = alice.ask("call", { to: "bob" }).ok;
    const ringing = bob.tickets.at(-1) as string;
    bob.ask("accept", { session });
    alice.ask("confirm", { session, device: "phone" });
    const next = restarted(sim);
    const callee = next.client("bob", "phone").connect({ sessions: [ringing] });
    callee.ask("accept", { session });
    back(next, alice);
    expect(callee.replyTo(1).ok).toMatchObject({ session, pair: 1, generation: 1 });
    expect(next.core.stats()).toMatchObject({ sessionsActive: 1, sessionsRinging: 0 });
  });

  test("a ring goes on for the rest of its time, and its offer is asked for again", () => {
    const sim = new SimCore();
    const alice = sim.client("alice", "laptop").connect();
    const bob = sim.client("bob", "phone").connect();
    const { session } = alice.ask("call", { to: "bob", description: offer }).ok;
    const next = restarted(sim);
    const callee = back(next, bob);
    expect(callee.last("incoming")).toMatchObject({ session, from: { user: "alice", device: "laptop" } });
    const caller = back(next, alice);
    expect(caller.last("session")).toMatchObject({ session, state: "ringing", direction: "out" });
    callee.ask("accept", { session });
    expect(caller.last("accepted")).toMatchObject({ session, device: "phone" });
    expect(caller.ask("confirm", { session, device: "phone" }).ok).toBeDefined();
    expect(callee.replyTo(1).ok).toMatchObject({ session, pair: 1 });
    expect(caller.last("resync")).toMatchObject({ session, pair: 1, generation: 1 });
    caller.ask("signal", { session, pair: 1, generation: 1, description: offer });
    expect(callee.last("signal")).toMatchObject({ session, description: offer });
  });

  test("a ring ends when it would have; nothing is made anew of one that is over", () => {
    const sim = new SimCore();
    const alice = sim.client("alice", "laptop").connect();
    const bob = sim.client("bob", "phone").connect();
    alice.ask("call", { to: "bob", timeout: 20_000 });
    const next = restarted(sim);
    const caller = back(next, alice);
    back(next, bob);
    next.pass(14_999);
    expect(caller.last("ended")).toBeUndefined();
    next.pass(2);
    expect(caller.last("ended").reason).toBe("no_answer");
    expect(back(next, alice).welcome.sessions).toBeUndefined();
    const late = restarted(next);
    expect(back(late, alice).welcome.sessions).toBeUndefined();
  });

  test("the other end never comes: the call is given up after five minutes, and stays so", () => {
    const { sim, alice, session } = connected();
    const next = restarted(sim);
    const caller = back(next, alice);
    next.pass(301_000);
    expect(caller.last("ended")).toMatchObject({ session, reason: "lost" });
    expect(back(next, alice).welcome.sessions).toBeUndefined();
    expect(next.core.stats()).toMatchObject({ sessionsActive: 0, sessionsRinging: 0 });
  });

  test("a ticket makes nothing anew for another user or device, nor on the server that ended the session", () => {
    const { sim, alice, bob, session } = connected();
    const next = restarted(sim);
    const thief = next.client("mallory", "laptop").connect({ sessions: alice.tickets });
    expect(thief.welcome.sessions).toBeUndefined();
    const sibling = next.client("alice", "other").connect({ sessions: alice.tickets });
    expect(sibling.welcome.sessions).toBeUndefined();
    alice.ask("hangup", { session });
    expect(back(sim, bob).welcome.sessions).toBeUndefined();
    expect(sim.core.stats().sessionsActive).toBe(0);
  });
});

for (const by of [-2 * 86_400_000, 2 * 86_400_000])
  test(`a clock that was set by ${by} ms before the server died ends no call, and its times are right`, () => {
    const sim = new SimCore();
    const alice = sim.client("alice", "laptop").connect();
    const bob = sim.client("bob", "phone").connect();
    sim.wallAhead = by;
    const { session } = alice.ask("call", { to: "bob" }).ok;
    bob.ask("accept", { session });
    alice.ask("confirm", { session, device: "phone" });
    sim.pass(60_000);
    // The next run takes the system's time for its own.
    const next = new SimCore({}, [], { now: sim.now + by });
    const [one, two] = [back(next, alice), back(next, bob)];
    for (const client of [one, two]) expect(client.welcome.sessions).toEqual([session]);
    one.ask("hangup", { session });
    const ended = next.events.find(({ type }) => type === "session_ended");
    expect(ended).toMatchObject({ record: { startedAt: next.now - 60_000, acceptedAt: next.now - 60_000 } });
  });

test("a ticket says what it was made of, and stays small", () => {
  const id = "x".repeat(128);
  const ticket = {
    ...{ session: `s_${"x".repeat(16)}`, leg: 12, user: id, device: id, owner: "n".repeat(32), epoch: 7 },
    ...{ peer: id, expires: 2_000_000_000_000 },
    ticketState: {
      ...({ side: "callee", active: true, direct: false, peerDevice: id, peerLeg: 11, pair: 9 } as const),
      ...{ generation: 44, offers: true, described: false, media: { audio: true, data: false } },
      ...{ startedAt: 1_999_999_999_000, acceptedAt: 1_999_999_999_999, ringEnds: undefined },
    },
  };
  const ports = { seal: (text: string) => text, unseal: (text: string) => text, wallAhead: () => 0 } as never;
  const sealed = sealTicket(ports, ticket);
  expect(openTicket(ports, sealed, 0)).toEqual(ticket);
  // Sealing adds 29 bytes and base64.
  expect(((sealed.length + 29) * 4) / 3).toBeLessThan(1_024);
});
