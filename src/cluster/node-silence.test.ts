import { expect, test } from "bun:test";
import { signIn } from "../../test/support/cluster-steps.ts";
import { SimCluster } from "../../test/support/sim-cluster.ts";

test("a silent node is given up after limits.nodeSilence, and no sooner", () => {
  const cluster = new SimCluster(["n1", "n2"], { nodeSilence: 8_000 });
  const alice = signIn(cluster, "n1", "alice/web");
  signIn(cluster, "n2", "bob/phone");
  alice.ask("watch", { users: ["bob"] });
  cluster.pass(1_000);
  const shown = () => alice.last("presence").devices.length;
  expect(shown()).toBe(1);
  cluster.kill("n2");
  cluster.pass(6_000);
  expect(shown()).toBe(1);
  cluster.pass(6_000);
  expect(shown()).toBe(0);
});
