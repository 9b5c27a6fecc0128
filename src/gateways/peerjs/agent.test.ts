import { describe, expect, test } from "bun:test";
import { answerSdp, offerSdp, SimPeerjs } from "../../../test/support/sim-peerjs.ts";

describe("signing in", () => {
  test("OPEN, also to a client that comes back with its token; another token is ID-TAKEN", () => {
    const world = new SimPeerjs();
    const first = world.client("alice");
    expect(first.heard).toEqual([{ type: "OPEN" }]);
    const thief = world.client("alice", { token: "another" });
    expect(thief.heard).toEqual([{ type: "ID-TAKEN", payload: { msg: "ID is taken" } }]);
    expect([thief.open, first.open]).toEqual([false, true]);
    const again = world.client("alice");
    expect(again.heard).toEqual([{ type: "OPEN" }]);
    // The newer socket is the client's.
    expect([first.open, again.open, world.agent.clients.size]).toEqual([false, true, 1]);
    again.drop();
    expect(world.agent.clients.size).toBe(0);
    expect(world.client("alice", { token: "another" }).heard).toEqual([{ type: "OPEN" }]);
  });

  test("what is missing, a wrong key, an id with a space", () => {
    const world = new SimPeerjs();
    expect(world.client("").last("ERROR").payload.msg).toMatch(/No id, token, or key/);
    expect(world.client("alice", { key: "wrong" }).heard).toEqual([{ type: "INVALID-KEY" }]);
    expect(world.client("al ice").last("ERROR").payload.msg).toMatch(/spaces/);
  });

  test("outside of development mode a token, a secret, or a guest's key and prefix", () => {
    const world = new SimPeerjs({}, { dev: false });
    const told = (id: string, more: object) => world.client(id, more).heard[0];
    expect(told("alice", { token: "anything" })).toEqual({
      type: "ERROR",
      payload: { msg: "Invalid token provided" },
    });
    expect(told("alice", { token: "secret-of-alice" })).toEqual({ type: "OPEN" });
    // Her other device beside the first.
    expect(told("alice", { token: "desk:secret-of-alice-desk" })).toEqual({ type: "OPEN" });
    expect(told("alice", { token: "desk:secret-of-alice" }).type).toBe("ERROR");
    expect(told("bob", { token: "anything", key: "guests" }).type).toBe("ERROR");
    expect(told("guest-7", { token: "anything", key: "guests" })).toEqual({ type: "OPEN" });
    expect(told("guest-7", { token: "other", key: "guests" }).type).toBe("ID-TAKEN");
    expect(told("guest-8", { token: "anything" }).type).toBe("ERROR");
  });

  test("who is kicked is cut off, and does not come back: neither a guest nor a device with its secret", () => {
    const world = new SimPeerjs({}, { dev: false });
    const clients = [
      ["guest-7", { token: "anything", key: "guests" }],
      ["alice", { token: "secret-of-alice" }],
    ] as const;
    for (const [id, more] of clients) {
      const client = world.client(id, more);
      expect(client.heard).toEqual([{ type: "OPEN" }]);
      world.sim.core.kick(id, undefined, world.sim.now);
      world.sim.pass(10);
      expect(client.open).toBe(false);
      expect(world.client(id, more).heard[0].type).toBe("ERROR");
    }
    expect(world.agent.clients.size).toBe(0);
  });

  test("who has not signed in in time is cut off, and so is whose token has ended", () => {
    const world = new SimPeerjs(
      { signInTimeout: 10_000, aliveTimeout: 172_800_000 },
      { dev: false, ownersElsewhere: () => {} },
    );
    // The other nodes are asked about a guest, and don't answer.
    const guest = world.client("guest-7", { key: "guests" });
    const alice = world.client("alice", { token: "secret-of-alice" });
    world.sim.pass(10_000);
    expect([guest.heard, guest.open, alice.open]).toEqual([[], false, true]);
    world.sim.pass(86_400_000 - 10_001);
    expect(alice.open).toBe(true);
    world.sim.pass(1_001);
    expect([alice.open, world.agent.clients.size]).toEqual([false, 0]);
  });

  test("guesses are slowed down", () => {
    const world = new SimPeerjs({ failuresBurst: 2, failuresPerMinute: 1 }, { dev: false });
    for (const _ of [1, 2]) world.client("alice", { token: "wrong" });
    expect(world.client("alice", { token: "secret-of-alice" }).last("ERROR").payload.msg).toMatch(/Too many/);
  });
});

