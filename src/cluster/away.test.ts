import { describe, expect, test } from "bun:test";
import { inCall, pickUp, resumeAt, ringing, signIn, three } from "../../test/support/cluster-steps.ts";
import { SimCluster } from "../../test/support/sim-cluster.ts";
import type { SimClient } from "../../test/support/sim-core.ts";

/** A node loses its connection to the others while `meanwhile` runs. What was on its way is said again, or lost. */
function away(cluster: SimCluster, node: string, meanwhile: () => void): void {
  cluster.hub.down(node);
  cluster.flow();
  meanwhile();
  cluster.flow();
  cluster.hub.up(node);
  cluster.pass(1_000);
}

/** The client's page is reloaded, and finds its calls at that node by their newest ticket. */
function reload(cluster: SimCluster, client: SimClient, node: string): SimClient {
  client.drop();
  cluster.pass(1);
  const sessions = client.tickets.slice(-1);
  const next = cluster.node(node).client(client.user, client.device).connect({ sessions });
  cluster.pass(500);
  expect(next.welcome).toBeDefined();
  return next;
}

const offer = (sdp: string) => ({ pair: 1, generation: 1, description: { type: "offer", sdp } });
const sdps = (client: SimClient) => client.pushes("signal").map(({ description }) => description.sdp);
const about = (client: SimClient, session: string) =>
  client.heard.filter((frame) => frame.session === session);

