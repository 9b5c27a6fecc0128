import { describe, expect, test } from "bun:test";
import { type AnyFrame, SimCore } from "../../../test/support/sim-core.ts";
import { wireError } from "../../protocol/error-codes.ts";
import type { Limits } from "../../protocol/limits.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import { Core, type CoreOptions } from "../core.ts";
import type { SessionRecord } from "../events.ts";
import type { StreamHost, StreamState } from "./stream-host.ts";
import type { StreamRole } from "./stream-part.ts";
import type { StreamSession } from "./stream-session.ts";
import type { StreamServer } from "./streams.ts";

const offer = { type: "offer", sdp: "v=0\r\no=offer" } as const;
const live: StreamState = { live: true, viewers: 0, layers: [] };

/** A media server that answers nothing by itself. */
class TestHost implements StreamHost {
  readonly streams = new Map<string, StreamState>();
  readonly begun: StreamSession[] = [];
  heard: PushBody[] = [];
  full = false;

  refusal(role: StreamRole, stream: string) {
    if (this.full) return wireError("media_full", undefined, 5_000);
    const isLive = this.streams.get(stream)?.live === true;
    if (role === "view") return isLive ? undefined : wireError("not_live", undefined, 2_000);
    return isLive ? wireError("stream_taken", undefined, 5_000) : undefined;
  }

  isPublic(stream: string): boolean {
    return stream.startsWith("public-");
  }

  stream(name: string): StreamState | undefined {
    return this.streams.get(name);
  }

  begin(session: StreamSession) {
    this.begun.push(session);
    return this.end();
  }

  end() {
    return { deliver: (push: PushBody) => void this.heard.push(push) };
  }

  get last(): StreamSession {
    return this.begun.at(-1)!;
  }

  /** What an end has heard of that type. */
  of(type: PushBody["type"]): AnyFrame[] {
    return this.heard.filter((push) => push.type === type);
  }
}

interface World {
  readonly sim: SimCore;
  readonly core: Core;
  readonly host: TestHost;
  readonly server: StreamServer;
}

function world(limits: Partial<Limits> = {}): World {
  let core: Core | undefined;
  const make = (options: CoreOptions, now: number): Core => {
    core = new Core(options, now);
    return core;
  };
  const sim = new SimCore(limits, [], { make });
  const host = new TestHost();
  const server = core!.streamServer(host);
  return { sim, core: core!, host, server };
}

function records(sim: SimCore): SessionRecord[] {
  return sim.events.flatMap((event) => (event.type === "session_ended" ? [event.record] : []));
}

const bob = { user: "bob", device: "obs", name: undefined, grants: {}, guest: false };

