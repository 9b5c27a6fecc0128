import { expect } from "bun:test";
import { SimCluster } from "./sim-cluster.ts";
import type { SimClient } from "./sim-core.ts";

/** The nodes of most clusters in tests. */
export const three: readonly string[] = ["n1", "n2", "n3"];

/** A call between two devices of a cluster. */
export interface SimCall {
  readonly cluster: SimCluster;
  readonly caller: SimClient;
  readonly callee: SimClient;
  readonly session: string;
}

/** Signs a device in at a node. */
export function signIn(cluster: SimCluster, node: string, address: string): SimClient {
  const [user = "", device = ""] = address.split("/");
  const client = cluster.node(node).client(user, device).connect();
  cluster.flow();
  expect(client.welcome).toBeDefined();
  return client;
}

/**
 * Two devices sign in, the caller's first, and the call rings: `ringing("n1 alice", "n2 bob")`. A device that is not named
 * (`n1 alice/desk`) is the caller's `web` or the callee's `phone`. The cluster has three nodes unless one is given.
 */
export function ringing(
  caller: string,
  callee: string,
  cluster: SimCluster = new SimCluster(three),
): SimCall {
  const [calling, called] = [arrive(cluster, caller, "web"), arrive(cluster, callee, "phone")];
  return { cluster, caller: calling, callee: called, session: ring(cluster, calling, called) };
}

/** As {@link ringing}, and the call is answered. */
export function inCall(caller: string, callee: string, cluster?: SimCluster): SimCall {
  const call = ringing(caller, callee, cluster);
  pickUp(call);
  return call;
}

/** A connected call between two devices that are signed in, wherever they are. */
export function connected(cluster: SimCluster, caller: SimClient, callee: SimClient): string {
  const session = ring(cluster, caller, callee);
  pickUp({ cluster, caller, callee, session });
  return session;
}

/** The callee answers the call that rings, and the caller confirms that. */
export function pickUp({ cluster, caller, callee, session }: SimCall): void {
  callee.ask("accept", { session });
  const accept = callee.lastId;
  cluster.flow();
  expect(caller.last("accepted")).toMatchObject({ session, device: callee.device });
  caller.ask("confirm", { session, device: callee.device });
  cluster.flow();
  expect(callee.replyTo(accept).ok).toMatchObject({ session });
}

/** Comes back with its link at that node. */
export function resumeAt(cluster: SimCluster, client: SimClient, node: string, more: object = {}): void {
  client.sim = cluster.node(node);
  client.resume(more);
  cluster.flow();
}

function arrive(cluster: SimCluster, who: string, device: string): SimClient {
  const [node = "", address = ""] = who.split(" ");
  return signIn(cluster, node, address.includes("/") ? address : `${address}/${device}`);
}

function ring(cluster: SimCluster, caller: SimClient, callee: SimClient): string {
  const { session } = caller.ask("call", { to: callee.user }).ok;
  cluster.flow();
  expect(callee.last("incoming")).toMatchObject({ session });
  return session;
}
