import { describe, expect, test } from "bun:test";
import { resumeAt, signIn } from "../../../test/support/cluster-steps.ts";
import { SimCluster } from "../../../test/support/sim-cluster.ts";
import type { SimClient } from "../../../test/support/sim-core.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import type { StreamHost, StreamState } from "../../signaling/stream/stream-host.ts";
import type { StreamSession } from "../../signaling/stream/stream-session.ts";
import type { StreamServer } from "../../signaling/stream/streams.ts";

const offer = { type: "offer", sdp: "v=0\r\no=offer" } as const;

/** A media server that takes everybody, and keeps what its ends hear. */
class TestHost implements StreamHost {
  begun: StreamSession[] = [];
  heard: PushBody[] = [];
  state: StreamState | undefined;

  refusal(): undefined {}

  isPublic(): boolean {
    return false;
  }

  stream(): StreamState | undefined {
    return this.state;
  }

  begin(session: StreamSession) {
    this.begun.push(session);
    return this.end;
  }

  readonly end = { deliver: (push: PushBody) => void this.heard.push(push) };

  types(): string[] {
    return this.heard.map(({ type }) => type);
  }
}

interface Publishing {
  readonly cluster: SimCluster;
  readonly host: TestHost;
  readonly server: StreamServer;
  readonly alice: SimClient;
  readonly session: string;
}

/** Alice publishes at n1, which has a media server. */
function publishing(): Publishing {
  const cluster = new SimCluster(["n1", "n2"], { resumeWindow: 10_000 });
  const host = new TestHost();
  const server = cluster.node("n1").core.streamServer(host);
  const alice = signIn(cluster, "n1", "alice/web");
  cluster.flow();
  const { session } = alice.ask("publish", { to: "stream:lobby" }).ok;
  cluster.flow();
  return { cluster, host, server, alice, session };
}

function sessions(cluster: SimCluster): number[] {
  return [...cluster.nodes.values()].map(({ core }) => core.stats().sessionsActive);
}

describe("a stream's session", () => {
  test("stays where the media server is when its client goes to another node", () => {
    const { cluster, host, alice, session } = publishing();
    alice.drop();
    resumeAt(cluster, alice, "n2");
    expect(alice.welcome).toMatchObject({ resumed: true, home: "n2" });
    expect(alice.welcome.features).not.toContain("streams");
    alice.ask("signal", { session, pair: 1, generation: 1, description: offer });
    cluster.flow();
    expect(host.heard.at(-1)).toMatchObject({ type: "signal", description: offer });
    host.begun[0]?.answer(1, "v=0 answer", cluster.now);
    cluster.flow();
    expect(alice.last("signal")).toMatchObject({ description: { type: "answer", sdp: "v=0 answer" } });
    alice.ask("hangup", { session });
    cluster.flow();
    expect(host.heard.at(-1)).toMatchObject({ type: "ended", reason: "hangup" });
    expect(sessions(cluster)).toEqual([0, 0]);
  });

  test("is found from another node by its ticket", () => {
    const { cluster, host, alice, session } = publishing();
    alice.drop();
    cluster.pass(15_000);
    expect(host.heard.at(-1)).toMatchObject({ type: "peer", link: "detached" });
    alice.sim = cluster.node("n2");
    alice.connect({ sessions: alice.tickets });
    cluster.pass(2_000);
    expect(alice.last("session")).toMatchObject({ session, recovered: true, stream: "stream:lobby" });
    expect(host.heard.at(-1)).toMatchObject({ type: "peer", link: "live" });
  });

  test("is never handed over: it ends when its node drains, and the client hears so wherever it is", () => {
    const { cluster, host, server, alice, session } = publishing();
    const bob = { user: "bob", device: "tv", name: undefined, grants: {}, guest: false };
    server.attach({ ...bob, role: "view", stream: "lobby" }, host.end, cluster.now);
    const { core } = cluster.node("n1");
    core.drain(cluster.now, 10_000);
    cluster.flow();
    alice.drop();
    resumeAt(cluster, alice, "n2");
    expect(alice.welcome).toMatchObject({ resumed: true, home: "n2" });
    expect(core.empty).toBe(false);
    for (let second = 0; second < 12; second++) cluster.pass(1_000);
    expect(alice.last("ended")).toMatchObject({ session, reason: "shutdown" });
    expect(host.types().filter((type) => type === "ended")).toHaveLength(2);
    expect(sessions(cluster)).toEqual([0, 0]);
    expect(core.empty).toBe(true);
    expect(alice.ask("publish", { to: "stream:lobby" }).error.code).toBe("no_media_server");
  });

  test("of a user who is kicked at another node ends", () => {
    const { cluster, host, server } = publishing();
    const bob = { user: "bob", device: "tv", name: undefined, grants: {}, guest: false };
    const viewing = server.attach({ ...bob, role: "view", stream: "lobby" }, host.end, cluster.now);
    cluster.node("n2").core.kick("bob", undefined, cluster.now);
    cluster.flow();
    expect(viewing.over).toBe(true);
    // No other node has heard of the device.
    expect(cluster.node("n2").core.stats()).toMatchObject({ devices: 0, users: 0 });
  });
});

test("watches of streams go to the next node, where that has a media server", () => {
  const { cluster, alice } = publishing();
  const host = new TestHost();
  cluster.node("n2").core.streamServer(host);
  alice.ask("watch", { streams: ["lobby"] });
  cluster.pass(500);
  expect(alice.last("stream")).toMatchObject({ live: false });
  host.state = { live: true, viewers: 3, layers: [] };
  alice.drop();
  resumeAt(cluster, alice, "n2");
  cluster.pass(500);
  expect(alice.last("stream")).toMatchObject({ name: "lobby", live: true, viewers: 3 });
});