describe("publish and view", () => {
  test("open a session with the media server: offer, answer, restart, hang-up", () => {
    const { sim, core, host } = world();
    const alice = sim.client("alice", "laptop").connect();
    expect(alice.welcome.features).toContain("streams");
    const { session } = alice.ask("publish", { to: "stream:lobby" }).ok;
    expect(alice.heard.map(({ re, type }) => re ?? type)).toEqual([1, "session"]);
    expect(alice.last("session")).toMatchObject({
      session,
      stream: "stream:lobby",
      peer: { user: "stream:lobby", device: "media", kind: "media" },
      ...{ offer: true, pair: 1, generation: 1, state: "active", direction: "out" },
    });
    expect(host.last).toMatchObject({ id: session, role: "publish", stream: "lobby" });
    expect(core.stats()).toMatchObject({ sessionsPublishing: 1, sessionsViewing: 0 });

    alice.ask("signal", { session, pair: 1, generation: 1, description: offer });
    expect(host.of("signal")).toMatchObject([{ generation: 1, description: offer }]);
    expect(host.last.answer(1, "v=0 answer", sim.now)).toEqual({ ok: {} });
    expect(alice.last("signal")).toMatchObject({ description: { type: "answer", sdp: "v=0 answer" } });

    const restarted = alice.ask("restart", { session, pair: 1, generation: 1 });
    expect(restarted.ok).toMatchObject({ generation: 2, offer: true });
    expect(host.of("restart")).toMatchObject([{ generation: 2, offer: false }]);
    expect(host.last.answer(1, "too late", sim.now)).toMatchObject({ error: { code: "stale_generation" } });

    host.last.connected(sim.now);
    sim.pass(5_000);
    expect(alice.ask("hangup", { session }).ok).toEqual({});
    expect(host.of("ended")).toMatchObject([{ reason: "hangup" }]);
    expect(host.last.over).toBe(true);
    expect(records(sim)).toMatchObject([
      {
        kind: "publish",
        caller: { user: "alice", device: "laptop" },
        callee: { user: "stream:lobby", device: "media" },
        reason: "hangup",
        connectedAt: sim.now - 5_000,
      },
    ]);
    expect(core.stats()).toMatchObject({ sessionsActive: 0, sessionsPublishing: 0, sessionsViewing: 0 });
  });

  test("the media server ends a session, and its client is told", () => {
    const { sim, host } = world();
    host.streams.set("lobby", live);
    const alice = sim.client("alice", "laptop").connect();
    const { session } = alice.ask("view", { to: "stream:lobby" }).ok;
    host.last.end("stream_over", sim.now);
    expect(alice.pushes("ended")).toMatchObject([
      { session, reason: "stream_over", by: { user: "stream:lobby" } },
    ]);
    expect(host.of("ended")).toMatchObject([{ reason: "stream_over" }]);
  });

  test("an offer that is of no use ends the session, unless an earlier one was answered", () => {
    const { sim, host } = world();
    const alice = sim.client("alice", "laptop", { capabilities: { refusals: true } }).connect();
    const first = alice.ask("publish", { to: "stream:one" }).ok.session;
    alice.ask("signal", { session: first, pair: 1, generation: 1, description: offer });
    host.last.refuse(1, "no codec", sim.now);
    expect(alice.last("ended")).toMatchObject({ reason: "incompatible", detail: "no codec" });
    const second = alice.ask("publish", { to: "stream:two" }).ok.session;
    alice.ask("signal", { session: second, pair: 1, generation: 1, description: offer });
    host.last.answer(1, "v=0", sim.now);
    alice.ask("signal", { session: second, pair: 1, generation: 1, description: offer });
    host.last.refuse(1, "other tracks", sim.now);
    expect(alice.last("signal")).toMatchObject({ refused: { reason: "other tracks" } });
    expect(host.last.over).toBe(false);
  });

  test("are refused without a grant, whether the stream is live or not", () => {
    const { sim, host } = world();
    host.streams.set("lobby", live);
    const eve = sim.client("eve", "web", { token: 'eve?{"view":["stream:own"],"call":["*"]}' }).connect();
    for (const to of ["stream:lobby", "stream:nothing"])
      for (const type of ["publish", "view"]) expect(eve.ask(type, { to }).error.code).toBe("forbidden");
    expect(eve.ask("publish", { to: "stream:own" }).error.code).toBe("forbidden");
    expect(eve.ask("view", { to: "stream:own" }).error).toMatchObject({
      ...{ code: "not_live", temporary: true, retryAfter: 2_000 },
    });
    for (const to of ["bob", "room:x", "stream:a/b"])
      expect(eve.ask("view", { to }).error.code).toBe("bad_request");
  });

  test("anybody may view a public stream, and only view it", () => {
    const { sim, host } = world();
    host.streams.set("public-tv", live);
    const eve = sim.client("eve", "web", { token: "eve?{}" }).connect();
    expect(eve.ask("view", { to: "stream:public-tv" }).ok.session).toBeString();
    expect(eve.ask("publish", { to: "stream:public-tv" }).error.code).toBe("forbidden");
    expect(eve.ask("watch", { streams: ["public-tv"] }).ok).toEqual({});
  });

  test("tell why they can't begin: taken, full, draining", () => {
    const { sim, host } = world();
    host.streams.set("lobby", live);
    const alice = sim.client("alice", "laptop").connect();
    expect(alice.ask("publish", { to: "stream:lobby" }).error).toMatchObject({ code: "stream_taken" });
    host.full = true;
    expect(alice.ask("publish", { to: "stream:new" }).error).toMatchObject({ code: "media_full" });
    sim.core.drain(sim.now, 10_000);
    expect(alice.ask("view", { to: "stream:lobby" }).error).toMatchObject({ code: "temporary" });
  });

  test("are bounded like calls", () => {
    const { sim } = world({ sessionsPerDevice: 2, sessions: 3 });
    const alice = sim.client("alice", "laptop").connect();
    alice.ask("publish", { to: "stream:a" });
    alice.ask("publish", { to: "stream:b" });
    expect(alice.ask("publish", { to: "stream:c" }).error.limit).toBe("sessionsPerDevice");
    const other = sim.client("alice", "phone").connect();
    other.ask("publish", { to: "stream:d" });
    expect(other.ask("publish", { to: "stream:e" }).error.limit).toBe("sessions");
  });

  test("without a media server aren't there", () => {
    const sim = new SimCore();
    const alice = sim.client("alice", "laptop").connect();
    expect(alice.welcome.features).not.toContain("streams");
    for (const [type, fields] of [
      ["publish", { to: "stream:lobby" }],
      ["view", { to: "stream:lobby" }],
      ["watch", { users: ["bob"], streams: ["lobby"] }],
    ] as const)
      expect(alice.ask(type, fields).error).toMatchObject({ code: "no_media_server", temporary: false });
    sim.pass(500);
    expect(alice.pushes("presence")).toEqual([]);
  });

  test("don't move to another device, nor to another pair", () => {
    const { sim } = world();
    const alice = sim.client("alice", "laptop").connect();
    sim.client("alice", "phone").connect();
    const { session } = alice.ask("publish", { to: "stream:lobby" }).ok;
    for (const to of ["phone", "laptop"])
      expect(alice.ask("move", { session, to }).error.code).toBe("wrong_state");
  });
});

