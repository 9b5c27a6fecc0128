import { describe, expect, test } from "bun:test";
import { signIn, three } from "../../../test/support/cluster-steps.ts";
import { SimCluster } from "../../../test/support/sim-cluster.ts";
import type { SimClient } from "../../../test/support/sim-core.ts";

const offer = { type: "offer", sdp: "v=0\r\no=offer" };

describe("a call that the application places", () => {
  const across = () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n2", "alice/phone");
    const bob = signIn(cluster, "n3", "bob/phone");
    let session = "";
    const { core } = cluster.node("n1").core;
    core.connect({ from: "alice", to: "bob" }, cluster.now, (outcome) => {
      session = "ok" in outcome ? (outcome.ok as { session: string }).session : "";
    });
    cluster.flow();
    return { cluster, alice, bob, session };
  };

  test("both parties may be at other nodes than the one that places the call", () => {
    const { cluster, alice, bob, session } = across();
    expect(alice.last("incoming")).toMatchObject({ session, placed: true });
    alice.ask("accept", { session });
    cluster.flow();
    expect(bob.last("incoming")).toMatchObject({ session, from: { user: "alice", device: "phone" } });
    bob.ask("accept", { session });
    cluster.flow();
    expect(alice.replyTo(alice.lastId).ok).toMatchObject({ session, offer: true });
    expect(bob.replyTo(bob.lastId).ok).toMatchObject({ session });
    alice.ask("signal", { session, pair: 1, generation: 1, description: offer });
    cluster.flow();
    expect(bob.last("signal").description).toEqual(offer);
    bob.ask("hangup", { session });
    cluster.flow();
    expect(alice.last("ended")).toMatchObject({ session, reason: "hangup" });
  });

  test("a node that drains hands the call over, wherever it stands", () => {
    for (const accepted of [0, 1, 2]) {
      const { cluster, alice, bob, session } = across();
      const clients = [alice, bob].slice(0, accepted);
      for (const client of clients) {
        client.ask("accept", { session });
        cluster.flow();
      }
      const { core } = cluster.node("n1");
      core.drain(cluster.now, 10_000);
      cluster.pass(2_000);
      core.leave(cluster.now);
      cluster.flow();
      cluster.kill("n1");
      for (const client of [alice, bob].slice(accepted)) {
        client.ask("accept", { session });
        cluster.flow();
      }
      const reply = (client: SimClient) => client.replyTo(client.lastId)?.ok;
      expect([accepted, reply(alice)]).toMatchObject([accepted, { session, offer: true }]);
      expect([accepted, reply(bob)]).toMatchObject([accepted, { session }]);
      alice.ask("signal", { session, pair: 1, generation: 1, description: offer });
      cluster.flow();
      expect(bob.last("signal")?.description).toEqual(offer);
    }
  });

  test("when the node dies that placed it, nobody waits for ever", () => {
    const { cluster, alice, bob, session } = across();
    alice.ask("accept", { session });
    cluster.flow();
    const waits = alice.lastId;
    cluster.kill("n1");
    cluster.pass(60_000);
    expect(alice.replyTo(waits).error.code).toBe("outcome_unknown");
    for (const client of [alice, bob])
      expect(client.last("ended")).toMatchObject({ session, reason: "lost" });
  });
});