describe("two clients", () => {
  test("offer, answer and candidates pass as they are; no candidate before the answer", () => {
    const world = new SimPeerjs();
    const [alice, bob] = [world.client("alice"), world.client("bob")];
    alice.offer("bob", "mc_1", { metadata: { n: 1 }, type: "media" });
    alice.candidate("bob", "mc_1", 1);
    const offer = bob.last("OFFER");
    expect(offer).toEqual({
      type: "OFFER",
      src: "alice",
      dst: "bob",
      payload: {
        type: "media",
        connectionId: "mc_1",
        metadata: { n: 1 },
        sdp: { type: "offer", sdp: offerSdp },
      },
    });
    expect(bob.of("CANDIDATE")).toEqual([]);
    // Before its answer, as Chromium may have it.
    bob.candidate("alice", "mc_1", 7);
    bob.answer("alice", "mc_1");
    bob.candidate("alice", "mc_1", 8);
    expect(alice.heard.slice(1).map(({ type }) => type)).toEqual(["ANSWER", "CANDIDATE", "CANDIDATE"]);
    expect(alice.last("ANSWER")).toEqual({
      type: "ANSWER",
      src: "bob",
      dst: "alice",
      payload: { sdp: { type: "answer", sdp: answerSdp }, type: "media", connectionId: "mc_1" },
    });
    expect(bob.of("CANDIDATE").map(({ payload }) => payload.candidate.candidate)).toEqual([
      "candidate:1 1 udp 1 192.0.2.1 5001 typ host",
    ]);
    alice.candidate("bob", "mc_1", 2);
    expect(bob.of("CANDIDATE").length).toBe(2);
    expect(world.sim.core.stats().sessionsActive).toBe(1);
  });

  test("nobody of that id: EXPIRE, then LEAVE; so for what is no id, and for a forged one", () => {
    const world = new SimPeerjs({}, {}, { unreachableAfter: 5_000 });
    const alice = world.client("alice");
    alice.offer("nobody", "mc_1");
    expect(alice.of("EXPIRE")).toEqual([]);
    world.sim.pass(5_000);
    expect(alice.heard.slice(1)).toEqual([
      { type: "EXPIRE", src: "nobody", dst: "alice" },
      { type: "LEAVE", src: "nobody", dst: "alice" },
    ]);
    alice.offer("room:x", "mc_2");
    expect(alice.last("EXPIRE").src).toBe("room:x");
    const bob = world.client("bob");
    alice.say("OFFER", {
      src: "mallory",
      dst: "bob",
      payload: { type: "media", connectionId: "mc_3", sdp: { type: "offer", sdp: offerSdp } },
    });
    expect(bob.last("OFFER").src).toBe("alice");
  });

  test("who call each other at the same time have two connections, as with peer", () => {
    const world = new SimPeerjs();
    const [alice, bob] = [world.client("alice"), world.client("bob")];
    alice.offer("bob", "dc_1");
    bob.offer("alice", "dc_2");
    bob.answer("alice", "dc_1");
    alice.answer("bob", "dc_2");
    const types = [alice, bob].map(({ heard }) => heard.map(({ type }) => type));
    expect(types).toEqual([
      ["OPEN", "OFFER", "ANSWER"],
      ["OPEN", "OFFER", "ANSWER"],
    ]);
    expect(world.sim.core.stats().sessionsActive).toBe(2);
  });

  test("LEAVE closes no other connection with the same peer", () => {
    const world = new SimPeerjs();
    const [alice, bob] = [world.client("alice"), world.client("bob")];
    for (const id of ["mc_1", "mc_2"]) {
      alice.offer("bob", id);
      bob.answer("alice", id);
    }
    bob.say("LEAVE", { dst: "alice" });
    expect(alice.of("LEAVE")).toEqual([{ type: "LEAVE", src: "bob", dst: "alice" }]);
    expect(world.agent.connections).toBe(0);
  });

  test("a client that is away gets what was sent to it, and connections go on without it", () => {
    const world = new SimPeerjs();
    const [alice, bob] = [world.client("alice"), world.client("bob")];
    alice.offer("bob", "mc_1");
    alice.drop();
    bob.answer("alice", "mc_1");
    const back = world.client("alice");
    expect(back.heard.map(({ type }) => type)).toEqual(["OPEN", "ANSWER"]);
    back.drop();
    world.sim.pass(31_000);
    // Neither end reports, so nobody would ever say that it is over. Its media goes on.
    expect([world.agent.connections, world.agent.clients.size]).toEqual([0, 1]);
    expect(bob.of("LEAVE")).toEqual([]);
  });

  test("a connection is a session for a while: neither end would ever say that it is over, and its media goes on", () => {
    const world = new SimPeerjs({ followTimeout: 60_000, aliveTimeout: 900_000 });
    const [alice, bob] = [world.client("alice"), world.client("bob")];
    alice.offer("bob", "mc_1");
    world.sim.pass(20_000);
    bob.answer("alice", "mc_1");
    world.sim.pass(59_000);
    expect(world.agent.connections).toBe(2);
    world.sim.pass(2_000);
    expect([world.agent.connections, world.agent.clients.size]).toEqual([0, 2]);
    expect([...alice.of("LEAVE"), ...bob.of("LEAVE")]).toEqual([]);
    // The next call is one as the first was.
    bob.offer("alice", "mc_2");
    alice.answer("bob", "mc_2");
    expect([bob.of("ANSWER").length, world.agent.connections]).toEqual([1, 2]);
  });

  test("the oldest connection that nobody follows gives way to a new one", () => {
    const world = new SimPeerjs({ connectionsPerClient: 2 });
    const [alice, bob] = [world.client("alice"), world.client("bob")];
    for (const id of ["mc_1", "mc_2", "mc_3", "mc_4"]) {
      alice.offer("bob", id);
      bob.answer("alice", id);
    }
    expect(alice.of("ANSWER").length).toBe(4);
    expect(world.agent.connections).toBe(4);
    expect([...alice.of("LEAVE"), ...bob.of("LEAVE")]).toEqual([]);
  });

  test("silence ends a socket, a heartbeat keeps it", () => {
    const world = new SimPeerjs({ aliveTimeout: 90_000 });
    const [alice, bob] = [world.client("alice"), world.client("bob")];
    for (let n = 0; n < 40; n++) {
      alice.say("HEARTBEAT");
      world.sim.pass(5_000);
    }
    expect([alice.open, bob.open]).toEqual([true, false]);
  });
});

