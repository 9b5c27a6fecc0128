import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { type SimClient, SimCore } from "../../../test/support/sim-core.ts";
import { Core, type CoreOptions } from "../../signaling/core.ts";
import type { SessionRecord } from "../../signaling/events.ts";
import type { StreamServer } from "../../signaling/stream/streams.ts";
import type { FromWorker, ToWorker } from "../control.ts";
import type { MediaIdentity } from "../service.ts";
import { CoreSessions } from "./core-sessions.ts";
import { MediaStreams } from "./media-streams.ts";
import { streamOffers } from "./stream-offers.ts";

const read = (name: string) =>
  readFileSync(new URL(`../../../test/support/media-offers/${name}.sdp`, import.meta.url), "utf8");
const [publishSdp, viewSdp] = [read("chromium-publish"), read("chromium-view")];
const offerOf = (sdp: string) => ({ type: "offer", sdp }) as const;
const restarted = (sdp: string) => sdp.replaceAll(/a=ice-ufrag:.*/g, "a=ice-ufrag:newone");
const candidate = { candidate: "candidate:1 1 udp 1 192.0.2.1 5000 typ host", sdpMid: "0" };

/** A core with a media server whose only worker does what the test says. */
class World {
  readonly sim: SimCore;
  readonly core: Core;
  readonly media: MediaStreams;
  readonly server: StreamServer;
  posted: ToWorker[] = [];
  /** What the worker says to a peer that is to open; undefined: nothing yet. */
  answers: "opened" | "refused" | undefined = "opened";
  takesOver = false;
  #random = 0;
  #ssrc = 0;

