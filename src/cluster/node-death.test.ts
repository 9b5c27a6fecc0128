import { describe, expect, test } from "bun:test";
import { inCall, resumeAt, signIn, three } from "../../test/support/cluster-steps.ts";
import { SimCluster } from "../../test/support/sim-cluster.ts";

describe("a node that dies", () => {
  test("loses no call: its device comes back at another node, and finds the call by the ticket", () => {
    const { cluster, caller: alice, callee: bob, session } = inCall("n1 alice", "n2 bob");
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

describe("on its way to a node that dies", () => {
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

  test("of two signals the one that was sent may have arrived, and the one that waited behind it has not", () => {
    const { cluster, callee: bob, session } = inCall("n1 alice", "n2 bob");
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
