import { describe, expect, test } from "bun:test";
import { resumeAt, signIn, three } from "../../../test/support/cluster-steps.ts";
import { SimCluster } from "../../../test/support/sim-cluster.ts";

describe("a call's key", () => {
  test("belongs to one device, wherever the other devices of its user are", () => {
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

  test("means the same call to a new link at another node", () => {
    const cluster = new SimCluster(three, { logFrames: 4 });
    const alice = signIn(cluster, "n1", "alice/web");
    const bob = signIn(cluster, "n2", "bob/phone");
    const { session } = alice.ask("call", { to: "bob", key: "k" }).ok;
    cluster.flow();
    // So much comes that its log is over the bound.
    for (let n = 0; n < 8; n++) alice.ask("status", { status: `${n}` });
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