describe("a call that is found again while its node is away for a moment", () => {
  test("is described whole before its client hears anything else of it", () => {
    const { cluster, caller: alice, session } = inCall("n1 alice", "n3 bob");
    away(cluster, "n1", () => {
      const again = reload(cluster, alice, "n3");
      expect(about(again, session)[0]).toMatchObject({ type: "session", state: "active" });
    });
  });

  test("belongs to the next node for every node, also for one that missed the claim", () => {
    const { cluster, caller: alice, callee: bob, session } = inCall("n2 alice", "n1 bob");
    let again = bob;
    away(cluster, "n3", () => {
      again = reload(cluster, bob, "n3");
    });
    alice.ask("signal", { session, ...offer("v=3") });
    cluster.flow();
    expect(sdps(again)).toEqual(["v=3"]);
    again.ask("hangup", { session });
    cluster.flow();
    expect(alice.last("ended")).toMatchObject({ session, reason: "hangup" });
  });

  test("is not heard of from its former node once it is over", () => {
    const { cluster, caller: bob, callee: alice, session } = inCall("n2 bob/phone", "n1 alice/web");
    away(cluster, "n1", () => {
      const again = reload(cluster, bob, "n1");
      again.drop(1000);
      expect(alice.last("ended")).toMatchObject({ session });
    });
    cluster.pass(400_000);
    expect(about(alice, session).at(-1)).toMatchObject({ type: "ended" });
    expect(alice.pushes("ended")).toHaveLength(1);
  });

  test("and comes back by a handover: the former node forgets its copy, and the device that only that one knew goes on", () => {
    const { cluster, caller: alice, callee: bob, session } = inCall("n1 alice", "n2 bob");
    let again = bob;
    away(cluster, "n1", () => {
      again = reload(cluster, bob, "n3");
      cluster.node("n3").core.drain(cluster.now, 10_000);
    });
    const { core } = cluster.node("n1");
    expect(core.stats()).toMatchObject({ sessionsActive: 1, sessionsRinging: 0 });
    alice.ask("signal", { session, ...offer("v=3") });
    cluster.flow();
    expect(sdps(again)).toEqual(["v=3"]);
    again.ask("hangup", { session });
    cluster.flow();
    expect(alice.pushes("ended")).toMatchObject([{ session, reason: "hangup" }]);
    expect(core.stats()).toMatchObject({ sessionsActive: 0, sessionsRinging: 0 });
  });

  test("and is handed over to where it was found belongs to the run of its caller that found it", () => {
    const { cluster, caller: alice, callee: bob, session } = ringing("n2 alice", "n1 bob");
    let again = alice;
    away(cluster, "n2", () => {
      cluster.node("n2").core.drain(cluster.now, 10_000);
      again = reload(cluster, alice, "n1");
    });
    pickUp({ cluster, caller: again, callee: bob, session });
  });

  test("and was found twice stays with its last owner, whatever its first one hands over", () => {
    const { cluster, caller: alice, callee: bob, session } = inCall("n2 alice", "n1 bob");
    let again = bob;
    away(cluster, "n2", () => {
      again = reload(cluster, bob, "n3");
      cluster.hub.down("n3");
      again = reload(cluster, again, "n1");
      again.ask("restart", { session, pair: 1, generation: 1 });
      cluster.node("n2").core.drain(cluster.now, 10_000);
    });
    cluster.hub.up("n3");
    cluster.pass(1_000);
    expect(alice.last("session")).toMatchObject({ session, pair: 1, generation: 2 });
    alice.ask("signal", { session, ...offer("v=1"), generation: 2 });
    cluster.flow();
    expect(sdps(again)).toEqual(["v=1"]);
    again.ask("hangup", { session });
    cluster.flow();
    expect(alice.pushes("ended")).toMatchObject([{ session, reason: "hangup" }]);
    for (const { core } of cluster.nodes.values())
      expect(core.stats()).toMatchObject({ sessionsActive: 0, sessionsRinging: 0 });
  });

  test("knows of no move: the device that the call was to move to hears that the call is lost there", () => {
    const { cluster, caller: alice, callee: phone, session } = inCall("n2 alice", "n1 bob");
    const desk = signIn(cluster, "n3", "bob/desk");
    phone.ask("move", { session, to: "desk" });
    cluster.flow();
    desk.ask("accept", { session });
    cluster.flow();
    expect(desk.replyTo(desk.lastId).ok).toBeDefined();
    away(cluster, "n3", () => void reload(cluster, phone, "n3"));
    expect(desk.last("ended")).toMatchObject({ session, reason: "lost" });
    expect(alice.last("session")).toMatchObject({ session, state: "active", pair: 1 });
  });

  test("does not know what its former owner was asked: the former owner says so", () => {
    const { cluster, caller: alice, callee: bob, session } = inCall("n3 alice", "n3 bob");
    signIn(cluster, "n1", "alice/desk");
    away(cluster, "n1", () => {
      alice.ask("move", { session, to: "desk" });
      reload(cluster, bob, "n1");
    });
    expect(alice.heard.find(({ re }) => re === alice.lastId).error).toMatchObject({ code: "temporary" });
  });

  test("keeps its key there", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n3", "alice/web");
    signIn(cluster, "n1", "bob/phone");
    alice.ask("call", { to: "bob", key: "k" });
    cluster.flow();
    const { session } = alice.replyTo(alice.lastId).ok;
    away(cluster, "n1", () => {
      const again = reload(cluster, alice, "n1");
      cluster.hub.up("n1");
      cluster.flow();
      again.ask("call", { to: "bob", key: "k" });
      cluster.flow();
      expect(again.replyTo(again.lastId).ok).toMatchObject({ session });
      expect(again.pushes("ended")).toEqual([]);
    });
  });

  test("does not ring its own caller", () => {
    const { cluster, caller: desk, callee: phone, session } = ringing("n2 bob/desk", "n1 bob");
    expect(phone.last("incoming")).toMatchObject({ session });
    away(cluster, "n3", () => void reload(cluster, phone, "n3"));
    expect(desk.pushes("incoming")).toEqual([]);
  });
});