describe("a client of a stream that loses its link", () => {
  test("goes on after a resume, and with a new link by the session's ticket", () => {
    const { sim, host } = world({ resumeWindow: 10_000 });
    const alice = sim.client("alice", "laptop").connect();
    const { session } = alice.ask("publish", { to: "stream:lobby" }).ok;
    alice.drop();
    sim.pass(1_000);
    expect(host.of("peer")).toMatchObject([{ link: "suspended" }]);
    alice.resume();
    expect(host.of("peer").at(-1)).toMatchObject({ link: "live" });
    alice.drop();
    sim.pass(20_000);
    expect(host.of("peer").at(-1)).toMatchObject({ link: "detached" });
    alice.connect({ sessions: alice.tickets });
    expect(alice.welcome.sessions).toEqual([session]);
    expect(alice.last("session")).toMatchObject({ recovered: true, stream: "stream:lobby" });
    expect(host.last.over).toBe(false);
  });

  test("loses it at once to another run of the device, which has no connection to go on with", () => {
    const { sim, host } = world();
    const page = sim.client("alice", "laptop").connect();
    page.ask("publish", { to: "stream:lobby" });
    sim.client("alice", "laptop").connect();
    expect(host.of("ended")).toMatchObject([{ reason: "lost" }]);
  });

  test("ends it by closing the link, and by a kick", () => {
    const { sim, host } = world();
    const alice = sim.client("alice", "laptop").connect();
    alice.ask("publish", { to: "stream:one" });
    alice.drop(1000);
    expect(host.of("ended")).toMatchObject([{ reason: "closed" }]);
    const carol = sim.client("carol", "laptop").connect();
    carol.ask("publish", { to: "stream:two" });
    sim.core.kick("carol", undefined, sim.now);
    expect(host.of("ended")).toMatchObject([{ reason: "closed" }, { reason: "forbidden" }]);
  });

  test("loses it when a new token no longer has the grant", () => {
    const { sim, host } = world();
    host.streams.set("lobby", live);
    const alice = sim.client("alice", "laptop").connect();
    const { session } = alice.ask("view", { to: "stream:lobby" }).ok;
    alice.ask("watch", { streams: ["lobby"] });
    sim.pass(200);
    alice.ask("refresh", { token: 'alice?{"call":["*"]}' });
    expect(alice.last("ended")).toMatchObject({ session, reason: "forbidden" });
    const told = alice.pushes("stream").length;
    host.streams.set("lobby", { ...live, live: false });
    sim.pass(2_000);
    expect(alice.pushes("stream")).toHaveLength(told);
  });
});

