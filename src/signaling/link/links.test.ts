import { describe, expect, test } from "bun:test";
import { SimCore } from "../../../test/support/sim-core.ts";
import type { Core } from "../core.ts";

/** Alice and bob in a call. */
function call(limits = {}) {
  const sim = new SimCore(limits);
  const alice = sim.client("alice", "a").connect();
  const bob = sim.client("bob", "b").connect();
  const { session } = alice.ask("call", { to: "bob" }).ok;
  bob.ask("accept", { session });
  alice.ask("confirm", { session, device: "b" });
  return { sim, alice, bob, session };
}

describe("the link", () => {
  test("welcomes, counts requests and replies", () => {
    const sim = new SimCore();
    const alice = sim.client("alice", "laptop").connect();
    expect(alice.welcome).toMatchObject({
      resumed: false,
      got: 0,
      user: "alice",
      device: "laptop",
      home: "n1",
    });
    expect(alice.welcome.limits.frameBytes).toBe(65_536);
    expect(alice.ask("status", { status: "away" })).toEqual({ re: 1, seq: 1, ok: {} });
    expect(alice.ask("nonsense").error.code).toBe("unknown_type");
    expect(alice.ask("call", { to: 7 }).error).toMatchObject({
      code: "bad_request",
      message: "to: must be string",
    });
  });

  test("makes a device id where there is none", () => {
    const sim = new SimCore();
    const client = sim.client("alice", "x").connect({ device: {} });
    expect(client.welcome.device).toStartWith("d_");
  });

  test("a resume replays what was missed, once, and tells what was got", () => {
    const sim = new SimCore();
    const alice = sim.client("alice", "laptop").connect();
    const bob = sim.client("bob", "phone").connect();
    bob.ask("send", { to: "alice", body: 1 });
    alice.drop();
    bob.ask("send", { to: "alice", body: 2 });
    sim.pass(80_000);
    bob.ask("send", { to: "alice", body: 3 });
    alice.resume();
    expect(alice.welcome).toMatchObject({ resumed: true, got: 0 });
    expect(alice.pushes("message").map((push) => push.body)).toEqual([1, 2, 3]);
    expect(alice.welcome.secret).not.toBe("");
  });

  test("after the window the resume is refused, honestly", () => {
    const sim = new SimCore();
    const alice = sim.client("alice", "laptop").connect();
    alice.drop();
    sim.pass(91_000);
    alice.resume();
    expect(alice.welcome).toMatchObject({ resumed: false, reason: "expired" });
    expect(sim.core.stats()).toMatchObject({ linksLive: 1, linksSuspended: 0, devices: 1 });
  });

  test("a resume over a log that overflowed with what can't be dropped is refused as a gap", () => {
    const { sim, alice, bob, session } = call({ logFrames: 4 });
    alice.drop();
    for (let i = 0; i < 6; i++)
      bob.ask("signal", { session, pair: 1, generation: 1, media: { "0": { muted: i % 2 === 0 } } });
    bob.ask("send", { to: "alice", body: 1 });
    alice.resume();
    expect(alice.welcome).toMatchObject({ resumed: false, reason: "gap" });
    expect(sim.core.stats().logBytes).toBeGreaterThan(0);
  });

  for (const [limit, size] of [
    ["logBytes", 16_000],
    ["logFrames", 10],
  ] as const)
    test(`whoever fills a log (${limit}) loses the oldest of what is theirs, and nobody else does`, () => {
      const sim = new SimCore();
      const alice = sim.client("alice", "laptop").connect();
      const [friend, mallory] = [sim.client("carol", "c").connect(), sim.client("mallory", "m").connect()];
      alice.drop();
      friend.ask("send", { to: "alice", body: "before" });
      for (let i = 0; i < 600; i++) {
        if (i % 100 === 0) sim.pass(1_000);
        if (i % 50 === 0) mallory.raw(`{"type":"ack","seq":${mallory.lastSeq}}`);
        mallory.ask("send", { to: "alice", body: `${i} ${"x".repeat(size)}` });
      }
      friend.ask("send", { to: "alice", body: "after" });
      const seen = alice.heard.length;
      alice.resume();
      expect(alice.welcome.resumed).toBe(true);
      const replay = alice.heard.slice(seen).filter(({ seq }) => seq !== undefined);
      expect(replay.map(({ seq }) => seq)).toEqual(replay.map((_, i) => replay[0].seq + i));
      const bodies = replay.filter(({ type }) => type === "message").map(({ body }) => body.split(" ")[0]);
      expect(bodies[0]).toBe("before");
      expect(bodies.at(-1)).toBe("after");
      // The newest of the flood are there, the oldest are not.
      expect(bodies.at(-2)).toBe("599");
      expect(bodies[1]).not.toBe("0");
      expect(replay.some(({ type }) => type === "dropped")).toBe(true);
    });

  test("rings count to the share of the caller", () => {
    const sim = new SimCore();
    const alice = sim.client("alice", "laptop").connect();
    const [friend, mallory] = [sim.client("carol", "c").connect(), sim.client("mallory", "m").connect()];
    alice.drop();
    friend.ask("send", { to: "alice", body: "important" });
    for (let i = 0; i < 25; i++) {
      const { session } = mallory.ask("call", { to: "alice", data: "x".repeat(16_000) }).ok;
      mallory.ask("cancel", { session });
    }
    alice.resume();
    expect(alice.welcome.resumed).toBe(true);
    expect(alice.last("message").body).toBe("important");
  });

  test("over the node's budget the user with the largest share loses first", () => {
    const sim = new SimCore({ logBytesTotal: 1_000_000 });
    const alice = sim.client("alice", "laptop").connect();
    const friend = sim.client("carol", "c").connect();
    alice.drop();
    friend.ask("send", { to: "alice", body: "important" });
    // Many devices of few users, whose logs are full one by one.
    for (let user = 0; user < 3; user++) {
      const devices = Array.from({ length: 4 }, (_, i) => sim.client(`guest${user}`, `d${i}`).connect());
      for (const device of devices.slice(1)) device.drop();
      for (let i = 0; i < 16; i++) devices[0]?.ask("send", { to: `guest${user}`, body: "x".repeat(16_000) });
      sim.pass(1_000);
    }
    expect(sim.core.stats().logBytes).toBeLessThanOrEqual(1_000_000);
    expect(sim.core.stats().logBytes).toBeGreaterThan(500_000);
    expect(sim.events).toContainEqual({ type: "limit", limit: "logBytesTotal" });
    friend.ask("send", { to: "alice", body: "more" });
    alice.resume();
    expect(alice.welcome.resumed).toBe(true);
    expect(alice.pushes("message").map(({ body }) => body)).toEqual(["important", "more"]);
  });

  test("acknowledged frames are forgotten; acknowledging the future closes", () => {
    const sim = new SimCore();
    const alice = sim.client("alice", "laptop").connect();
    for (let i = 0; i < 20; i++) alice.ask("status", { status: "a" });
    expect(sim.core.stats().logBytes).toBeGreaterThan(0);
    alice.raw('{"type":"ack","seq":20}');
    expect(sim.core.stats().logBytes).toBe(0);
    alice.raw('{"type":"ack","seq":21}');
    expect(alice.closed?.code).toBe(4200);
  });

  test("ids: a repeated one is ignored, a gap closes", () => {
    const sim = new SimCore();
    const alice = sim.client("alice", "laptop").connect();
    alice.ask("status", { status: "a" });
    alice.raw('{"id":1,"type":"status","status":"b"}');
    expect(alice.heard).toHaveLength(1);
    alice.raw('{"id":3,"type":"status","status":"c"}');
    expect(alice.closed?.code).toBe(4200);
  });

  test("silent requests are acknowledged by the sixteenth, or within a second", () => {
    const { sim, alice, bob, session } = call();
    const media = { "0": { muted: true } };
    for (let i = 0; i < 16; i++) alice.ask("signal", { session, pair: 1, generation: 1, media });
    expect(alice.last("ack")).toEqual({ type: "ack", id: 18 });
    alice.ask("signal", { session, pair: 1, generation: 1, media });
    sim.pass(1_000);
    expect(alice.last("ack")).toEqual({ type: "ack", id: 19 });
    expect(bob.pushes("signal")).toHaveLength(17);
  });

  test("an acknowledgement that is nearly due leaves together with the next push", () => {
    const { sim, alice, bob, session } = call();
    const signal = { session, pair: 1, generation: 1, media: { "0": { muted: true } } };
    for (let i = 0; i < 11; i++) alice.ask("signal", signal);
    bob.ask("signal", signal);
    expect(alice.last("ack")).toBeUndefined();
    alice.ask("signal", signal);
    expect(alice.last("ack")).toBeUndefined();
    bob.ask("signal", signal);
    expect(alice.heard.slice(-2).map(({ type }) => type)).toEqual(["ack", "signal"]);
    expect(alice.last("ack")).toEqual({ type: "ack", id: 14 });
    sim.pass(1_000);
    expect(alice.heard.filter(({ type }) => type === "ack")).toHaveLength(1);
  });

  test("a newer attempt takes over; an older one is closed 4300", () => {
    const sim = new SimCore();
    const alice = sim.client("alice", "laptop").connect();
    const first = alice.lastWelcome;
    alice.resume();
    expect(alice.welcome.resumed).toBe(true);
    const late = sim.client("alice", "laptop");
    Object.assign(late, {
      instance: alice.instance,
      attempt: 0,
      lastWelcome: { ...first, secret: alice.lastWelcome.secret },
    });
    late.resume();
    expect(late.closed?.code).toBe(4300);
    expect(alice.ask("status", { status: "still here" }).ok).toEqual({});
  });

  test("a wrong secret, user or device is closed 4302 and harms nobody", () => {
    const sim = new SimCore();
    const alice = sim.client("alice", "laptop").connect();
    const { link } = alice.lastWelcome;
    for (const [user, device, secret] of [
      ["alice", "laptop", "guess"],
      ["mallory", "laptop", alice.lastWelcome.secret],
      ["alice", "phone", alice.lastWelcome.secret],
    ] as const) {
      const thief = sim.client(user, device).connect({ resume: { link, secret, seq: 0 } });
      expect(thief.closed?.code).toBe(4302);
    }
    expect(alice.ask("status", { status: "fine" }).ok).toEqual({});
  });

  test("another instance of the device replaces the older one, and is not displaced by its return", () => {
    const sim = new SimCore();
    const old = sim.client("alice", "laptop").connect();
    const fresh = sim.client("alice", "laptop").connect();
    expect(old.closed?.code).toBe(4301);
    old.resume();
    expect(old.closed?.code).toBe(4301);
    expect(fresh.ask("status", { status: "mine" }).ok).toEqual({});
    expect(sim.core.stats()).toMatchObject({ devices: 1, linksLive: 1 });
  });

  test("a duplicated tab with the copied secret gets a link of its own", () => {
    const sim = new SimCore();
    const tab = sim.client("alice", "laptop").connect();
    const copy = sim.client("alice", "laptop");
    copy.lastWelcome = tab.lastWelcome;
    copy.resume();
    expect(copy.welcome).toMatchObject({ resumed: false });
    expect(copy.welcome.link).not.toBe(tab.welcome.link);
  });

  test("a resume on a node that is gone is refused", () => {
    const sim = new SimCore();
    const alice = sim
      .client("alice", "laptop")
      .connect({ resume: { link: "l_x", secret: "s", home: "n9", seq: 3 } });
    sim.pass(1_000);
    expect(alice.welcome).toMatchObject({ resumed: false, reason: "unreachable" });
  });

  test("pings after quiet, suspends after silence, offline after a minute", () => {
    const sim = new SimCore();
    const alice = sim.client("alice", "laptop").connect();
    const bob = sim.client("bob", "phone").connect();
    alice.mute = true;
    bob.ask("watch", { users: ["alice"] });
    sim.pass(21_000);
    expect(alice.pushes("ping")).toHaveLength(1);
    sim.pass(10_000);
    expect(alice.closed?.code).toBe(4104);
    expect(bob.last("presence")).toMatchObject({ user: "alice", online: true });
    sim.pass(31_000);
    expect(bob.last("presence")).toMatchObject({ user: "alice", online: false, devices: [] });
    alice.resume();
    sim.pass(200);
    expect(bob.last("presence")).toMatchObject({ user: "alice", online: true });
  });

  test("an expired token suspends; a refresh keeps the link; another subject is refused", () => {
    const sim = new SimCore();
    sim.tokenLife = 25_000;
    const alice = sim.client("alice", "laptop").connect();
    const bob = sim.client("bob", "phone").connect();
    sim.pass(15_000);
    expect(alice.ask("refresh", { token: "bob" }).error.code).toBe("subject_mismatch");
    expect(alice.ask("refresh", { token: "!token_expired" }).error.code).toBe("token_expired");
    expect(alice.ask("refresh", { token: "alice" }).ok).toEqual({ expires: 25_000 });
    sim.pass(11_000);
    expect(bob.closed?.code).toBe(4102);
    expect(alice.closed).toBeUndefined();
    bob.resume();
    expect(bob.welcome.resumed).toBe(true);
  });

  test("a stalled socket is closed 4101 with the log intact", () => {
    const sim = new SimCore();
    const alice = sim.client("alice", "laptop").connect();
    const bob = sim.client("bob", "phone").connect();
    alice.stalled = true;
    bob.ask("send", { to: "alice", body: "kept" });
    expect(alice.closed?.code).toBe(4101);
    alice.stalled = false;
    alice.resume();
    expect(alice.last("message").body).toBe("kept");
  });

  test("a flood is answered, then closed; a neighbor goes on", () => {
    const sim = new SimCore();
    const alice = sim.client("alice", "laptop").connect();
    const bob = sim.client("bob", "phone").connect();
    for (let i = 0; i < 10_000 && alice.closed === undefined; i++) alice.ask("status", { status: "x" });
    expect(
      alice.heard.some((frame) => frame.error?.code === "rate_limited" && frame.error.retryAfter > 0),
    ).toBe(true);
    expect(alice.closed?.code).toBe(4203);
    expect(bob.ask("status", { status: "fine" }).ok).toEqual({});
  });

  test("frames that are too large, or binary, or before welcome, or too late", () => {
    const sim = new SimCore();
    const alice = sim.client("alice", "laptop").connect();
    alice.raw(`{"id":1,"type":"send","to":"bob","body":"${"é".repeat(33_000)}"}`);
    expect(alice.closed?.code).toBe(4201);
    const big = sim.client("alice", "phone").connect({ extra: "x".repeat(17_000) });
    expect(big.closed?.code).toBe(4306);
    const binary = sim.client("alice", "watch");
    binary.open().receiveBinary(sim.now);
    expect(binary.closed?.code).toBe(4306);
    const silent = sim.client("alice", "pad");
    silent.open();
    sim.pass(11_000);
    expect(silent.closed?.code).toBe(4202);
    const broken = sim.client("alice", "tv");
    broken.open().receive("{", sim.now);
    expect(broken.closed?.code).toBe(4306);
  });

  test("a kick closes 4305 and voids the tokens until now", () => {
    const sim = new SimCore();
    const alice = sim.client("alice", "laptop").connect();
    sim.pass(1);
    expect(sim.core.kick("alice", undefined, sim.now)).toBe(1);
    expect(alice.closed?.code).toBe(4305);
    expect(sim.core.stats()).toMatchObject({ linksLive: 0, linksSuspended: 0 });
  });

  test("a kick voids older tokens at a link's refresh too", () => {
    const sim = new SimCore();
    const alice = sim.client("alice", "laptop").connect();
    const before = sim.now;
    sim.pass(1_000);
    sim.core.kick("alice", undefined, sim.now);
    const back = sim.client("alice", "laptop").connect();
    expect(back.welcome).toBeDefined();
    sim.tokensIssuedAt = before;
    expect(back.ask("refresh", { token: "alice" }).error.code).toBe("token_expired");
    expect(alice.connect().closed?.code).toBe(4303);
  });

  test("a kick that is heard of late sends the user's links back to show their tokens, once", () => {
    const sim = new SimCore();
    const core = sim.core as Core;
    sim.tokensIssuedAt = sim.now - 60_000;
    const phone = sim.client("alice", "phone").connect();
    const laptop = sim.client("alice", "laptop").connect();
    const bob = sim.client("bob", "phone").connect();
    const kicks = [
      ["alice/laptop", 30_000],
      ["bob", 90_000],
    ] as const;
    core.links.learnKicks(kicks, sim.now);
    expect([phone, laptop, bob].map(({ closed }) => closed?.code)).toEqual([undefined, 4103, 4103]);
    expect(laptop.connect().closed?.code).toBe(4303);
    // His token is newer than the kick.
    expect(bob.connect().welcome).toBeDefined();
    // The same kick takes longer by another way.
    sim.events.length = 0;
    core.links.learnKicks([["alice/laptop", 29_500]], sim.now);
    expect(sim.events).toEqual([]);
  });

  test("seventeen devices: the longest suspended one makes room, else the newcomer waits", () => {
    const sim = new SimCore({ devicesPerUser: 2 });
    const one = sim.client("alice", "one").connect();
    sim.client("alice", "two").connect();
    expect(sim.client("alice", "three").connect().closed?.code).toBe(4204);
    one.drop();
    sim.pass(10);
    expect(sim.client("alice", "three").connect().welcome.device).toBe("three");
    expect(sim.core.stats().devices).toBe(2);
  });

  test("a drain tells everybody when to resume, and closes 4103", () => {
    const sim = new SimCore();
    const alice = sim.client("alice", "laptop").connect();
    sim.core.drain(sim.now, 10_000);
    expect(alice.last("goodbye")).toMatchObject({ action: "resume", after: 3_500 });
    expect(sim.core.empty).toBe(false);
    sim.pass(3_500);
    expect(alice.closed?.code).toBe(4103);
    expect(sim.core.empty).toBe(true);
    expect(sim.client("bob", "late").connect().closed?.code).toBe(4103);
  });

  test("a short drain leaves the last ones half of its time, a long one a fifth", () => {
    for (const [within, after] of [
      [1_000, 250],
      [5_000, 1_250],
      [30_000, 12_000],
    ] as const) {
      const sim = new SimCore();
      const alice = sim.client("alice", "laptop").connect();
      sim.core.drain(sim.now, within);
      // The jitter of the test's clock is always half.
      expect(alice.last("goodbye")).toMatchObject({ action: "resume", after });
    }
  });
});

