import { expect, test } from "bun:test";
import { connected, resumeAt, ringing, signIn } from "../../../test/support/cluster-steps.ts";

test("a link that was lost and came back while its device was in no session of this node counts as live", () => {
  const { cluster, caller: alice, callee: desk, session: first } = ringing("n1 alice", "n3 bob/desk");
  desk.drop();
  cluster.flow();
  alice.ask("cancel", { session: first });
  cluster.flow();
  resumeAt(cluster, desk, "n3");
  const bob = signIn(cluster, "n2", "bob/phone");
  const session = connected(cluster, alice, bob);
  bob.ask("move", { session, to: "desk" });
  cluster.flow();
  desk.ask("accept", { session });
  cluster.flow();
  for (const client of [desk, alice])
    client.ask("report", { session, stats: { state: "connected", pair: 2 } });
  cluster.flow();
  expect(alice.last("moved")).toMatchObject({ session, pair: 2 });
  expect(alice.pushes("peer")).toEqual([]);
});
