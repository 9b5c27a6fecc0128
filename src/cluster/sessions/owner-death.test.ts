import { describe, expect, test } from "bun:test";
import { inCall, pickUp, resumeAt, ringing, signIn, three } from "../../../test/support/cluster-steps.ts";
import { SimCluster } from "../../../test/support/sim-cluster.ts";
import type { SimClient } from "../../../test/support/sim-core.ts";

describe("an owner that dies", () => {
  /** The client comes back at that node, without its link. */
  const comesBack = (cluster: SimCluster, client: SimClient, node: string) => {
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

  test("the caller comes back elsewhere, and the callee's node turns to the new owner", () => {
    const { cluster, caller: alice, callee: bob, session } = inCall("n1 alice", "n2 bob");
    cluster.kill("n1");
    cluster.pass(500);
    comesBack(cluster, alice, "n3");
    expect(alice.last("session")).toMatchObject({ session, state: "active", direction: "out" });
    goesOn(cluster, alice, bob, session);
  });

  test("the caller comes back at the callee's node", () => {
    const { cluster, caller: alice, callee: bob, session } = inCall("n1 alice", "n2 bob");
    cluster.kill("n1");
    comesBack(cluster, alice, "n2");
    goesOn(cluster, bob, alice, session);
  });

  test("with the callee's node: both come back, in either order or at once, at one node or two", () => {
    for (const order of ["caller", "callee", "both"] as const)
      for (const nodes of [
        ["n3", "n3"],
        ["n3", "n4"],
        ["n4", "n3"],
      ] as const) {
        const cluster = new SimCluster([...three, "n4"]);
        const { caller: alice, callee: bob, session } = inCall("n1 alice", "n2 bob", cluster);
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

  test("while its call rings: it rings on under the same id, and is answered", () => {
    const { cluster, caller: alice, callee: bob, session } = ringing("n1 alice", "n2 bob");
    cluster.kill("n1");
    comesBack(cluster, alice, "n3");
    expect(alice.welcome.sessions).toEqual([session]);
    pickUp({ cluster, caller: alice, callee: bob, session });
    goesOn(cluster, alice, bob, session);
  });

  test("while its call rings: devices that ring already, at the next owner and elsewhere, hear nothing of that", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const phones = ["n2", "n3"].map((node, i) => signIn(cluster, node, `bob/${i}`));
    const { session } = alice.ask("call", { to: "bob" }).ok;
    cluster.flow();
    cluster.kill("n1");
    comesBack(cluster, alice, "n3");
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

  test("or is away while its call rings: its own devices hear nothing of the next owner", () => {
    const { cluster, caller: alice, callee: bob, session } = ringing("n1 alice", "n1 bob");
    cluster.freeze("n1");
    comesBack(cluster, alice, "n3");
    expect(alice.welcome.sessions).toEqual([session]);
    cluster.thaw("n1");
    cluster.pass(3_000);
    expect(cluster.node("n1").core.stats()).toMatchObject({ sessionsRinging: 0 });
    expect(bob.pushes("incoming")).toHaveLength(1);
    pickUp({ cluster, caller: alice, callee: bob, session });
    goesOn(cluster, alice, bob, session);
  });

  test("or is cut off while its call rings: what it says to devices of the next owner counts no more", () => {
    const { cluster, caller: alice, callee: bob, session } = ringing("n1 alice", "n2 bob");
    cluster.hub.down("n1");
    comesBack(cluster, alice, "n2");
    expect(alice.welcome.sessions).toEqual([session]);
    // The former owner hears that the caller is elsewhere, takes the call for cancelled, and says so.
    cluster.hub.up("n1");
    cluster.pass(5_000);
    expect(cluster.node("n1").core.stats()).toMatchObject({ sessionsRinging: 0 });
    expect(bob.pushes("ended")).toEqual([]);
    pickUp({ cluster, caller: alice, callee: bob, session });
    goesOn(cluster, alice, bob, session);
  });

  test("or stands still while its call rings: its late replies to what the next owner was asked count no more", () => {
    for (const node of ["n2", "n3"]) {
      const { cluster, caller: alice, callee: bob, session } = ringing("n1 alice", `${node} bob`);
      cluster.freeze("n1");
      bob.ask("ringing", { session });
      const asked = bob.lastId;
      comesBack(cluster, alice, "n2");
      expect(alice.welcome.sessions).toEqual([session]);
      // The caller hears of the session before it hears of the ring that the former owner was told of in vain.
      expect(
        alice.heard.map(({ type }) => type).filter((type) => type === "session" || type === "ringing"),
      ).toEqual(["session", "ringing"]);
      cluster.thaw("n1");
      cluster.pass(5_000);
      expect(bob.heard.filter(({ re }) => re === asked)).toHaveLength(1);
    }
  });

  test("and whose caller never comes back: the callee is told at last that the call is lost", () => {
    const { cluster, callee: bob, session } = inCall("n1 alice", "n2 bob");
    cluster.kill("n1");
    cluster.pass(45_000);
    expect(bob.last("peer")).toMatchObject({ session, link: "detached" });
    cluster.pass(310_000);
    expect(bob.last("ended")).toMatchObject({ session, reason: "lost" });
  });

  test("or is only away: its copy gives way to the one that was made meanwhile", () => {
    const { cluster, caller: alice, callee: bob, session } = inCall("n1 alice", "n2 bob");
    cluster.freeze("n1");
    comesBack(cluster, alice, "n3");
    cluster.pass(15_000);
    cluster.thaw("n1");
    cluster.pass(5_000);
    expect(cluster.node("n1").core.stats()).toMatchObject({ sessionsActive: 0, devices: 0 });
    goesOn(cluster, alice, bob, session);
  });
});
