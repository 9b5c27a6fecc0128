import { describe, expect, test } from "bun:test";
import { connected, resumeAt, signIn } from "../../test/support/cluster-steps.ts";
import { SimCluster } from "../../test/support/sim-cluster.ts";
import type { SimClient } from "../../test/support/sim-core.ts";

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

describe("an owner that dies", () => {
  const dead = (cluster: SimCluster, client: SimClient, node: string) => {
    resumeAt(cluster, client, node, { sessions: client.tickets });
    cluster.pass(4_000);
    expect(client.welcome).toMatchObject({ resumed: false });
  };

  /** Both ends can renegotiate, and hang up. */
  const goesOn = (cluster: SimCluster, one: SimClient, other: SimClient, session: string) => {
    const { pair, generation } = one.last("session") ?? { pair: 1, generation: 1 };
    one.ask("restart", { session, pair, generation });
    cluster.flow();
    expect(one.replyTo(one.lastId).ok).toMatchObject({ generation: generation + 1 });
    expect(other.last("restart")).toMatchObject({ session, generation: generation + 1 });
    other.ask("signal", {
      session,
      pair,
      generation: generation + 1,
      description: { type: "offer", sdp: "again" },
    });
    cluster.flow();
    expect(one.last("signal").description.sdp).toBe("again");
    other.ask("hangup", { session });
    cluster.flow();
    expect(one.last("ended")).toMatchObject({ session, reason: "hangup" });
    for (const node of cluster.nodes.values())
      expect(node.core.stats()).toMatchObject({ sessionsActive: 0, sessionsRinging: 0 });
  };

  test("the caller's node: the caller comes back elsewhere, and the callee's node turns to the new owner", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const bob = signIn(cluster, "n2", "bob/phone");
    const session = connected(cluster, alice, bob);
    cluster.kill("n1");
    cluster.pass(500);
    dead(cluster, alice, "n3");
    expect(alice.last("session")).toMatchObject({ session, state: "active", direction: "out" });
    goesOn(cluster, alice, bob, session);
  });

  test("the caller's node, and the caller comes back at the callee's", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const bob = signIn(cluster, "n2", "bob/phone");
    const session = connected(cluster, alice, bob);
    cluster.kill("n1");
    dead(cluster, alice, "n2");
    goesOn(cluster, bob, alice, session);
  });

  test("both nodes die: both come back, in either order or at once, at one node or two", () => {
    for (const order of ["caller", "callee", "both"] as const)
      for (const nodes of [
        ["n3", "n3"],
        ["n3", "n4"],
        ["n4", "n3"],
      ] as const) {
        const cluster = new SimCluster([...three, "n4"]);
        const alice = signIn(cluster, "n1", "alice/web");
        const bob = signIn(cluster, "n2", "bob/phone");
        const session = connected(cluster, alice, bob);
        cluster.kill("n1");
        cluster.kill("n2");
        const back = [
          () => resumeAt(cluster, alice, nodes[0], { sessions: alice.tickets }),
          () => resumeAt(cluster, bob, nodes[1], { sessions: bob.tickets }),
        ];
        if (order === "callee") back.reverse();
        if (order === "both") {
          for (const [client, node] of [
            [alice, nodes[0]],
            [bob, nodes[1]],
          ] as const) {
            client.sim = cluster.node(node);
            client.resume({ sessions: client.tickets });
          }
        } else
          for (const one of back) {
            one();
            cluster.pass(2_000);
          }
        cluster.pass(3_000);
        for (const client of [alice, bob])
          expect(client.last("session")).toMatchObject({ session, state: "active" });
        goesOn(cluster, alice, bob, session);
      }
  });

  test("while it rings: it rings on under the same id, and is answered", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const bob = signIn(cluster, "n2", "bob/phone");
    const { session } = alice.ask("call", { to: "bob" }).ok;
    cluster.flow();
    cluster.kill("n1");
    dead(cluster, alice, "n3");
    expect(alice.welcome.sessions).toEqual([session]);
    bob.ask("accept", { session });
    cluster.flow();
    expect(alice.last("accepted")).toMatchObject({ session, device: "phone" });
    alice.ask("confirm", { session, device: "phone" });
    cluster.flow();
    expect(bob.replyTo(bob.lastId).ok).toMatchObject({ session });
    goesOn(cluster, alice, bob, session);
  });

  test("while it rings: devices that ring already, at the next owner and elsewhere, hear nothing of that", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const phones = ["n2", "n3"].map((node, i) => signIn(cluster, node, `bob/${i}`));
    const { session } = alice.ask("call", { to: "bob" }).ok;
    cluster.flow();
    cluster.kill("n1");
    dead(cluster, alice, "n3");
    expect(alice.welcome.sessions).toEqual([session]);
    const late = signIn(cluster, "n2", "bob/late");
    for (const phone of [...phones, late]) expect(phone.pushes("incoming")).toHaveLength(1);
    phones[1]?.ask("accept", { session });
    cluster.flow();
    alice.ask("confirm", { session, device: "1" });
    cluster.flow();
    for (const phone of [phones[0], late])
      expect(phone?.last("ended")).toMatchObject({ session, reason: "answered_elsewhere" });
    goesOn(cluster, alice, phones[1] as SimClient, session);
  });

  test("while it rings at an owner that was only away: its own devices hear nothing of the next one", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const bob = signIn(cluster, "n1", "bob/phone");
    const { session } = alice.ask("call", { to: "bob" }).ok;
    cluster.flow();
    cluster.freeze("n1");
    dead(cluster, alice, "n3");
    expect(alice.welcome.sessions).toEqual([session]);
    cluster.thaw("n1");
    cluster.pass(3_000);
    expect(cluster.node("n1").core.stats()).toMatchObject({ sessionsRinging: 0 });
    expect(bob.pushes("incoming")).toHaveLength(1);
    bob.ask("accept", { session });
    cluster.flow();
    alice.ask("confirm", { session, device: "phone" });
    cluster.flow();
    goesOn(cluster, alice, bob, session);
  });

  test("while it rings at an owner that was cut off: what that says to devices of the next one counts no more", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const bob = signIn(cluster, "n2", "bob/phone");
    const { session } = alice.ask("call", { to: "bob" }).ok;
    cluster.flow();
    cluster.hub.down("n1");
    dead(cluster, alice, "n2");
    expect(alice.welcome.sessions).toEqual([session]);
    // It hears that the caller is elsewhere, takes its call for cancelled, and says so.
    cluster.hub.up("n1");
    cluster.pass(5_000);
    expect(cluster.node("n1").core.stats()).toMatchObject({ sessionsRinging: 0 });
    expect(bob.pushes("ended")).toEqual([]);
    bob.ask("accept", { session });
    cluster.flow();
    alice.ask("confirm", { session, device: "phone" });
    cluster.flow();
    goesOn(cluster, alice, bob, session);
  });

  test("while it rings at an owner that stood still: it answers too late what the next one was asked", () => {
    for (const node of ["n2", "n3"]) {
      const cluster = new SimCluster(three);
      const alice = signIn(cluster, "n1", "alice/web");
      const bob = signIn(cluster, node, "bob/phone");
      const { session } = alice.ask("call", { to: "bob" }).ok;
      cluster.flow();
      cluster.freeze("n1");
      bob.ask("ringing", { session });
      const asked = bob.lastId;
      dead(cluster, alice, "n2");
      expect(alice.welcome.sessions).toEqual([session]);
      // The caller hears of the session before it hears what came of what was asked in vain.
      expect(
        alice.heard.map(({ type }) => type).filter((type) => type === "session" || type === "ringing"),
      ).toEqual(["session", "ringing"]);
      cluster.thaw("n1");
      cluster.pass(5_000);
      expect(bob.heard.filter(({ re }) => re === asked)).toHaveLength(1);
    }
  });

  test("nobody comes back: the other end is told that the call is lost, in the end", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const bob = signIn(cluster, "n2", "bob/phone");
    const session = connected(cluster, alice, bob);
    cluster.kill("n1");
    cluster.pass(45_000);
    expect(bob.last("peer")).toMatchObject({ session, link: "detached" });
    cluster.pass(310_000);
    expect(bob.last("ended")).toMatchObject({ session, reason: "lost" });
  });

  test("an owner that was only away: its copy gives way to the one that was made meanwhile", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const bob = signIn(cluster, "n2", "bob/phone");
    const session = connected(cluster, alice, bob);
    cluster.freeze("n1");
    dead(cluster, alice, "n3");
    cluster.pass(15_000);
    cluster.thaw("n1");
    cluster.pass(5_000);
    expect(cluster.node("n1").core.stats()).toMatchObject({ sessionsActive: 0, devices: 0 });
    goesOn(cluster, alice, bob, session);
  });
});