describe("with native devices", () => {
  test("hold is answered for the client, an ICE restart refused, hanging up is LEAVE", () => {
    const world = new SimPeerjs();
    const bob = world.sim.client("bob", "web", { capabilities: { refusals: true } }).connect();
    const alice = world.client("alice");
    alice.offer("bob", "mc_1", { metadata: "hi" });
    const ring = bob.last("incoming");
    expect(ring).toMatchObject({ description: { type: "offer", sdp: offerSdp }, data: { metadata: "hi" } });
    expect(ring.from).toEqual({ user: "alice", device: "peerjs", kind: "peerjs" });
    bob.ask("accept", { session: ring.session });
    const at = { session: ring.session, pair: 1, generation: 1 };
    bob.ask("signal", { ...at, description: { type: "answer", sdp: answerSdp } });
    expect(alice.of("ANSWER").length).toBe(1);
    const hold = answerSdp
      .replace("a=sendrecv", "a=sendonly")
      .replaceAll("a=setup:active", "a=setup:actpass");
    bob.ask("signal", { ...at, description: { type: "offer", sdp: hold } });
    const held = bob.last("signal").description;
    expect(held.type).toBe("answer");
    expect(held.sdp).toContain("a=recvonly");
    const restarted = hold.replaceAll("a=ice-ufrag:abcd", "a=ice-ufrag:efgh");
    bob.ask("signal", { ...at, description: { type: "offer", sdp: restarted } });
    expect(bob.last("signal").refused).toBeDefined();
    expect(alice.heard.length).toBe(2);
    bob.ask("hangup", { session: ring.session });
    expect(alice.last("LEAVE")).toEqual({ type: "LEAVE", src: "bob", dst: "alice" });
    expect(alice.of("EXPIRE")).toEqual([]);
  });

  test("a client that has left on purpose stays in its call until the other end says that media is lost", () => {
    const world = new SimPeerjs();
    const bob = world.sim.client("bob", "web").connect();
    const alice = world.client("alice");
    alice.offer("bob", "mc_1");
    const { session } = bob.last("incoming");
    bob.ask("accept", { session });
    bob.ask("signal", { session, pair: 1, generation: 1, description: { type: "answer", sdp: answerSdp } });
    bob.ask("report", { session, stats: { state: "connected" } });
    alice.drop();
    expect(bob.last("peer")).toMatchObject({ link: "suspended" });
    world.sim.pass(3_600_000 - 1_000);
    expect(bob.last("ended")).toBeUndefined();
    // It can't ring meanwhile, and is not shown online.
    bob.ask("call", { to: "alice" });
    world.sim.pass(10);
    bob.ask("report", { session, stats: { state: "failed" } });
    expect(bob.pushes("ended").find((one) => one.session === session)).toMatchObject({
      reason: "lost",
      by: { user: "alice" },
    });
    expect(world.agent.clients.size).toBe(0);
  });

  test("the other end saw the connection closed: that is the client's hang-up", () => {
    const world = new SimPeerjs();
    const bob = world.sim.client("bob", "web").connect();
    const alice = world.client("alice");
    alice.offer("bob", "mc_1");
    const { session } = bob.last("incoming");
    bob.ask("accept", { session });
    bob.ask("signal", { session, pair: 1, generation: 1, description: { type: "answer", sdp: answerSdp } });
    bob.ask("report", { session, stats: { state: "closed" } });
    expect(bob.last("ended")).toMatchObject({ reason: "hangup", by: { user: "alice", device: "peerjs" } });
  });

  test("a device that only makes offers is asked for one, which the client gets under the id of its own", () => {
    const world = new SimPeerjs();
    const camera = world.sim.client("cam", "eye", { capabilities: { sdpRole: "offer-only" } }).connect();
    const alice = world.client("alice");
    alice.offer("cam", "mc_1");
    const ring = camera.last("incoming");
    expect([ring.offer, ring.description]).toEqual([true, undefined]);
    camera.ask("accept", { session: ring.session, description: { type: "offer", sdp: offerSdp } });
    expect(alice.last("OFFER")).toMatchObject({ src: "cam", payload: { connectionId: "mc_1" } });
    expect(alice.of("ANSWER")).toEqual([]);
    alice.answer("cam", "mc_1");
    alice.candidate("cam", "mc_1");
    const signals = camera.pushes("signal");
    expect(signals.map(({ generation }) => generation)).toEqual([2, 2]);
    expect(signals[0].description).toEqual({ type: "answer", sdp: answerSdp });
    expect(signals[1].candidates.length).toBe(1);
  });
});

