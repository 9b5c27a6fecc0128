import { describe, expect, test } from "bun:test";
import { inCall, signIn, three } from "../../../test/support/cluster-steps.ts";
import { SimCluster } from "../../../test/support/sim-cluster.ts";

describe("calls across nodes", () => {
  test("ring, are answered, carry signals and are hung up", () => {
    const { cluster, caller: alice, callee: bob, session } = inCall("n1 alice", "n2 bob");
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

  test("ring devices at three nodes, of which exactly one wins", () => {
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

  test("ring a device that signs in at another node meanwhile", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const { session } = alice.ask("call", { to: "bob" }).ok;
    cluster.pass(2_000);
    const bob = signIn(cluster, "n3", "bob/phone");
    expect(bob.last("incoming")).toMatchObject({ session, age: 2_000 });
  });

  test("cross, and the one with the lower id survives", () => {
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

  test("move to a device at another node", () => {
    const { cluster, caller: alice, callee: bob, session } = inCall("n1 alice", "n2 bob");
    const desk = signIn(cluster, "n3", "bob/desk");
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