describe("what is on its way to a node that dies", () => {
  test("a message has an unknown outcome: nobody knows whether it arrived", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    signIn(cluster, "n2", "bob/phone");
    alice.ask("send", { to: "bob/phone", body: 1 });
    cluster.flow();
    expect(alice.replyTo(alice.lastId)).toEqual(expect.objectContaining({ ok: { delivered: 1 } }));
    cluster.freeze("n2");
    alice.ask("send", { to: "bob/phone", body: 2 });
    cluster.pass(1_000);
    expect(alice.replyTo(alice.lastId)).toBeUndefined();
    cluster.kill("n2");
    cluster.pass(40_000);
    expect(alice.replyTo(alice.lastId).error.code).toBe("outcome_unknown");
  });

  test("of two signals the one that was sent may have arrived, the one that waited behind it did not", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const bob = signIn(cluster, "n2", "bob/phone");
    const session = connected(cluster, alice, bob);
    const signal = () => {
      bob.ask("signal", { session, pair: 1, generation: 1, description: { type: "offer", sdp: "v=0" } });
      return bob.lastId;
    };
    cluster.freeze("n1");
    const sent = signal();
    cluster.pass(500);
    const waited = signal();
    cluster.pass(40_000);
    expect(bob.replyTo(sent).error.code).toBe("outcome_unknown");
    expect(bob.replyTo(waited).error.code).toBe("temporary");
  });
});

