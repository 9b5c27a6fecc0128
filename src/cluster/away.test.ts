import { describe, expect, test } from "bun:test";
import { connected, resumeAt, signIn } from "../../test/support/cluster-steps.ts";
import { SimCluster } from "../../test/support/sim-cluster.ts";
import type { SimClient } from "../../test/support/sim-core.ts";

const three = ["n1", "n2", "n3"];

/** A node loses its connection to the others, and has it again once that is done: what was on its way is said again, or lost. */
function away(cluster: SimCluster, node: string, meanwhile: () => void): void {
  cluster.hub.down(node);
  cluster.flow();
  meanwhile();
  cluster.flow();
  cluster.hub.up(node);
  cluster.pass(1_000);
}

/** The page is reloaded, and finds its calls at that node by their newest ticket. */
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
  test("is told of whole before anything else is said of it", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const bob = signIn(cluster, "n3", "bob/phone");
    const session = connected(cluster, alice, bob);
    away(cluster, "n1", () => {
      const again = reload(cluster, alice, "n3");
      expect(about(again, session)[0]).toMatchObject({ type: "session", state: "active" });
    });
  });

  test("is the next node's for all, also for those who did not hear it say so", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n2", "alice/web");
    const bob = signIn(cluster, "n1", "bob/phone");
    const session = connected(cluster, alice, bob);
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

  test("is not spoken of by its former node once it is over", () => {
    const cluster = new SimCluster(three);
    const bob = signIn(cluster, "n2", "bob/phone");
    const alice = signIn(cluster, "n1", "alice/web");
    const session = connected(cluster, bob, alice);
    away(cluster, "n1", () => {
      const again = reload(cluster, bob, "n1");
      again.drop(1000);
      expect(alice.last("ended")).toMatchObject({ session });
    });
    cluster.pass(400_000);
    expect(about(alice, session).at(-1)).toMatchObject({ type: "ended" });
    expect(alice.pushes("ended")).toHaveLength(1);
  });

  test("knows of no move: who was asked for it is answered, and who was to take the call hears that it is over there", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n2", "alice/web");
    const phone = signIn(cluster, "n1", "bob/phone");
    const session = connected(cluster, alice, phone);
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

  test("does not know what its former owner was asked: that says so", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n3", "alice/web");
    const bob = signIn(cluster, "n3", "bob/phone");
    signIn(cluster, "n1", "alice/desk");
    const session = connected(cluster, alice, bob);
    away(cluster, "n1", () => {
      alice.ask("move", { session, to: "desk" });
      reload(cluster, bob, "n1");
    });
    expect(alice.heard.find(({ re }) => re === alice.lastId).error).toMatchObject({ code: "temporary" });
  });

  test("is the call of its key there", () => {
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
    const cluster = new SimCluster(three);
    const phone = signIn(cluster, "n1", "bob/phone");
    const desk = signIn(cluster, "n2", "bob/desk");
    const { session } = desk.ask("call", { to: "bob" }).ok;
    cluster.flow();
    expect(phone.last("incoming")).toMatchObject({ session });
    away(cluster, "n3", () => void reload(cluster, phone, "n3"));
    expect(desk.pushes("incoming")).toEqual([]);
  });
});

describe("a node that is away for a moment", () => {
  test("costs a call nothing: a pair that opens goes on opening", () => {
    const cluster = new SimCluster(three);
    const carol = signIn(cluster, "n3", "carol/web");
    const alice = signIn(cluster, "n1", "alice/web");
    const session = connected(cluster, carol, alice);
    alice.ask("move", { session, to: "web" });
    cluster.flow();
    expect(alice.last("pair")).toMatchObject({ session, pair: 2 });
    away(cluster, "n1", () => {});
    expect([...alice.pushes("session"), ...carol.pushes("session")]).toEqual([]);
  });

  test("takes no part from a device whose newer run it alone has seen, and which is gone again", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n2", "alice/web");
    const bob = signIn(cluster, "n3", "bob/phone");
    const session = connected(cluster, alice, bob);
    away(cluster, "n2", () => {
      cluster.node("n2").client("bob", "phone").connect().drop(1000);
      expect(alice.last("peer")).toMatchObject({ session, link: "detached" });
    });
    expect(alice.last("peer")).toMatchObject({ session, link: "live" });
    alice.ask("signal", { session, ...offer("v=1") });
    cluster.flow();
    expect(sdps(bob)).toEqual(["v=1"]);
  });

  test("and hands its calls over then: nobody hears that they are lost", () => {
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

  test("and whose device comes back just when its call is handed over: the other end hears of that", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n2", "alice/web");
    const bob = signIn(cluster, "n1", "bob/phone");
    const session = connected(cluster, alice, bob);
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

  test("whose device has asked for something of a call that ends by another run of it: it is answered", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const bob = signIn(cluster, "n3", "bob/phone");
    const { session } = alice.ask("call", { to: "bob" }).ok;
    cluster.flow();
    bob.ask("accept", { session });
    cluster.flow();
    away(cluster, "n1", () => cluster.node("n1").client("bob", "phone").connect().drop(1000));
    cluster.pass(3_000);
    expect(bob.last("ended")).toMatchObject({ session });
    expect(bob.replyTo(bob.lastId).error).toMatchObject({ code: "outcome_unknown" });
  });

  test("has its answer to a call taken once, though the next owner is asked again", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n2", "alice/web");
    const desk = signIn(cluster, "n1", "bob/desk");
    const { session } = alice.ask("call", { to: "bob" }).ok;
    cluster.flow();
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
  test("hears what waited for it before what is said there", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n3", "alice/web");
    const bob = signIn(cluster, "n2", "bob/phone");
    const session = connected(cluster, alice, bob);
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

  test("is no newer than a run that its home has seen", () => {
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

  test("of a home that does not answer is not displaced by a run that may be older: it tries again", () => {
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

test("a hello that has waited for other nodes opens no link for a client that has gone", () => {
  const cluster = new SimCluster(three);
  signIn(cluster, "n1", "bob/desk");
  cluster.hub.sleep("n1");
  const gone = cluster.node("n2").client("bob", "phone").connect();
  expect(gone.welcome).toBeUndefined();
  gone.drop();
  cluster.pass(1_000);
  expect(cluster.node("n2").core.stats()).toMatchObject({ linksLive: 0, linksSuspended: 0 });
});

test("a link that more came for on its way than its log can hold begins anew", () => {
  const cluster = new SimCluster(three, { logFrames: 8 });
  const alice = signIn(cluster, "n3", "alice/web");
  const bob = signIn(cluster, "n2", "bob/phone");
  alice.ask("send", { to: "bob", body: 0 });
  cluster.flow();
  bob.drop();
  cluster.hub.sleep("n2");
  resumeAt(cluster, bob, "n3");
  for (let n = 1; n <= 12; n++) alice.ask("send", { to: "bob", body: n });
  cluster.hub.wake("n2");
  cluster.pass(2_000);
  expect(bob.welcome).toMatchObject({ resumed: false, reason: "gap" });
});
