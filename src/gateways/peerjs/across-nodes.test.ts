import { expect, test } from "bun:test";
import { signIn } from "../../../test/support/cluster-steps.ts";
import { SimCluster } from "../../../test/support/sim-cluster.ts";
import { answerSdp, SimPeerjs } from "../../../test/support/sim-peerjs.ts";

function build() {
  const cluster = new SimCluster(["n1", "n2"]);
  const [n1, n2] = ["n1", "n2"].map((node) => new SimPeerjs({}, {}, { cluster, node })) as [
    SimPeerjs,
    SimPeerjs,
  ];
  return { cluster, n1, n2 };
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
