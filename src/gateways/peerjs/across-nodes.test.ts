import { expect, test } from "bun:test";
import { signIn } from "../../../test/support/cluster-steps.ts";
import { SimCluster } from "../../../test/support/sim-cluster.ts";
import { answerSdp, SimPeerjs } from "../../../test/support/sim-peerjs.ts";
import type { PeerjsContext } from "./peerjs-context.ts";

/** `isLate`: what nodes ask each other is answered by {@link late}. */
function build({ dev = true, isLate = false } = {}) {
  const cluster = new SimCluster(["n1", "n2"]);
  const all = new Map<string, SimPeerjs>();
  const waiting: (() => void)[] = [];
  const make = (node: string): SimPeerjs => {
    const ownersElsewhere: PeerjsContext["ownersElsewhere"] = (user, device, done) => {
      const answer = (): void => {
        const others = [...all].filter(([name]) => name !== node);
        done(
          others.flatMap(([, { agent }]) => agent.clients.ownerOf(user, device) ?? []),
          cluster.now,
        );
      };
      if (isLate) waiting.push(answer);
      else answer();
    };
    const made = new SimPeerjs({}, { dev, ownersElsewhere }, { cluster, node });
    all.set(node, made);
    return made;
  };
  const late = () => {
    for (const answer of waiting.splice(0)) answer();
  };
  return { cluster, late, n1: make("n1"), n2: make("n2") };
}

test("clients of two nodes: offer, answer, candidates, and the end of one", () => {
  const { cluster, n1, n2 } = build();
  const [alice, bob] = [n1.client("alice"), n2.client("bob")];
  cluster.flow();
  alice.offer("bob", "mc_1", { metadata: { n: 1 } });
  cluster.flow();
  expect(bob.last("OFFER")).toMatchObject({
    src: "alice",
    payload: { connectionId: "mc_1", metadata: { n: 1 } },
  });
  bob.answer("alice", "mc_1");
  cluster.flow();
  alice.candidate("bob", "mc_1");
  bob.candidate("alice", "mc_1");
  cluster.flow();
  expect([alice, bob].map((peer) => peer.heard.map(({ type }) => type))).toEqual([
    ["OPEN", "ANSWER", "CANDIDATE"],
    ["OPEN", "OFFER", "CANDIDATE"],
  ]);
  bob.drop();
  cluster.pass(31_000);
  // Media goes on, and no node follows it any longer.
  expect(alice.of("LEAVE")).toEqual([]);
  for (const { core } of cluster.nodes.values()) expect(core.stats().sessionsActive).toBe(0);
});

test("clients of two nodes that call each other at the same time have two connections", () => {
  const { cluster, n1, n2 } = build();
  const [alice, bob] = [n1.client("alice"), n2.client("bob")];
  cluster.flow();
  alice.offer("bob", "dc_1");
  bob.offer("alice", "dc_2");
  cluster.flow();
  bob.answer("alice", "dc_1");
  cluster.flow();
  alice.answer("bob", "dc_2");
  cluster.flow();
  expect([alice, bob].map((peer) => peer.heard.map(({ type }) => type))).toEqual([
    ["OPEN", "OFFER", "ANSWER"],
    ["OPEN", "OFFER", "ANSWER"],
  ]);
});

test("a native device of another node says that the client's connection is closed", () => {
  const { cluster, n1 } = build();
  const bob = signIn(cluster, "n2", "bob/web");
  const alice = n1.client("alice");
  cluster.flow();
  alice.offer("bob", "mc_1");
  cluster.flow();
  const { session } = bob.last("incoming");
  bob.ask("accept", { session });
  cluster.flow();
  bob.ask("signal", { session, pair: 1, generation: 1, description: { type: "answer", sdp: answerSdp } });
  cluster.flow();
  expect(alice.of("ANSWER")).toHaveLength(1);
  bob.ask("report", { session, stats: { state: "closed" } });
  cluster.flow();
  expect(bob.last("ended")).toMatchObject({ reason: "hangup" });
  expect(n1.agent.connections).toBe(0);
});

test("the device that only makes offers is at another node", () => {
  const { cluster, n1 } = build();
  const capabilities = { sdpRole: "offer-only" };
  const camera = cluster.node("n2").client("cam", "eye", { capabilities }).connect();
  const alice = n1.client("alice");
  cluster.flow();
  alice.offer("cam", "mc_1");
  cluster.flow();
  const ring = camera.last("incoming");
  expect([ring.offer, ring.description]).toEqual([true, undefined]);
  camera.ask("accept", { session: ring.session, description: { type: "offer", sdp: answerSdp } });
  const asked = camera.lastId;
  cluster.flow();
  expect(camera.replyTo(asked).ok).toMatchObject({ offer: true, generation: 2 });
  alice.answer("cam", "mc_1");
  cluster.flow();
  expect(camera.last("signal")).toMatchObject({ generation: 2, description: { type: "answer" } });
});

test("guests of two nodes: an id is its first token's everywhere, and the two call each other", () => {
  const { cluster, n1, n2 } = build({ dev: false });
  const guest = (at: SimPeerjs, id: string, token: string) => at.client(id, { token, key: "guests" });
  const [one, two] = [guest(n1, "guest-1", "mine"), guest(n2, "guest-2", "hers")];
  cluster.flow();
  const thief = guest(n2, "guest-1", "another");
  cluster.flow();
  expect([thief.heard.map(({ type }) => type), thief.open, one.open]).toEqual([["ID-TAKEN"], false, true]);
  one.offer("guest-2", "mc_1");
  cluster.flow();
  expect(two.last("OFFER")).toMatchObject({ src: "guest-1" });
  two.answer("guest-1", "mc_1");
  cluster.flow();
  expect(one.of("ANSWER")).toHaveLength(1);
  // With its token it may come to another node.
  const moved = guest(n2, "guest-1", "mine");
  cluster.flow();
  expect(moved.heard[0]).toEqual({ type: "OPEN" });
  // The one at the first node is over, and the id is free once it leaves.
  moved.drop();
  cluster.pass(60_000);
  expect(guest(n1, "guest-1", "another").heard[0]).toEqual({ type: "OPEN" });
});

test("of two who want one id at two nodes at once, at most one gets it", () => {
  const { late, n1, n2 } = build({ dev: false, isLate: true });
  const [one, two] = [n1, n2].map((at, n) => at.client("guest-1", { token: `token-${n}`, key: "guests" }));
  late();
  expect([one, two].filter((peer) => peer?.heard[0]?.type === "OPEN").length).toBeLessThan(2);
  expect([one, two].filter((peer) => peer?.open).length).toBeLessThan(2);
});
