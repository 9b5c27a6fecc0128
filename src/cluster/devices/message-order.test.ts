import { describe, expect, test } from "bun:test";
import { resumeAt, signIn, three } from "../../../test/support/cluster-steps.ts";
import { SimCluster } from "../../../test/support/sim-cluster.ts";
import type { SimClient } from "../../../test/support/sim-core.ts";

const say = (client: SimClient, body: number) => client.ask("send", { to: "bob", body });
/** The client goes on at that node, as soon as it may. */
const goTo = (cluster: SimCluster, client: SimClient, node: string) => {
  resumeAt(cluster, client, node);
  for (let waited = 0; client.welcome === undefined && waited < 1_500; waited += 50) cluster.pass(50);
  expect(client.welcome).toMatchObject({ resumed: true, home: node });
};
const heard = (client: SimClient) => client.pushes("message").map(({ body }) => body);

describe("messages of one device keep their order", () => {
  test("a message that waits for the receiver's node arrives before those that the sender sends from its next node", () => {
    const cluster = new SimCluster(three);
    const bob = signIn(cluster, "n2", "bob/phone");
    const alice = signIn(cluster, "n1", "alice/web");
    say(alice, 1);
    cluster.flow();
    cluster.hub.down("n2");
    say(alice, 2);
    cluster.flow();
    cluster.hub.up("n2");
    goTo(cluster, alice, "n3");
    say(alice, 3);
    cluster.pass(1_000);
    expect(heard(bob)).toEqual([1, 2, 3]);
    expect(alice.heard.filter(({ ok }) => ok?.delivered === 1)).toHaveLength(3);
  });

  test("so does one that follows the receiver to its next node", () => {
    const cluster = new SimCluster(three);
    const bob = signIn(cluster, "n2", "bob/phone");
    const alice = signIn(cluster, "n1", "alice/web");
    say(alice, 1);
    cluster.flow();
    // Alice's node does not hear where bob's link has gone, and that node is cut off for a moment.
    cluster.hub.sleep("n1");
    resumeAt(cluster, bob, "n3");
    cluster.hub.down("n3");
    say(alice, 2);
    cluster.flow();
    cluster.hub.up("n3");
    cluster.hub.wake("n1");
    cluster.flow();
    const before = alice.lastId;
    expect(alice.heard.filter(({ re }) => re === before)).toEqual([]);
    goTo(cluster, alice, "n3");
    say(alice, 3);
    cluster.pass(1_000);
    expect(heard(bob)).toEqual([1, 2, 3]);
    expect(alice.heard.filter(({ ok }) => ok?.delivered === 1)).toHaveLength(3);
  });

  test("none overtakes those that wait for another node that may hold the user, when the backplane goes down", () => {
    const cluster = new SimCluster(three);
    signIn(cluster, "n2", "bob/phone");
    // A node that held the user until now still names the other holders.
    signIn(cluster, "n3", "bob/tablet").drop(1000);
    const alice = signIn(cluster, "n1", "alice/web");
    cluster.pass(1_000);
    cluster.hub.sleep("n2");
    const desk = cluster.node("n1").client("bob", "desk").connect();
    cluster.pass(500);
    say(alice, 1);
    cluster.flow();
    expect(heard(desk)).toEqual([]);
    cluster.hub.down("n1");
    say(alice, 2);
    cluster.pass(2_000);
    expect(heard(desk)).toEqual([1, 2]);
  });
});