test("what makes no sense is ignored, and harms nobody", () => {
  const world = new SimPeerjs();
  const [alice, bob] = [world.client("alice"), world.client("bob")];
  const deep = `{"type":"OFFER","dst":"bob","payload":{"type":"media","connectionId":"x","sdp":{"sdp":"v=0"},"metadata":${"[".repeat(5_000)}${"]".repeat(5_000)}}}`;
  for (const text of [
    "",
    "null",
    "[]",
    "{}",
    '{"type":7}',
    '{"type":"OFFER"}',
    '{"type":"OFFER","dst":"bob","payload":{"connectionId":"x","type":"media"}}',
    '{"type":"OFFER","dst":"bob","payload":{"connectionId":"x","type":"other","sdp":{"sdp":"v=0"}}}',
    JSON.stringify({
      type: "OFFER",
      dst: "x".repeat(65_536),
      payload: { connectionId: "x", type: "media", sdp: { sdp: "" } },
    }),
    '{"type":"ANSWER","dst":"bob","payload":{"connectionId":"unknown","sdp":{"sdp":"v=0"}}}',
    '{"type":"CANDIDATE","dst":"bob","payload":{"connectionId":"unknown","candidate":{"candidate":"x"}}}',
    deep,
  ])
    alice.raw(text);
  expect(bob.heard).toEqual([{ type: "OPEN" }]);
  expect(world.agent.traffic.messages.malformed).toBe(10);
  expect(world.agent.connections).toBe(0);
});

test("a storm of offers to one client: the rate holds, and who is over it hears EXPIRE", () => {
  const world = new SimPeerjs({ requestsPerSecond: 1, requestsBurst: 5 });
  const [alice, bob] = [world.client("alice"), world.client("bob")];
  for (let n = 0; n < 20; n++) alice.offer("bob", `mc_${n}`);
  const rang = bob.of("OFFER").length;
  expect(rang).toBeLessThanOrEqual(5);
  expect(alice.of("EXPIRE").length).toBe(20 - rang);
});