describe("a call's key", () => {
  test("is one device's, wherever the others of its user are", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const phone = signIn(cluster, "n2", "alice/phone");
    alice.ask("call", { to: "bob", key: "k" });
    phone.ask("call", { to: "bob", key: "k" });
    const [one, other] = [alice.lastId, phone.lastId];
    cluster.flow();
    const replies = [alice.replyTo(one), phone.replyTo(other)];
    expect(replies.filter(({ ok }) => ok !== undefined).length).toBeGreaterThan(0);
    phone.ask("call", { to: "bob", key: "k2" });
    cluster.flow();
    alice.ask("call", { to: "bob", key: "k2" });
    cluster.flow();
    expect(alice.replyTo(alice.lastId).error.code).toBe("wrong_state");
  });

  test("asked again by a link that another node has not resumed", () => {
    const cluster = new SimCluster(three, { logFrames: 4 });
    const alice = signIn(cluster, "n1", "alice/web");
    const bob = signIn(cluster, "n2", "bob/phone");
    const { session } = alice.ask("call", { to: "bob", key: "k" }).ok;
    cluster.flow();
    // So much comes that its log is over the bound.
    for (let n = 0; n < 8; n++) bob.ask("send", { to: "alice", body: n });
    cluster.flow();
    alice.lastSeq = 0;
    resumeAt(cluster, alice, "n3", { sessions: alice.tickets });
    expect(alice.welcome).toMatchObject({ resumed: false, reason: "gap" });
    alice.ask("call", { to: "bob", key: "k" });
    const asked = alice.lastId;
    cluster.flow();
    expect(alice.replyTo(asked).ok.session).toBe(session);
    expect(bob.pushes("incoming")).toHaveLength(1);
  });
});

test("a link that was lost and is back, while its device had no part in anything here, is no lost one", () => {
  const cluster = new SimCluster(three);
  const alice = signIn(cluster, "n1", "alice/web");
  const bob = signIn(cluster, "n2", "bob/phone");
  const desk = signIn(cluster, "n3", "bob/desk");
  const { session: first } = alice.ask("call", { to: "bob/desk" }).ok;
  cluster.flow();
  desk.drop();
  cluster.flow();
  alice.ask("cancel", { session: first });
  cluster.flow();
  resumeAt(cluster, desk, "n3");
  const session = connected(cluster, alice, bob);
  bob.ask("move", { session, to: "desk" });
  cluster.flow();
  desk.ask("accept", { session });
  cluster.flow();
  for (const client of [desk, alice])
    client.ask("report", { session, stats: { state: "connected", pair: 2 } });
  cluster.flow();
  expect(alice.last("moved")).toMatchObject({ session, pair: 2 });
  expect(alice.pushes("peer")).toEqual([]);
});
