import { describe, expect, test } from "bun:test";
import { connected, resumeAt, signIn } from "../../../test/support/cluster-steps.ts";
import { SimCluster } from "../../../test/support/sim-cluster.ts";

const three = ["n1", "n2", "n3"];

describe("calls across nodes", () => {
  test("one rings, answers, signals and hangs up", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const bob = signIn(cluster, "n2", "bob/phone");
    const session = connected(cluster, alice, bob);
    alice.ask("signal", { session, pair: 1, generation: 1, description: { type: "offer", sdp: "v=0" } });
    bob.ask("signal", { session, pair: 1, generation: 1, description: { type: "answer", sdp: "v=1" } });
    cluster.flow();
    expect(bob.last("signal").description.sdp).toBe("v=0");
    expect(alice.last("signal").description.sdp).toBe("v=1");
    bob.ask("hangup", { session });
    cluster.flow();
    expect(bob.replyTo(bob.lastId).ok).toEqual({});
    expect(alice.last("ended")).toMatchObject({
      session,
      reason: "hangup",
      by: { user: "bob", device: "phone" },
    });
    expect(cluster.node("n1").core.stats().sessionsActive).toBe(0);
  });

  test("devices on three nodes ring, and exactly one wins", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const phones = three.map((node, i) => signIn(cluster, node, `bob/${i}`));
    const { session } = alice.ask("call", { to: "bob" }).ok;
    cluster.flow();
    for (const phone of phones) expect(phone.last("incoming").session).toBe(session);
    for (const phone of phones) phone.ask("accept", { session });
    cluster.flow();
    const accepted = alice.pushes("accepted");
    expect(accepted).toHaveLength(1);
    const [{ device }] = accepted;
    alice.ask("confirm", { session, device });
    cluster.flow();
    for (const phone of phones) {
      const reply = phone.replyTo(phone.lastId);
      if (phone.device === device) expect(reply.ok.session).toBe(session);
      else expect(reply.error.code).toBe("answered_elsewhere");
      if (phone.device !== device)
        expect(phone.last("ended")).toMatchObject({ session, reason: "answered_elsewhere", device });
    }
  });

  test("a device that signs in at another node while its user is ringing is rung", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const { session } = alice.ask("call", { to: "bob" }).ok;
    cluster.pass(2_000);
    const bob = signIn(cluster, "n3", "bob/phone");
    expect(bob.last("incoming")).toMatchObject({ session, age: 2_000 });
  });

  test("calls that cross between nodes: the lower id survives", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const bob = signIn(cluster, "n2", "bob/phone");
    const one = alice.ask("call", { to: "bob" }).ok.session;
    const other = bob.ask("call", { to: "alice" }).ok.session;
    cluster.flow();
    const survivor = one < other ? one : other;
    for (const client of [alice, bob])
      expect(client.last("crossed")).toMatchObject({ survivor, session: one < other ? other : one });
  });

  test("a call moves to a device at another node", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const bob = signIn(cluster, "n2", "bob/phone");
    const desk = signIn(cluster, "n3", "bob/desk");
    const { session } = alice.ask("call", { to: "bob/phone" }).ok;
    cluster.flow();
    bob.ask("accept", { session });
    cluster.flow();
    alice.ask("confirm", { session, device: "phone" });
    cluster.flow();
    bob.ask("move", { session, to: "desk" });
    const asked = bob.lastId;
    cluster.flow();
    expect(desk.last("incoming")).toMatchObject({ session, movedFrom: "phone" });
    desk.ask("accept", { session });
    cluster.flow();
    for (const client of [desk, alice])
      client.ask("report", { session, stats: { state: "connected", pair: 2 } });
    cluster.flow();
    expect(bob.replyTo(asked).ok).toMatchObject({ pair: 2 });
    expect(bob.last("ended")).toMatchObject({ session, reason: "moved", device: "desk" });
    expect(alice.last("moved")).toMatchObject({ session, pair: 2 });
  });
});