test("every cap that bites is told to the client by name, and counted", () => {
  const sim = new SimCore({ watches: 1, ringsPerPair: 1, bodyBytes: 10, sdpBytes: 10, requestsInFlight: 1 });
  const alice = sim.client("alice", "laptop").connect();
  const bob = sim.client("bob", "phone").connect();
  const refused = (type: string, fields: object) => alice.ask(type, fields).error?.limit;
  expect(refused("watch", { users: ["a", "b"] })).toBe("watches");
  expect(refused("send", { to: "bob", body: "x".repeat(20) })).toBe("bodyBytes");
  expect(refused("call", { to: "bob", description: { type: "offer", sdp: "x".repeat(20) } })).toBe(
    "sdpBytes",
  );
  const { session } = alice.ask("call", { to: "bob" }).ok;
  expect(refused("call", { to: "bob" })).toBe("ringsPerPair");
  // An accept waits for its confirm, and fills the one place.
  bob.ask("accept", { session });
  expect(bob.ask("status", { status: "x" }).error.limit).toBe("requestsInFlight");
  bob.raw(`{"id":3,"type":"send","to":"alice","body":"${"x".repeat(70_000)}"}`);
  sim.client("carol", "tab").connect({ extra: "x".repeat(17_000) });
  alice.stalled = true;
  sim.client("dave", "tab").connect().ask("send", { to: "alice", body: 1 });
  const limits = sim.events.flatMap((event) => (event.type === "limit" ? [event.limit] : []));
  expect(limits).toEqual([
    "watches",
    "bodyBytes",
    "sdpBytes",
    "ringsPerPair",
    "requestsInFlight",
    "frameBytes",
    "helloBytes",
    "sendBuffer",
  ]);
});
