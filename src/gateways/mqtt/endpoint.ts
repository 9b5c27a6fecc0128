import type { Deadline, Deadlines } from "../../shared/deadlines.ts";
import { GatewayTraffic } from "../gateway-traffic.ts";
import type { Cameras } from "./cameras/cameras.ts";
import { ClientConnection } from "./connection.ts";
import type { ConnectionHost, ReadText, Wire } from "./connection-host.ts";
import { DeviceTree } from "./device-tree.ts";
import type { Will } from "./packets.ts";
import { reasons } from "./reason-codes.ts";
import { Session } from "./session.ts";
import type { MqttLimits } from "./settings.ts";
import { type TopicDevice, treeOf } from "./topics.ts";
import type { TreeSession } from "./tree-session.ts";

export type EndpointPorts = ConnectionHost["ports"] & {
  readonly deadlines: Pick<Deadlines, "add">;
  draining(): boolean;
  /** Runs a deadline's work so that a fault of ours harms nothing else. */
  guarded(work: () => void): void;
};

/** All connections, and the trees of their devices. Pure: its inputs come with the time. */
export class Endpoint implements ConnectionHost {
  readonly limits: MqttLimits;
  readonly ports: EndpointPorts;
  readonly readText: ReadText;
  readonly cameras: Cameras;
  readonly traffic: GatewayTraffic<ClientConnection>;
  readonly #trees = new Map<string, DeviceTree>();
  readonly #held = new Map<Session, TreeSession>();

  constructor(limits: MqttLimits, ports: EndpointPorts, readText: ReadText, cameras: Cameras) {
    this.limits = limits;
    this.ports = ports;
    this.readText = readText;
    this.cameras = cameras;
    this.traffic = new GatewayTraffic(limits);
  }

  get draining(): boolean {
    return this.ports.draining();
  }

  /** Devices that have a session. */
  get devices(): number {
    return this.#trees.size;
  }

  connect(wire: Wire, now: number): ClientConnection {
    const connection = new ClientConnection(this, wire, now);
    this.traffic.opened(connection, now);
    return connection;
  }

  /** Credentials were made void: ends the connections that were opened with them. */
  revoke(now: number): void {
    for (const connection of [...this.traffic.connections])
      if (connection.identity !== undefined && this.ports.stale(connection.identity, now))
        connection.disconnect(reasons.administrative, now, "these credentials are not valid any more");
  }

  /** Ends every connection. */
  stop(now: number): void {
    for (const connection of [...this.traffic.connections])
      connection.disconnect(reasons.shuttingDown, now, "the server stops");
  }

  // For connections

  after(ms: number, from: number, due: (now: number) => void): Deadline {
    return this.ports.deadlines.add(from + ms, (now) => this.ports.guarded(() => due(now)));
  }

  expiry(seconds: number): number {
    return Math.min(seconds * 1_000, this.limits.sessionExpiry);
  }

  openSession(
    device: TopicDevice,
    clientId: string,
    clean: boolean,
    connection: ClientConnection,
    now: number,
  ): { readonly held: TreeSession; readonly present: boolean } | undefined {
    const path = treeOf(device);
    const former = this.#trees.get(path)?.sessions.get(clientId);
    if (former?.outlet instanceof ClientConnection)
      former.outlet.disconnect(reasons.takenOver, now, "the client id has connected anew");
    const held = former && this.#held.get(former);
    if (held !== undefined) {
      held.expiry?.cancel();
      held.expiry = undefined;
      held.will?.deadline.cancel();
      // The session that the Will was of ends here (MQTT 5.0 §3.1.3.2.2).
      if (clean && held.will !== undefined) held.tree.publish(held.will.message, undefined, now);
      held.will = undefined;
      if (!clean) return { held, present: true };
      this.#forget(held);
    }
    const tree = this.#trees.get(path) ?? new DeviceTree(path, this.limits.retained);
    if (tree.sessions.size >= this.limits.sessionsPerDevice) return undefined;
    const session = new Session(clientId, device, this.limits);
    session.sendBuffer = this.limits.sendBuffer;
    session.outlet = connection;
    tree.sessions.set(clientId, session);
    this.#trees.set(path, tree);
    const opened: TreeSession = { tree, session, expiry: undefined, will: undefined };
    this.#held.set(session, opened);
    return { held: opened, present: false };
  }

  closed(
    connection: ClientConnection,
    held: TreeSession | undefined,
    expiry: number,
    will: Will | undefined,
    now: number,
  ): void {
    this.traffic.closed(connection);
    if (held === undefined || held.session.outlet !== connection) return;
    held.session.detached();
    if (connection.device !== undefined) this.cameras.left(held.session, connection.device, now);
    const crowded = this.#held.size >= this.limits.connections * 2;
    const keep = crowded ? 0 : expiry;
    const publish = (at: number): void => {
      held.will = undefined;
      if (will !== undefined) held.tree.publish(will, undefined, at);
    };
    const delay = Math.min((will?.delay ?? 0) * 1_000, keep);
    if (will !== undefined && delay > 0)
      held.will = { message: will, deadline: this.after(delay, now, publish) };
    else if (will !== undefined) publish(now);
    if (keep === 0) this.#forget(held);
    else
      held.expiry = this.after(keep, now, (later) => {
        if (held.will !== undefined) publish(later);
        this.#forget(held);
      });
  }

  #forget({ tree, session, will }: TreeSession): void {
    will?.deadline.cancel();
    this.#held.delete(session);
    tree.sessions.delete(session.clientId);
    if (tree.sessions.size === 0) this.#trees.delete(tree.path);
  }
}