describe("a node that is away for a moment", () => {
  test("costs a call nothing: a new pair goes on opening", () => {
    const { cluster, caller: carol, callee: alice, session } = inCall("n3 carol", "n1 alice/web");
    alice.ask("move", { session, to: "web" });
    cluster.flow();
    expect(alice.last("pair")).toMatchObject({ session, pair: 2 });
    away(cluster, "n1", () => {});
    expect([...alice.pushes("session"), ...carol.pushes("session")]).toEqual([]);
  });

  test("ends no part of a device for a newer run that only that node saw, and that is gone again", () => {
    const { cluster, caller: alice, callee: bob, session } = inCall("n2 alice", "n3 bob");
    away(cluster, "n2", () => {
      cluster.node("n2").client("bob", "phone").connect().drop(1000);
      expect(alice.last("peer")).toMatchObject({ session, link: "detached" });
    });
    expect(alice.last("peer")).toMatchObject({ session, link: "live" });
    alice.ask("signal", { session, ...offer("v=1") });
    cluster.flow();
    expect(sdps(bob)).toEqual(["v=1"]);
  });

  test("and drains meanwhile hands its calls over: no device hears that they are lost", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const phones = [signIn(cluster, "n2", "alice/phone"), signIn(cluster, "n3", "alice/desk")];
    let session = "";
    away(cluster, "n1", () => {
      session = alice.ask("call", { to: "alice" }).ok.session;
      cluster.node("n1").core.drain(cluster.now, 10_000);
    });
    for (const phone of phones) {
      expect(phone.last("incoming")).toMatchObject({ session });
      expect(phone.pushes("ended")).toEqual([]);
    }
  });

  test("and whose device comes back just when its call is handed over: the other end hears that it is back", () => {
    const { cluster, caller: alice, callee: bob, session } = inCall("n2 alice", "n1 bob");
    away(cluster, "n1", () => {
      bob.drop();
      cluster.node("n2").core.drain(cluster.now, 10_000);
      cluster.flow();
      cluster.hub.up("n1");
      cluster.flow();
      resumeAt(cluster, bob, "n1");
    });
    expect(alice.pushes("peer").map(({ link }) => link)).toEqual(["suspended", "live"]);
    bob.ask("hangup", { session });
    cluster.pass(100);
    expect(alice.last("ended")).toMatchObject({ session, reason: "hangup" });
  });

  test("and to which a device goes just when its call is handed over there: the other end hears that it is back", () => {
    const cluster = new SimCluster(three);
    const bob = signIn(cluster, "n1", "bob/phone");
    const desk = signIn(cluster, "n2", "bob/desk");
    const alice = signIn(cluster, "n1", "alice/web");
    signIn(cluster, "n2", "alice/desk");
    away(cluster, "n2", () => {
      const { session } = bob.ask("call", { to: "alice" }).ok;
      alice.ask("accept", { session });
      cluster.node("n1").core.drain(cluster.now, 10_000);
      desk.ask("call", { to: "bob/phone" });
      bob.ask("confirm", { session, device: "web" });
      bob.drop();
      cluster.flow();
      cluster.hub.up("n2");
      resumeAt(cluster, bob, "n2");
    });
    expect(bob.welcome).toMatchObject({ resumed: true, home: "n2" });
    expect(alice.pushes("peer").map(({ link }) => link)).toEqual(["suspended", "live"]);
  });

  test("and whose device waits for a reply when another run of it ends the call: the device gets one", () => {
    const { cluster, callee: bob, session } = ringing("n1 alice", "n3 bob");
    bob.ask("accept", { session });
    cluster.flow();
    away(cluster, "n1", () => cluster.node("n1").client("bob", "phone").connect().drop(1000));
    cluster.pass(3_000);
    expect(bob.last("ended")).toMatchObject({ session });
    expect(bob.replyTo(bob.lastId).error).toMatchObject({ code: "outcome_unknown" });
  });

  test("takes a call once, though its answer is repeated to the next owner", () => {
    const { cluster, caller: alice, callee: desk, session } = ringing("n2 alice", "n1 bob/desk");
    let phone = desk;
    away(cluster, "n1", () => {
      cluster.node("n2").core.drain(cluster.now, 10_000);
      phone = signIn(cluster, "n3", "bob/phone");
      phone.ask("accept", { session });
    });
    alice.ask("confirm", { session, device: "phone" });
    cluster.pass(1_000);
    expect(phone.heard.filter(({ re }) => re === phone.lastId)).toMatchObject([{ ok: { session } }]);
  });
});

