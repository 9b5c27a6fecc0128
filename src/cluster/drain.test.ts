import { describe, expect, test } from "bun:test";
import { inCall, resumeAt, ringing, signIn, three } from "../../test/support/cluster-steps.ts";
import { SimCluster } from "../../test/support/sim-cluster.ts";
import type { SimClient } from "../../test/support/sim-core.ts";

/** A node drains and leaves, and its clients resume at the other one when they are told to. */
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
  test("loses no call: each goes on elsewhere under its id, whichever end was here", () => {
    for (const [caller, callee] of [
      ["n1", "n2"],
      ["n2", "n1"],
      ["n1", "n1"],
      ["n1", "n3"],
    ] as const) {
      const { cluster, caller: alice, callee: bob, session } = inCall(`${caller} alice`, `${callee} bob`);
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

  test("passes on what both ends say meanwhile, in order, each once", () => {
    const { cluster, caller: alice, callee: bob, session } = inCall("n1 alice", "n2 bob");
    const said = { alice: 0, bob: 0 };
    const signals = new Map<SimClient, Set<number>>([alice, bob].map((client) => [client, new Set()]));
    const say = (client: SimClient, who: "alice" | "bob") => {
      said[who] += 1;
      client.ask("signal", { session, pair: 1, generation: 1, media: { [`n${said[who]}`]: {} } });
      signals.get(client)?.add(client.lastId);
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
    for (const [client, ids] of signals) expect(client.heard.filter(({ re }) => ids.has(re))).toEqual([]);
    expect(alice.welcome).toMatchObject({ resumed: true, home: "n3" });
  });

  describe("while the session is on its way", () => {
    /** Alice's node has told bob's that the session leaves, and has not heard that bob's requests are held back. */
    function leaving() {
      const { cluster, caller: alice, callee: bob, session } = inCall("n1 alice", "n2 bob");
      cluster.node("n1").core.drain(cluster.now, 10_000);
      cluster.freeze("n1");
      cluster.flow();
      bob.ask("signal", { session, pair: 1, generation: 1, media: { held: {} } });
      return { cluster, alice, bob, session, signal: bob.lastId };
    }

    test("what a device says is passed on by the next owner, and not replied to", () => {
      const { cluster, alice, bob, session, signal } = leaving();
      bob.ask("restart", { session, pair: 1, generation: 1 });
      const restart = bob.lastId;
      cluster.thaw("n1");
      cluster.pass(5_000);
      resumeAt(cluster, alice, "n3");
      expect(alice.pushes("signal").map(({ media }) => media)).toEqual([{ held: {} }]);
      expect(bob.heard.filter(({ re }) => re === signal)).toEqual([]);
      expect(bob.heard.filter(({ re }) => re === restart)).toMatchObject([{ ok: { generation: 2 } }]);
    });

    test("what a device says goes with it to another node", () => {
      const { cluster, alice, bob } = leaving();
      // Bob's node waits for alice's, which stands still.
      resumeAt(cluster, bob, "n3");
      cluster.thaw("n1");
      expect(bob.welcome).toMatchObject({ resumed: true, home: "n3" });
      cluster.pass(5_000);
      resumeAt(cluster, alice, "n3");
      expect(alice.pushes("signal").map(({ media }) => media)).toEqual([{ held: {} }]);
    });

    test("what a device says is refused where nobody has taken the session", () => {
      const { cluster, bob, session, signal } = leaving();
      bob.ask("restart", { session, pair: 1, generation: 1 });
      const restart = bob.lastId;
      cluster.kill("n1");
      cluster.pass(30_000);
      for (const id of [signal, restart])
        expect(bob.heard.filter(({ re }) => re === id)).toMatchObject([{ error: { code: "temporary" } }]);
    });

    test("what a device asks is answered where the session ends first", () => {
      const { cluster, alice, bob, session, signal } = leaving();
      bob.ask("hangup", { session });
      const hangup = bob.lastId;
      alice.ask("hangup", { session });
      cluster.thaw("n1");
      expect(bob.last("ended")).toMatchObject({ session, reason: "hangup" });
      expect(bob.heard.filter(({ re }) => re === hangup)).toMatchObject([{ ok: {} }]);
      expect(bob.heard.filter(({ re }) => re === signal)).toMatchObject([{ error: { code: "no_session" } }]);
    });
  });

  test("leaves a call ringing, and an answer that was on its way counts", () => {
    const { cluster, caller: alice, callee: bob, session } = ringing("n1 alice", "n2 bob");
    const desk = signIn(cluster, "n3", "bob/desk");
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

  test("and then the next, and the next: a call outlives them all", () => {
    const { cluster, caller: alice, callee: bob, session } = inCall("n1 alice", "n2 bob");
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

  test("takes its calls' keys along: a key means its call at the next node too, while that rings and once it is over", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const again = () => {
      alice.ask("call", { to: "bob", key: "k1" });
      cluster.flow();
      return alice.replyTo(alice.lastId).ok.session;
    };
    const session = again();
    cluster.node("n1").core.drain(cluster.now, 10_000);
    cluster.flow();
    // The session itself has gone to n2, the first of the others.
    resumeAt(cluster, alice, "n3");
    expect(again()).toBe(session);
    cluster.pass(60_000);
    expect(alice.last("ended")).toMatchObject({ session, reason: "unreachable" });
    const ends = alice.pushes("ended").length;
    expect(again()).toBe(session);
    expect(alice.pushes("ended")).toHaveLength(ends + 1);
    cluster.node("n3").core.drain(cluster.now, 10_000);
    cluster.flow();
    resumeAt(cluster, alice, "n2");
    expect(again()).toBe(session);
  });

  test("gives a link to the next run of a node: the link is not lost with the former run", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const bob = signIn(cluster, "n3", "bob/phone");
    // So that bob's node has something to say to that run before it has heard of it.
    alice.ask("watch", { users: ["bob"] });
    const { session } = alice.ask("call", { to: "bob" }).ok;
    cluster.flow();
    cluster.node("n2").core.leave(cluster.now);
    cluster.flow();
    cluster.kill("n2");
    cluster.start("n2");
    cluster.node("n1").core.drain(cluster.now, 10_000);
    cluster.flow();
    resumeAt(cluster, alice, "n2");
    expect(alice.welcome).toMatchObject({ resumed: true, home: "n2" });
    cluster.pass(5_000);
    bob.ask("accept", { session });
    cluster.flow();
    expect(alice.last("accepted")).toMatchObject({ session, device: "phone" });
  });
});
