import { describe, expect, test } from "bun:test";
import { signIn, three } from "../../../test/support/cluster-steps.ts";
import { SimCluster } from "../../../test/support/sim-cluster.ts";

describe("one device at two nodes", () => {
  test("a later run displaces the one at the other node", () => {
    const cluster = new SimCluster(three);
    const first = signIn(cluster, "n1", "alice/web");
    const second = signIn(cluster, "n2", "alice/web");
    expect(first.closed).toMatchObject({ code: 4301 });
    expect(second.closed).toBeUndefined();
    expect(cluster.node("n1").core.stats().devices).toBe(0);
  });

  test("it does so although the clocks disagree by five minutes", () => {
    for (const skew of [{ n1: 300_000 }, { n2: 300_000 }]) {
      const cluster = new SimCluster(three, {}, skew);
      const first = signIn(cluster, "n1", "alice/web");
      cluster.pass(500);
      const second = signIn(cluster, "n2", "alice/web");
      expect(first.closed).toMatchObject({ code: 4301 });
      expect(second.closed).toBeUndefined();
    }
  });

  test("of two that sign in at the same moment exactly one stays", () => {
    const cluster = new SimCluster(three);
    const clients = ["n1", "n2"].map((node) => cluster.node(node).client("alice", "web").connect());
    cluster.flow();
    cluster.pass(3_000);
    expect(clients.filter((client) => client.closed === undefined)).toHaveLength(1);
  });
});