  constructor(linger = 10_000) {
    let core: Core | undefined;
    const make = (options: CoreOptions, now: number): Core => {
      core = new Core(options, now);
      return core;
    };
    this.sim = new SimCore({}, [], { make });
    this.core = core!;
    const report = { publishers: 0, viewers: 0, packetsPerSecond: 0, lag: 0, counters: {} };
    const worker = { fingerprint: "sha-256 AA:BB", udpPort: 5000, tcpPort: 5001, relay: "", report };
    const sessions = new CoreSessions({
      offers: streamOffers({ ssrc: () => ++this.#ssrc }),
      isPublic: () => false,
    });
    this.media = new MediaStreams(
      {
        now: () => this.sim.now,
        draining: () => this.core.draining,
        workers: 1,
        worker: () => worker,
        post: (_, message) => {
          this.posted.push(message);
          const { answers } = this;
          if ((message.type === "publish" || message.type === "view") && answers !== undefined)
            queueMicrotask(() => this.say(answerTo(message.peer, answers)));
        },
        random: (bytes) => `random${++this.#random}`.padEnd(bytes, "x"),
        after: (ms, due) => {
          const deadline = this.server.deadlines.add(this.sim.now + ms, due);
          return () => deadline.cancel();
        },
      },
      {
        linger,
        shares: { peersPerUser: 100, peersPerAddress: 100 },
        takesOver: () => this.takesOver,
        candidates: ({ udpPort }) => [{ protocol: "udp", address: "192.0.2.9", port: udpPort }],
      },
      sessions,
    );
    this.server = sessions.join(this.media, this.core);
  }

  say(message: FromWorker): void {
    this.media.heard(0, message);
  }

  /** Lets what was begun go on. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    this.sim.pass(0);
  }

  of<T extends ToWorker["type"]>(type: T): Extract<ToWorker, { type: T }>[] {
    return this.posted.filter((message) => message.type === type) as Extract<ToWorker, { type: T }>[];
  }

  get records(): SessionRecord[] {
    return this.sim.events.flatMap((event) => (event.type === "session_ended" ? [event.record] : []));
  }

  client(user: string, device = "web", capabilities = { refusals: true }): SimClient {
    return this.sim.client(user, device, { capabilities }).connect();
  }

  /** Publishes or views natively, and connects. Answers the session and the peer's number at the worker. */
  async begin(client: SimClient, type: "publish" | "view", connects = true) {
    const { session } = client.ask(type, { to: "stream:lobby" }).ok;
    this.offer(client, session, type === "publish" ? publishSdp : viewSdp);
    await this.settle();
    const peer = this.of(type).at(-1)?.peer ?? 0;
    if (connects) this.say({ type: "connected", peer });
    return { session, peer } as { session: string; peer: number };
  }

  offer(client: SimClient, session: string, sdp: string, generation = 1): void {
    client.ask("signal", { session, pair: 1, generation, description: offerOf(sdp) });
  }

  /** What WHIP and WHEP do. */
  async http(role: "publish" | "view", user: string, device?: string) {
    const identity: MediaIdentity = {
      ...{ user, grants: {}, expires: this.sim.now + 60_000 },
      ...(device === undefined ? {} : { device }),
    };
    const offers = streamOffers({ ssrc: () => ++this.#ssrc });
    const offer =
      role === "publish" ? offers.publisher(publishSdp, "lobby") : offers.viewer(viewSdp, this.codecs);
    if (!offer.ok) throw new Error(offer.error);
    // biome-ignore lint/suspicious/noExplicitAny: the tracks fit the role
    const request = { stream: "lobby", identity, ...(offer.value as any) };
    const opened = await this.media[role](request);
    if (!opened.ok) throw new Error(opened.error.kind);
    const peer = this.of(role).at(-1)?.peer ?? 0;
    this.say({ type: "connected", peer });
    return { id: opened.value.id, peer };
  }

  get codecs() {
    return this.media.stream("lobby")?.codecs ?? {};
  }
}

function answerTo(peer: number, answer: "opened" | "refused"): FromWorker {
  return answer === "opened" ? { type: "opened", peer } : { type: "refused", peer, reason: "full" };
}

describe("a native publisher", () => {
  test("is answered, goes live, is told to watchers, and ends the stream by hanging up", async () => {
    const world = new World();
    const viewer = world.client("victor");
    viewer.ask("watch", { streams: ["lobby"] });
    expect(viewer.ask("view", { to: "stream:lobby" }).error).toMatchObject({
      ...{ code: "not_live", retryAfter: 2_000 },
    });
    const alice = world.client("alice");
    const { session, peer } = await world.begin(alice, "publish");
    const { description } = alice.last("signal");
    expect(description.type).toBe("answer");
    expect(description.sdp).toContain("a=ice-lite");
    expect(description.sdp).toContain("a=recvonly");
    expect(description.sdp).toContain("192.0.2.9 5000 typ host");
    expect(world.of("publish")).toMatchObject([{ stream: "lobby", transport: { remoteUfrag: "KPxv" } }]);
    world.sim.pass(500);
    expect(viewer.last("stream")).toMatchObject({ name: "lobby", live: true });
    const layer = { rid: "", bitrate: 999_999.6, framesPerSecond: 29.97, lost: 0, width: 640, height: 360 };
    world.say({ type: "stream", stream: "lobby", layers: [layer], audioBitrate: 32_000 });
    world.sim.pass(500);
    expect(viewer.last("stream").layers).toEqual([
      { rid: "", bitrate: 1_000_000, framesPerSecond: 30, width: 640, height: 360 },
    ]);
    const watching = await world.begin(viewer, "view");
    alice.ask("hangup", { session });
    expect(world.of("close").map((one) => one.peer)).toEqual([peer, watching.peer]);
    expect(viewer.last("ended")).toMatchObject({ session: watching.session, reason: "stream_over" });
    expect(world.media.stream("lobby")).toBeUndefined();
    world.sim.pass(500);
    expect(viewer.last("stream")).toMatchObject({ live: false, viewers: 0, layers: [] });
    expect(world.records).toMatchObject([
      { kind: "publish", reason: "hangup", connectedAt: expect.any(Number) },
      { kind: "view", reason: "stream_over", connectedAt: expect.any(Number) },
    ]);
    expect(world.core.stats()).toMatchObject({ sessionsPublishing: 0, sessionsViewing: 0 });
  });

  test("that vanishes is waited for, and its viewers stay", async () => {
    const world = new World();
    const [alice, victor] = [world.client("alice"), world.client("victor")];
    const first = await world.begin(alice, "publish");
    await world.begin(victor, "view");
    // Reloaded: another run of the device.
    const again = world.client("alice");
    world.sim.pass(0);
    expect(world.of("close").map((one) => one.peer)).toEqual([first.peer]);
    world.sim.pass(5_000);
    expect(victor.pushes("ended")).toEqual([]);
    await world.begin(again, "publish");
    world.sim.pass(30_000);
    expect(victor.pushes("ended")).toEqual([]);
    again.drop();
    world.sim.pass(0);
    world.say({ type: "closed", peer: world.of("publish").at(-1)?.peer ?? 0, reason: "consent lost" });
    world.sim.pass(10_000);
    expect(victor.last("ended")).toMatchObject({ reason: "stream_over" });
    again.resume();
    expect(again.last("ended")).toMatchObject({ reason: "failed", detail: "consent lost" });
  });

  test("that closes its connection is waited for, unless its link is closed as well", async () => {
    for (const closes of [true, false]) {
      const world = new World();
      const [alice, victor] = [world.client("alice"), world.client("victor")];
      const { peer } = await world.begin(alice, "publish");
      await world.begin(victor, "view");
      world.say({ type: "closed", peer, reason: "closed by the peer" });
      world.sim.pass(300);
      if (closes) alice.drop(1000);
      world.sim.pass(1_000);
      expect(victor.pushes("ended")).toHaveLength(closes ? 1 : 0);
      expect(world.records.map(({ reason }) => reason)).toEqual(
        closes ? ["closed", "stream_over"] : ["failed"],
      );
      world.sim.pass(10_000);
      expect(victor.last("ended")).toMatchObject({ reason: "stream_over" });
    }
  });

  test("is taken over, or keeps a newcomer out", async () => {
    const world = new World();
    const [alice, bob] = [world.client("alice"), world.client("bob")];
    await world.begin(alice, "publish");
    expect(bob.ask("publish", { to: "stream:lobby" }).error).toMatchObject({
      ...{ code: "stream_taken", retryAfter: 5_000 },
    });
    world.takesOver = true;
    await world.begin(bob, "publish");
    expect(alice.last("ended")).toMatchObject({ reason: "replaced" });
    expect(bob.pushes("ended")).toEqual([]);
    expect(world.media.stream("lobby")).toMatchObject({ live: true });
  });

  test("with another codec ends the viewers who can't take it, and no others", async () => {
    const world = new World();
    world.takesOver = true;
    const only = (sdp: string, name: string): string => {
      const sections = sdp.split(/(?=^m=)/m);
      return sections
        .map((section) => {
          if (!section.startsWith("m=video")) return section;
          const types = [...section.matchAll(/a=rtpmap:(\d+) (\w+)\//g)];
          const kept = types.filter(([, , codec]) => codec === name).map(([, type]) => type);
          return section
            .replace(/^(m=video \S+ \S+) .*?(\r?)$/m, `$1 ${kept.join(" ")}$2`)
            .replace(/^a=(?:rtpmap|fmtp|rtcp-fb):(\d+) .*\r?\n/gm, (line, type) =>
              kept.includes(type) ? line : "",
            );
        })
        .join("");
    };
    const publisher = async (user: string, codec: string) => {
      const client = world.client(user);
      const { session } = client.ask("publish", { to: "stream:lobby" }).ok;
      world.offer(client, session, only(publishSdp, codec));
      await world.settle();
      world.say({ type: "connected", peer: world.of("publish").at(-1)?.peer ?? 0 });
    };
    await publisher("alice", "VP8");
    const [victor, walter] = [world.client("victor"), world.client("walter")];
    await world.begin(victor, "view");
    const { session } = walter.ask("view", { to: "stream:lobby" }).ok;
    world.offer(walter, session, only(viewSdp, "VP8"));
    await world.settle();
    await publisher("bob", "H264");
    expect(victor.pushes("ended")).toEqual([]);
    expect(walter.last("ended")).toMatchObject({ session, reason: "failed", detail: "codec" });
    await publisher("alice", "VP8");
    await publisher("alice", "VP9");
    expect(victor.pushes("ended")).toEqual([]);
  });

  test("whose offer is of no use is told why", async () => {
    const world = new World();
    const alice = world.client("alice");
    const { session } = alice.ask("publish", { to: "stream:lobby" }).ok;
    world.offer(alice, session, publishSdp.replaceAll("a=rtcp-mux\r\n", "").replaceAll("a=rtcp-mux\n", ""));
    await world.settle();
    expect(alice.last("ended")).toMatchObject({ session, reason: "incompatible" });
    expect(alice.last("ended").detail).toContain("rtcp-mux");
    expect(world.posted).toEqual([]);
  });

  test("that sends no offer is given up", () => {
    const world = new World();
    const alice = world.client("alice");
    alice.ask("publish", { to: "stream:lobby" });
    world.sim.pass(29_000);
    expect(alice.pushes("ended")).toEqual([]);
    world.sim.pass(2_000);
    expect(alice.last("ended")).toMatchObject({ reason: "failed", detail: "no offer came" });
  });

  test("hears why no worker takes it, also where that shows late", async () => {
    const world = new World();
    const alice = world.client("alice");
    world.answers = "refused";
    await world.begin(alice, "publish", false);
    expect(alice.last("ended")).toMatchObject({ reason: "failed", detail: "full" });
    world.answers = "opened";
    const bob = world.client("bob");
    const { session } = bob.ask("publish", { to: "stream:lobby" }).ok;
    await world.begin(alice, "publish");
    world.offer(bob, session, publishSdp);
    await world.settle();
    expect(bob.last("ended")).toMatchObject({ session, reason: "busy", detail: "taken" });
  });

  test("that hangs up while its worker is asked leaves nothing behind", async () => {
    const world = new World();
    world.answers = undefined;
    const alice = world.client("alice");
    const { session, peer } = await world.begin(alice, "publish", false);
    alice.ask("hangup", { session });
    world.say({ type: "opened", peer });
    await world.settle();
    expect(world.of("close")).toEqual([{ type: "close", peer }]);
    expect([...world.media.peers]).toEqual([]);
    expect(world.media.stream("lobby")).toBeUndefined();
    expect(alice.pushes("signal")).toEqual([]);
  });
});

describe("later offers", () => {
  test("with other ICE credentials restart ICE, with the same ones change nothing", async () => {
    const world = new World();
    const alice = world.client("alice");
    const { session } = await world.begin(alice, "publish");
    const first = alice.last("signal").description.sdp;
    world.offer(alice, session, publishSdp);
    await world.settle();
    expect(alice.pushes("signal")).toHaveLength(2);
    expect(alice.last("signal").description.sdp).toBe(first);
    expect(world.of("restart")).toEqual([]);
    expect(alice.ask("restart", { session, pair: 1, generation: 1 }).ok).toMatchObject({ offer: true });
    world.offer(alice, session, restarted(publishSdp), 2);
    await world.settle();
    expect(world.of("restart")).toMatchObject([{ transport: { remoteUfrag: "newone" } }]);
    const { generation, description } = alice.last("signal");
    expect(generation).toBe(2);
    expect(description.type).toBe("answer");
    const ufrag = /a=ice-ufrag:(.*)/;
    expect(ufrag.exec(description.sdp)?.[1]).not.toBe(ufrag.exec(first)?.[1]);
    expect(world.of("publish")).toHaveLength(1);
  });

  test("of a viewer keep its SSRCs", async () => {
    const world = new World();
    await world.begin(world.client("alice"), "publish");
    const victor = world.client("victor");
    const { session } = await world.begin(victor, "view");
    const lines = (sdp: string) => sdp.split("\r\n").filter((line) => line.startsWith("a=ssrc"));
    const before = lines(victor.last("signal").description.sdp);
    expect(before.length).toBeGreaterThan(0);
    victor.ask("restart", { session, pair: 1, generation: 1 });
    world.offer(victor, session, restarted(viewSdp), 2);
    await world.settle();
    expect(victor.pushes("signal")).toHaveLength(2);
    expect(lines(victor.last("signal").description.sdp)).toEqual(before);
  });

  test("with other tracks or another fingerprint are refused, and the session goes on", async () => {
    const world = new World();
    const alice = world.client("alice");
    const { session, peer } = await world.begin(alice, "publish");
    const audioOnly = publishSdp.slice(0, publishSdp.indexOf("m=video")).replace("BUNDLE 0 1", "BUNDLE 0");
    const fingerprint = publishSdp.replaceAll("sha-256 23:", "sha-256 24:");
    for (const [sdp, reason] of [
      [audioOnly, "tracks"],
      [fingerprint, "fingerprint"],
    ] as const) {
      world.offer(alice, session, sdp);
      await world.settle();
      expect(alice.last("signal").refused.reason).toContain(reason);
    }
    expect(alice.pushes("ended")).toEqual([]);
    expect(world.of("close")).toEqual([]);
    // A client that can't be refused an offer has to begin anew.
    alice.ask("hangup", { session });
    const bob = world.client("bob", "web", {} as never);
    const second = await world.begin(bob, "publish");
    world.offer(bob, second.session, audioOnly);
    await world.settle();
    expect(bob.last("ended")).toMatchObject({ reason: "failed" });
    expect(world.of("close").map((one) => one.peer)).toEqual([peer, second.peer]);
  });

  test("that overtake each other are answered once, and candidates not at all", async () => {
    const world = new World();
    world.answers = undefined;
    const alice = world.client("alice");
    const { session, peer } = await world.begin(alice, "publish", false);
    alice.ask("signal", { session, pair: 1, generation: 1, candidates: [candidate], endOfCandidates: true });
    alice.ask("restart", { session, pair: 1, generation: 1 });
    world.offer(alice, session, publishSdp, 2);
    world.offer(alice, session, restarted(publishSdp), 2);
    world.say({ type: "opened", peer });
    await world.settle();
    expect(alice.pushes("signal")).toMatchObject([{ generation: 2, description: { type: "answer" } }]);
    expect(world.of("restart")).toHaveLength(1);
    expect(alice.pushes("ended")).toEqual([]);
  });
});

describe("a client of WHIP or WHEP", () => {
  test("has a session in the core, and leaves it by DELETE", async () => {
    const world = new World();
    const publisher = await world.http("publish", "bob", "obs");
    const viewer = await world.http("view", "carol");
    expect(world.core.stats()).toMatchObject({
      devices: 0,
      users: 0,
      sessionsPublishing: 1,
      sessionsViewing: 1,
    });
    const opened = world.sim.events.filter(({ type }) => type === "link_opened");
    expect(opened).toMatchObject([{ user: "bob", device: "obs" }, { user: "carol" }]);
    // The URL of its session is a secret, so that no event may have its id.
    expect(JSON.stringify(world.sim.events)).not.toContain(viewer.id);
    world.media.close(viewer.id);
    world.media.close(publisher.id);
    expect(world.records).toMatchObject([
      { kind: "view", reason: "hangup", by: { user: "carol" }, connectedAt: expect.any(Number) },
      { kind: "publish", reason: "hangup", by: { user: "bob", device: "obs" } },
    ]);
    const closed = world.sim.events.filter(({ type }) => type === "link_closed");
    expect(closed).toMatchObject([
      { user: "carol", reason: "client" },
      { user: "bob", reason: "client" },
    ]);
    expect(world.core.stats()).toMatchObject({ sessionsPublishing: 0, sessionsViewing: 0 });
  });

  test("ends at once when its user is kicked; a publisher's stream ends with it", async () => {
    const world = new World();
    const publisher = await world.http("publish", "bob", "obs");
    const own = await world.http("view", "bob", "tv");
    const other = await world.http("view", "carol");
    const heard: string[] = [];
    world.media.listen(other.id, (event) => event.type === "ended" && heard.push(event.reason));
    world.sim.core.kick("bob", undefined, world.sim.now);
    expect(world.of("close").map(({ peer }) => peer)).toEqual([publisher.peer, own.peer, other.peer]);
    expect(heard).toEqual(["ended"]);
    expect(world.records.map(({ kind, reason }) => [kind, reason])).toEqual([
      ["publish", "forbidden"],
      ["view", "forbidden"],
      ["view", "stream_over"],
    ]);
    expect([...world.media.peers]).toEqual([]);
  });

  test("that is kicked while its worker is asked is refused", async () => {
    const world = new World();
    world.answers = undefined;
    const opening = world.http("publish", "bob");
    await world.settle();
    world.media.revoke("bob", undefined);
    expect(await opening.catch((error) => error.message)).toBe("full");
    expect(world.core.stats()).toMatchObject({ sessionsPublishing: 0 });
    expect(world.media.stream("lobby")).toBeUndefined();
  });

  test("a native publisher is kicked the same way, also where the media server hears of it first", async () => {
    const world = new World();
    const alice = world.client("alice");
    const { peer } = await world.begin(alice, "publish");
    world.media.revoke("alice", undefined);
    expect(alice.last("ended")).toMatchObject({ reason: "forbidden" });
    world.sim.core.kick("alice", undefined, world.sim.now);
    expect(world.of("close").map((one) => one.peer)).toEqual([peer]);
    expect(world.records).toHaveLength(1);
  });
});

describe("a credential that expires", () => {
  test("ends its session, and the stream where it was the publisher's", async () => {
    const world = new World();
    await world.http("publish", "bob");
    const [alice, carol] = [await world.http("view", "alice"), await world.http("view", "carol")];
    world.sim.pass(30_000);
    world.media.renew(alice.id, { user: "mallory", grants: {}, expires: world.sim.now + 900_000 });
    world.media.renew(carol.id, { user: "carol", grants: {}, expires: world.sim.now + 900_000 });
    const [publisher] = [...world.media.peers];
    world.media.renew(publisher?.id ?? "", { user: "bob", grants: {}, expires: world.sim.now + 100_000 });
    expect([...world.media.peers]).toHaveLength(3);
    world.sim.pass(31_000);
    expect([...world.media.peers].map(({ identity }) => identity.user)).toEqual(["bob", "carol"]);
    expect(world.records).toMatchObject([{ kind: "view", reason: "forbidden" }]);
    world.sim.pass(71_000);
    expect([...world.media.peers]).toEqual([]);
    expect(world.media.stream("lobby")).toBeUndefined();
    expect(world.records.slice(1)).toMatchObject([
      { kind: "publish", reason: "forbidden" },
      { kind: "view", reason: "stream_over" },
    ]);
  });
});

test("a worker that dies ends the sessions of its peers, which may come back", async () => {
  const world = new World();
  const [alice, victor] = [world.client("alice"), world.client("victor")];
  await world.begin(alice, "publish");
  await world.begin(victor, "view");
  await world.http("view", "carol");
  world.media.workerDied(0);
  for (const client of [alice, victor])
    expect(client.last("ended")).toMatchObject({ reason: "failed", detail: "worker" });
  expect(world.records).toHaveLength(3);
  expect(world.core.stats()).toMatchObject({ sessionsPublishing: 0, sessionsViewing: 0 });
  await world.begin(alice, "publish");
  expect(world.media.stream("lobby")).toMatchObject({ live: true });
});

test("a drain ends every session and its peer", async () => {
  const world = new World();
  const [alice, victor] = [world.client("alice"), world.client("victor")];
  await world.begin(alice, "publish");
  await world.begin(victor, "view");
  await world.http("view", "carol");
  world.core.drain(world.sim.now, 4_000);
  world.sim.pass(4_000);
  expect([...world.media.peers]).toEqual([]);
  expect(world.records.map(({ reason }) => reason)).toEqual(["shutdown", "shutdown", "shutdown"]);
});