describe("presence and messages across nodes", () => {
  test("who watches hears of devices at every node, and of those that come and go", () => {
    const cluster = new SimCluster(three);
    signIn(cluster, "n2", "bob/phone");
    const alice = signIn(cluster, "n1", "alice/web");
    alice.ask("watch", { users: ["bob", "carol"] });
    cluster.pass(200);
    expect(alice.pushes("presence").map(({ user, online }) => [user, online])).toEqual([
      ["carol", false],
      ["bob", true],
    ]);
    const desk = signIn(cluster, "n3", "bob/desk");
    cluster.pass(200);
    expect(
      alice
        .last("presence")
        .devices.map((one: { device: string }) => one.device)
        .sort(),
    ).toEqual(["desk", "phone"]);
    desk.ask("status", { status: "away" });
    cluster.pass(200);
    expect(alice.last("presence").devices).toContainEqual({
      device: "desk",
      kind: "browser",
      status: "away",
    });
    desk.drop(1000);
    cluster.pass(200);
    expect(alice.last("presence").devices.map((one: { device: string }) => one.device)).toEqual(["phone"]);
  });

  test("a message reaches every device of the user, and says how many", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const phones = three.map((node, i) => signIn(cluster, node, `bob/${i}`));
    alice.ask("send", { to: "bob", body: "hello" });
    const asked = alice.lastId;
    cluster.flow();
    expect(alice.replyTo(asked).ok).toEqual({ delivered: 3 });
    for (const phone of phones) expect(phone.pushes("message").map(({ body }) => body)).toEqual(["hello"]);
    alice.ask("send", { to: "nobody", body: "hello" });
    cluster.flow();
    expect(alice.replyTo(alice.lastId).ok).toEqual({ delivered: 0 });
  });

  test("a node that dies is forgotten, with its devices", () => {
    const cluster = new SimCluster(three);
    signIn(cluster, "n2", "bob/phone");
    const alice = signIn(cluster, "n1", "alice/web");
    alice.ask("watch", { users: ["bob"] });
    cluster.pass(200);
    expect(alice.last("presence").online).toBe(true);
    cluster.kill("n2");
    cluster.pass(45_000);
    expect(alice.last("presence").online).toBe(false);
  });
});

describe("one device at two nodes", () => {
  test("another run of it displaces the one at the other node", () => {
    const cluster = new SimCluster(three);
    const first = signIn(cluster, "n1", "alice/web");
    const second = signIn(cluster, "n2", "alice/web");
    expect(first.closed).toMatchObject({ code: 4301 });
    expect(second.closed).toBeUndefined();
    expect(cluster.node("n1").core.stats().devices).toBe(0);
  });

  test("clocks that disagree by five minutes change nothing of that", () => {
    for (const skew of [{ n1: 300_000 }, { n2: 300_000 }]) {
      const cluster = new SimCluster(three, {}, skew);
      const first = signIn(cluster, "n1", "alice/web");
      cluster.pass(500);
      const second = signIn(cluster, "n2", "alice/web");
      expect(first.closed).toMatchObject({ code: 4301 });
      expect(second.closed).toBeUndefined();
    }
  });

  test("two that sign in at the same moment: exactly one stays", () => {
    const cluster = new SimCluster(three);
    const clients = ["n1", "n2"].map((node) => cluster.node(node).client("alice", "web").connect());
    cluster.flow();
    cluster.pass(3_000);
    expect(clients.filter((client) => client.closed === undefined)).toHaveLength(1);
  });
});

describe("a node that dies", () => {
  test("a device of it comes back at another node, and finds its call by the ticket", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const bob = signIn(cluster, "n2", "bob/phone");
    const session = connected(cluster, alice, bob);
    cluster.kill("n2");
    cluster.pass(1_000);
    resumeAt(cluster, bob, "n3", { sessions: bob.tickets });
    cluster.pass(2_000);
    expect(bob.welcome).toMatchObject({ resumed: false, reason: "unreachable", sessions: [session] });
    expect(bob.last("session")).toMatchObject({ session, recovered: true, state: "active", direction: "in" });
    bob.ask("restart", { session, pair: 1, generation: 1 });
    cluster.flow();
    expect(alice.last("restart")).toMatchObject({ session, generation: 2 });
    alice.ask("hangup", { session });
    cluster.flow();
    expect(bob.last("ended")).toMatchObject({ session, reason: "hangup" });
  });
});
