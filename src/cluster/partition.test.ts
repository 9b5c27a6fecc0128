import { describe, expect, test } from "bun:test";
import { inCall, resumeAt, signIn, three } from "../../test/support/cluster-steps.ts";
import { SimCluster } from "../../test/support/sim-cluster.ts";

test("a request to a session whose node has forgotten the device gets a reply", () => {
  const { cluster, caller: alice, callee: bob, session } = inCall("n1 alice", "n2 bob");
  // Bob's requests are on their way until the call is long over, and alice's node has nothing to do with him any more.
  for (const node of three) cluster.hub.sleep(node);
  const asked = (["ringing", "hangup"] as const).map((type) => {
    bob.ask(type, { session });
    return bob.lastId;
  });
  alice.ask("hangup", { session });
  for (const node of three) cluster.hub.down(node);
  cluster.pass(60_000);
  for (const node of three) cluster.hub.up(node);
  for (const node of three) cluster.hub.wake(node);
  cluster.pass(60_000);
  for (const id of asked) expect(bob.heard.filter(({ re }) => re === id)).toHaveLength(1);
});

describe("nodes that could not hear each other for a while", () => {
  /** Nothing passes between nodes until `up`: what they say meanwhile comes late. */
  const apart = (cluster: SimCluster) => {
    for (const node of three) cluster.hub.sleep(node);
    return () => {
      for (const node of three) cluster.hub.up(node);
      for (const node of three) cluster.hub.wake(node);
    };
  };
  const notice = (cluster: SimCluster) => {
    for (const node of three) cluster.hub.down(node);
  };

  test("a ring that another owner took over ends at the device that the former owner rang", () => {
    const cluster = new SimCluster(three);
    signIn(cluster, "n1", "alice/desk");
    const phone = signIn(cluster, "n2", "alice/phone");
    const web = signIn(cluster, "n3", "alice/web");
    const together = apart(cluster);
    notice(cluster);
    cluster.pass(31_000);
    const { session } = web.ask("call", { to: "alice" }).ok;
    cluster.flow();
    // The page is reloaded, and comes to another node.
    web.drop();
    const again = cluster.node("n1").client("alice", "web").connect({ sessions: web.tickets });
    cluster.flow();
    together();
    cluster.pass(2_000);
    expect(phone.last("incoming")).toMatchObject({ session });
    again.ask("cancel", { session });
    cluster.pass(1_000);
    expect(phone.last("ended")).toMatchObject({ session });
  });

  test("a device that rings for a call that no node knows any more stops at last", () => {
    const cluster = new SimCluster(three);
    const phone = signIn(cluster, "n1", "bob/phone");
    const alice = signIn(cluster, "n3", "alice/web");
    alice.ask("watch", { users: ["bob"] });
    cluster.flow();
    const together = apart(cluster);
    const { session } = alice.ask("call", { to: "bob" }).ok;
    notice(cluster);
    cluster.pass(5_000);
    // The call is on its way to the phone. A later run of the phone displaces it for n3, and is gone before the phone's
    // node hears of that.
    const other = cluster.node("n3").client("bob", "phone").connect();
    cluster.pass(1_000);
    other.drop(1000);
    cluster.pass(20_000);
    together();
    cluster.pass(2_000);
    expect(phone.last("incoming")).toMatchObject({ session });
    cluster.pass(140_000);
    expect(phone.last("ended")).toMatchObject({ session, reason: "lost" });
  });

  test("a watcher hears of a device that comes to her node with its link", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n2", "alice/web");
    const together = apart(cluster);
    notice(cluster);
    cluster.pass(5_000);
    const bob = cluster.node("n1").client("bob", "web").connect();
    bob.ask("watch", { users: ["alice"] });
    cluster.pass(1_000);
    together();
    resumeAt(cluster, alice, "n1");
    cluster.pass(2_000);
    expect(alice.welcome).toMatchObject({ resumed: true, home: "n1" });
    expect(bob.last("presence")).toMatchObject({ user: "alice", online: true });
  });
});