describe("a link that goes on at another node while one is away for a moment", () => {
  test("hears what waited for it before what is said at the new node", () => {
    const { cluster, caller: alice, callee: bob, session } = inCall("n3 alice", "n2 bob");
    cluster.hub.down("n2");
    alice.ask("signal", { session, ...offer("v=1") });
    cluster.flow();
    cluster.hub.up("n2");
    resumeAt(cluster, bob, "n3");
    expect(bob.welcome).toMatchObject({ resumed: true, home: "n3" });
    alice.ask("signal", { session, ...offer("v=2") });
    cluster.pass(1_000);
    expect(sdps(bob)).toEqual(["v=1", "v=2"]);
  });

  test("gives way to a newer run that its former node has seen", () => {
    const cluster = new SimCluster(three);
    signIn(cluster, "n2", "alice/web").ask("watch", { users: ["bob"] });
    const old = signIn(cluster, "n1", "bob/phone");
    cluster.pass(1);
    let newer = old;
    cluster.hub.down("n1");
    newer = cluster.node("n1").client("bob", "phone").connect();
    cluster.hub.up("n1");
    resumeAt(cluster, old, "n2");
    cluster.pass(1_000);
    expect(old.closed).toMatchObject({ code: 4301 });
    expect(newer.closed).toBeUndefined();
  });

  test("gives way to a newer run at a third node", () => {
    const cluster = new SimCluster(three);
    signIn(cluster, "n3", "alice/web").ask("watch", { users: ["bob"] });
    const old = signIn(cluster, "n1", "bob/phone");
    cluster.pass(1);
    cluster.hub.down("n1");
    const newer = signIn(cluster, "n2", "bob/phone");
    cluster.hub.up("n1");
    resumeAt(cluster, old, "n3");
    cluster.pass(1_000);
    expect(old.closed).toMatchObject({ code: 4301 });
    expect(newer.closed).toBeUndefined();
    expect(cluster.node("n3").core.stats().devices).toBe(1);
  });

  test("is not displaced by a run that may be older while its former node does not answer: that run tries again", () => {
    const cluster = new SimCluster(three);
    signIn(cluster, "n2", "alice/web").ask("watch", { users: ["bob"] });
    signIn(cluster, "n1", "bob/phone");
    cluster.hub.down("n1");
    cluster.pass(1);
    const newer = cluster.node("n1").client("bob", "phone").connect();
    newer.drop();
    resumeAt(cluster, newer, "n2");
    cluster.pass(1_000);
    expect(newer.closed).toMatchObject({ code: 4105 });
    cluster.hub.up("n1");
    cluster.pass(1_000);
    resumeAt(cluster, newer, "n2");
    cluster.pass(1_000);
    expect(newer.welcome).toMatchObject({ resumed: true, home: "n2" });
  });
});

test("a hello that waited for other nodes opens no link when its client has gone", () => {
  const cluster = new SimCluster(three);
  signIn(cluster, "n1", "bob/desk");
  cluster.hub.sleep("n1");
  const gone = cluster.node("n2").client("bob", "phone").connect();
  expect(gone.welcome).toBeUndefined();
  gone.drop();
  cluster.pass(1_000);
  expect(cluster.node("n2").core.stats()).toMatchObject({ linksLive: 0, linksSuspended: 0 });
});

test("a link begins anew when more comes for it on its way than its log can hold", () => {
  const cluster = new SimCluster(three, { logFrames: 8 });
  const { caller: alice, callee: bob, session } = inCall("n3 alice", "n2 bob", cluster);
  bob.drop();
  cluster.hub.sleep("n2");
  resumeAt(cluster, bob, "n3");
  for (let n = 1; n <= 12; n++)
    alice.ask("signal", { session, pair: 1, generation: 1, media: { "0": { muted: n % 2 === 0 } } });
  cluster.hub.wake("n2");
  cluster.pass(2_000);
  expect(bob.welcome).toMatchObject({ resumed: false, reason: "gap" });
});
