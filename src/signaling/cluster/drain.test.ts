import { describe, expect, test } from "bun:test";
import { connected, resumeAt, signIn } from "../../../test/support/cluster-steps.ts";
import { SimCluster } from "../../../test/support/sim-cluster.ts";
import type { SimClient } from "../../../test/support/sim-core.ts";

const three = ["n1", "n2", "n3"];

/** A node goes, and its clients do as they are told. */
function drain(cluster: SimCluster, name: string, clients: SimClient[], to: string): void {
  const { core } = cluster.node(name);
  core.drain(cluster.now, 10_000);
  cluster.flow();
  const leaving = clients.filter((client) => client.lastWelcome.home === name);
  for (const client of leaving) expect(client.last("goodbye")).toMatchObject({ action: "resume" });
  for (let left = 20; left > 0 && leaving.length > 0; left--) {
    cluster.pass(1_000);
    for (const client of leaving.filter((one) => one.closed?.code === 4103)) {
      resumeAt(cluster, client, to);
      expect(client.welcome).toMatchObject({ resumed: true, home: to });
      leaving.splice(leaving.indexOf(client), 1);
    }
  }
  cluster.pass(2_000);
  expect(core.empty).toBe(true);
  core.leave(cluster.now);
  cluster.flow();
  cluster.kill(name);
}

describe("a node that drains", () => {
  test("its calls go on elsewhere, each under its id, whoever sat where", () => {
    for (const [caller, callee] of [
      ["n1", "n2"],
      ["n2", "n1"],
      ["n1", "n1"],
      ["n1", "n3"],
    ] as const) {
      const cluster = new SimCluster(three);
      const alice = signIn(cluster, caller, "alice/web");
      const bob = signIn(cluster, callee, "bob/phone");
      const session = connected(cluster, alice, bob);
      drain(cluster, "n1", [alice, bob], "n2");
      alice.ask("restart", { session, pair: 1, generation: 1 });
      const asked = alice.lastId;
      cluster.flow();
      expect(alice.replyTo(asked).ok).toMatchObject({ generation: 2 });
      expect(bob.last("restart")).toMatchObject({ session, generation: 2 });
      bob.ask("hangup", { session });
      cluster.flow();
      expect(alice.last("ended")).toMatchObject({ session, reason: "hangup" });
      for (const node of cluster.nodes.values())
        expect(node.core.stats()).toMatchObject({ sessionsActive: 0, sessionsRinging: 0 });
    }
  });

  test("what both ends say meanwhile arrives, in order, each once", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const bob = signIn(cluster, "n2", "bob/phone");
    const session = connected(cluster, alice, bob);
    const said = { alice: 0, bob: 0 };
    const say = (client: SimClient, who: "alice" | "bob") => {
      said[who] += 1;
      client.ask("signal", { session, pair: 1, generation: 1, media: { [`n${said[who]}`]: {} } });
    };
    const { core } = cluster.node("n1");
    say(alice, "alice");
    say(bob, "bob");
    core.drain(cluster.now, 10_000);
    for (let n = 0; n < 40; n++) {
      if (alice.closed === undefined) say(alice, "alice");
      else resumeAt(cluster, alice, "n3");
      say(bob, "bob");
      // The messages between nodes are in every stage of their way.
      if (n % 3 === 0) cluster.hub.pump(cluster.now);
      if (n % 7 === 0) cluster.pass(1_000);
    }
    cluster.pass(5_000);
    const heard = (client: SimClient) => client.pushes("signal").map(({ media }) => Object.keys(media)[0]);
    const all = (count: number) => Array.from({ length: count }, (_, n) => `n${n + 1}`);
    expect(heard(bob)).toEqual(all(said.alice));
    expect(heard(alice)).toEqual(all(said.bob));
    expect(alice.welcome).toMatchObject({ resumed: true, home: "n3" });
  });

  test("a call that rings rings on; its answer, on the way meanwhile, counts", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const bob = signIn(cluster, "n2", "bob/phone");
    const desk = signIn(cluster, "n3", "bob/desk");
    const { session } = alice.ask("call", { to: "bob" }).ok;
    cluster.flow();
    cluster.node("n1").core.drain(cluster.now, 10_000);
    bob.ask("accept", { session });
    const asked = bob.lastId;
    cluster.pass(9_000);
    resumeAt(cluster, alice, "n3");
    expect(alice.last("accepted")).toMatchObject({ session, device: "phone" });
    alice.ask("confirm", { session, device: "phone" });
    cluster.flow();
    expect(bob.replyTo(asked).ok).toMatchObject({ session });
    expect(desk.last("ended")).toMatchObject({ reason: "answered_elsewhere", device: "phone" });
  });

  test("one after the other, with calls all the while: nothing ends", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const bob = signIn(cluster, "n2", "bob/phone");
    const session = connected(cluster, alice, bob);
    for (const [name, to] of [
      ["n1", "n2"],
      ["n2", "n3"],
      ["n3", "n1"],
    ] as const) {
      drain(cluster, name, [alice, bob], to);
      cluster.start(name);
      cluster.pass(3_000);
      alice.ask("signal", { session, pair: 1, generation: 1, media: { [name]: {} } });
      cluster.flow();
      expect(Object.keys(bob.last("signal").media)).toEqual([name]);
    }
  });
});