describe("a publisher or viewer of another protocol", () => {
  test("has a device and a session, and is in no directory", () => {
    const { sim, core, host, server } = world({ devicesPerUser: 1, sessions: 1, sessionsPerDevice: 1 });
    const carol = sim.client("carol", "web").connect();
    carol.ask("watch", { users: ["bob"] });
    const sessions = [1, 2, 3].map(() =>
      server.attach({ ...bob, role: "publish", stream: "lobby" }, host.end(), sim.now),
    );
    sim.pass(500);
    expect(carol.last("presence")).toMatchObject({ online: false, devices: [] });
    expect(core.stats()).toMatchObject({ devices: 1, sessionsPublishing: 3 });
    const opened = sim.events.filter((event) => event.type === "link_opened" && event.user === "bob");
    expect(opened).toHaveLength(3);
    // It takes nobody's place, and nobody calls it.
    const phone = sim.client("bob", "phone").connect();
    expect(phone.welcome).toBeDefined();
    expect(carol.ask("call", { to: "bob" }).ok.session).toBeString();
    expect(host.of("incoming")).toEqual([]);
    sessions[0]?.left(sim.now);
    expect(records(sim)).toMatchObject([{ kind: "publish", by: { user: "bob", device: "obs" } }]);
    expect(sim.events).toContainEqual({
      ...{ type: "link_closed", user: "bob", device: "obs", reason: "client" },
    });
  });

  test("is kicked with its user or alone, at once", () => {
    const { sim, host, server } = world();
    const attach = (device: string) =>
      server.attach({ ...bob, device, role: "view", stream: "lobby" }, host.end(), sim.now);
    const [tv, obs, other] = [attach("tv"), attach("obs"), attach("other")];
    expect(sim.core.kick("bob", "obs", sim.now)).toBe(1);
    expect([tv, obs, other].map(({ over }) => over)).toEqual([false, true, false]);
    expect(sim.core.kick("bob", undefined, sim.now)).toBe(2);
    expect(host.of("ended").map(({ reason }) => reason)).toEqual(["forbidden", "forbidden", "forbidden"]);
    const closed = sim.events.flatMap((event) => (event.type === "link_closed" ? [event.reason] : []));
    expect(closed).toEqual(["kicked", "kicked", "kicked"]);
    const identity = { user: "bob", grants: {}, issuedAt: sim.now - 1, expires: sim.now + 9 };
    expect(server.stale(identity, sim.now)).toBe(true);
    expect(sim.core.kick("bob", undefined, sim.now)).toBe(0);
  });
});

test("a node that drains ends its streams within the time that it has, and is empty only then", () => {
  const { sim, core, host, server } = world();
  const alice = sim.client("alice", "laptop").connect();
  const { session } = alice.ask("publish", { to: "stream:lobby" }).ok;
  server.attach({ ...bob, role: "view", stream: "lobby" }, host.end(), sim.now);
  core.drain(sim.now, 10_000);
  expect(alice.pushes("ended")).toEqual([]);
  sim.pass(4_900);
  expect(core.empty).toBe(false);
  sim.pass(10_000);
  expect(core.empty).toBe(true);
  expect(records(sim).map(({ reason }) => reason)).toEqual(["shutdown", "shutdown"]);
  expect(session).toBeString();
});

