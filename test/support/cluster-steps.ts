import { expect } from "bun:test";
import type { SimCluster } from "./sim-cluster.ts";
import type { SimClient } from "./sim-core.ts";

/** Signs a device in at a node. */
export function signIn(cluster: SimCluster, node: string, address: string): SimClient {
  const [user = "", device = ""] = address.split("/");
  const client = cluster.node(node).client(user, device).connect();
  cluster.flow();
  expect(client.welcome).toBeDefined();
  return client;
}

/** A connected call between two devices, wherever they are. */
export function connected(cluster: SimCluster, caller: SimClient, callee: SimClient): string {
  const { session } = caller.ask("call", { to: callee.user }).ok;
  cluster.flow();
  expect(callee.last("incoming")?.session).toBe(session);
  callee.ask("accept", { session });
  cluster.flow();
  expect(caller.last("accepted")?.device).toBe(callee.device);
  caller.ask("confirm", { session, device: callee.device });
  cluster.flow();
  expect(callee.replyTo(callee.lastId).ok.session).toBe(session);
  return session;
}

/** Comes back with its link at that node. */
export function resumeAt(cluster: SimCluster, client: SimClient, node: string, more: object = {}): void {
  client.sim = cluster.node(node);
  client.resume(more);
  cluster.flow();
}