describe("watch", () => {
  test("tells a stream after the reply, and what changes: its state soon, numbers each second", () => {
    const { sim, host, server } = world({ presenceInterval: 100, streamInterval: 1_000 });
    const layer = { rid: "h", bitrate: 1_000_000, framesPerSecond: 30, width: 1280, height: 720 };
    const set = (state: StreamState) => {
      host.streams.set("lobby", state);
      server.changed("lobby", sim.now);
    };
    const alice = sim.client("alice", "laptop").connect();
    expect(alice.ask("watch", { streams: ["lobby"], users: ["bob"] }).ok).toEqual({});
    expect(alice.heard.map(({ re, type }) => re ?? type)).toEqual([1, "presence", "stream"]);
    expect(alice.last("stream")).toMatchObject({ name: "lobby", live: false, viewers: 0, layers: [] });
    set({ ...live, layers: [layer] });
    sim.pass(100);
    expect(alice.last("stream")).toMatchObject({ live: true, layers: [layer] });
    for (let viewers = 1; viewers <= 90; viewers++) {
      set({ live: true, viewers, layers: [{ ...layer, bitrate: viewers }] });
      sim.pass(10);
    }
    expect(alice.pushes("stream")).toHaveLength(2);
    sim.pass(100);
    expect(alice.pushes("stream")).toHaveLength(3);
    expect(alice.last("stream")).toMatchObject({ viewers: 90 });
    set({ ...live, live: false });
    sim.pass(100);
    expect(alice.last("stream")).toMatchObject({ live: false });
    alice.ask("unwatch", { streams: ["lobby"] });
    set(live);
    sim.pass(2_000);
    expect(alice.pushes("stream")).toHaveLength(4);
  });

  test("needs a grant for each stream, and watches all or none", () => {
    const { sim } = world({ watches: 2 });
    const grants = { view: ["stream:v"], watch: ["stream:w", "bob"], publish: ["stream:p"] };
    const eve = sim.client("eve", "web", { token: `eve?${JSON.stringify(grants)}` }).connect();
    for (const streams of [["x"], ["v", "x"]])
      expect(eve.ask("watch", { users: ["bob"], streams }).error.code).toBe("forbidden");
    expect(eve.ask("watch", { users: ["carol"], streams: ["v"] }).error.code).toBe("forbidden");
    sim.pass(500);
    expect(eve.heard.some(({ type }) => type === "stream" || type === "presence")).toBe(false);
    expect(eve.ask("watch", { streams: ["v", "w"] }).ok).toEqual({});
    expect(eve.ask("watch", { streams: ["p"] }).error).toMatchObject({ code: "too_many_watches" });
    eve.ask("unwatch", { streams: ["w"] });
    expect(eve.ask("watch", { streams: ["p"] }).ok).toEqual({});
    for (const type of ["watch", "unwatch"]) expect(eve.ask(type).error.code).toBe("bad_request");
  });

  test("says nothing to a device that is away, and the newest state when it is back", () => {
    const { sim, host, server } = world();
    const alice = sim.client("alice", "laptop").connect();
    alice.ask("watch", { streams: ["lobby"] });
    sim.pass(500);
    alice.drop();
    for (let viewers = 1; viewers <= 5; viewers++) {
      host.streams.set("lobby", { ...live, viewers });
      server.changed("lobby", sim.now);
      sim.pass(1_000);
    }
    alice.resume();
    sim.pass(1_000);
    expect(alice.pushes("stream")).toHaveLength(2);
    expect(alice.last("stream")).toMatchObject({ viewers: 5 });
  });
});

test("there is one media server", () => {
  const { core } = world();
  expect(() => core.streamServer(new TestHost())).toThrow("media server");
});
