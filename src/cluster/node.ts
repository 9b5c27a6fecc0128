import type { Request } from "../protocol/requests.ts";
import { Deadlines } from "../shared/deadlines.ts";
import {
  type Connection,
  Core,
  type CoreOptions,
  type CoreStats,
  type OtherNodes,
} from "../signaling/core.ts";
import type { Device, LinkEnd, Outcome } from "../signaling/device.ts";
import { Directory } from "../signaling/directory.ts";
import type { KeyedCallElsewhere } from "../signaling/elsewhere.ts";
import type { GatewayOptions, GatewayPort } from "../signaling/gateway-port.ts";
import type { Kick } from "../signaling/link/kicked-users.ts";
import type { KnownDevice, Remote, Transport } from "../signaling/ports.ts";
import type { KeySnapshot } from "../signaling/session/call-keys.ts";
import type { FindDevice, SessionSnapshot } from "../signaling/session/session-snapshot.ts";
import type { StreamHost } from "../signaling/stream/stream-host.ts";
import type { StreamServer } from "../signaling/stream/streams.ts";
import { Survey } from "../signaling/survey.ts";
import type { Backplane } from "./backplane.ts";
import { Cluster } from "./cluster.ts";
import type { ClusterHost, ClusterStats } from "./cluster-host.ts";
import { ClusterElsewhere } from "./elsewhere.ts";
import { LinkMigration } from "./links/link-migration.ts";
import type { LinkState, PullAnswer, PullRequest } from "./links/link-transfer.ts";
import { SessionMigration } from "./sessions/session-migration.ts";

export interface NodeOptions extends Omit<CoreOptions, "others"> {
  /** How the other nodes are reached; undefined where there are none and never will be. */
  readonly backplane: Backplane | undefined;
}

/** How often the cluster is looked over. ms */
const sweepEvery = 1_000;

/** Makes a node: a core, joined to the others where there is a backplane. */
export function createNode(options: NodeOptions, now: number): SignalingNode {
  const { backplane, node, ports } = options;
  if (backplane === undefined) {
    const fault = (where: string, error: unknown): void => ports.emit({ type: "fault", where, error });
    const survey = new Survey({ node, peers: undefined, fault });
    return new SignalingNode(new Core(options, now), undefined, survey, now);
  }
  const directory = new Directory();
  const deadlines = new Deadlines();
  const boot = ports.random(9);
  // The core and the cluster call each other, but not before both are there.
  const host = new CoreHost(() => parts);
  const cluster = new Cluster({ ...options, backplane, boot, deadlines, directory, host });
  const elsewhere = new ClusterElsewhere({
    cluster,
    directory,
    pull: (wanted, done) => parts.links.pull(wanted, done),
  });
  const others: OtherNodes = { elsewhere, rooms: cluster.rooms, directory, deadlines };
  const core = new Core({ ...options, others }, now);
  const sessions = new SessionMigration(node, core.sessions.table);
  const links = new LinkMigration({ node, core, cluster, sessions });
  const parts: NodeParts = { core, sessions, links };
  return new SignalingNode(core, cluster, cluster.survey, now);
}

/** A node of the signaling service, as listeners and operators see it: alone, or one of a cluster. */
export class SignalingNode {
  readonly core: Core;
  /** Asks this node and all others. */
  readonly survey: Survey;
  readonly #cluster: Cluster | undefined;
  #swept: number;

  constructor(core: Core, cluster: Cluster | undefined, survey: Survey, now: number) {
    this.core = core;
    this.survey = survey;
    this.#cluster = cluster;
    this.#swept = now;
  }

  /** Speaks the native protocol over a new transport. `known`: the only device that it is for. */
  open(transport: Transport, remote: Remote, now: number, known?: KnownDevice): Connection {
    return this.core.open(transport, remote, now, known);
  }

  /** The entrance for devices of another protocol. Throws where another gateway has the name. */
  gateway(options: GatewayOptions): GatewayPort {
    return this.core.gateway(options);
  }

  /** Joins the media server of this node. Throws where there is one already. */
  streamServer(host: StreamHost): StreamServer {
    return this.core.streamServer(host);
  }

  get draining(): boolean {
    return this.core.draining;
  }

  /** Does what is due. Call it when {@link nextDeadline} has come, or at least twice a second. */
  tick(now: number): void {
    if (this.#cluster !== undefined && now - this.#swept >= sweepEvery) {
      this.#swept = now;
      this.#cluster.tick(now);
      if (this.draining) this.#handOver(this.#cluster, now);
    }
    this.core.tick(now);
  }

  /** When {@link tick} has something to do again. */
  get nextDeadline(): number {
    const { nextDeadline } = this.core;
    return this.#cluster === undefined ? nextDeadline : Math.min(nextDeadline, this.#swept + sweepEvery);
  }

  /**
   * Takes no new links, and tells every client to resume elsewhere, each after a jitter of its own within this many
   * milliseconds. Its sessions and rooms go over to other nodes. Calls go on: their media does not pass here. Streams
   * end.
   */
  drain(now: number, within: number): void {
    if (this.#cluster !== undefined) {
      this.#cluster.drain(now);
      this.#handOver(this.#cluster, now);
    }
    this.core.drain(now, within);
  }

  /** True when a node that drains has nothing left that another one could go on with, and no gateway's device is in a call. */
  get empty(): boolean {
    const { core } = this;
    const cluster = this.#cluster;
    if (cluster === undefined || !cluster.hasHeirs) return core.empty;
    return !core.gatewaysInCalls && core.links.size === 0 && core.sessions.size === 0 && cluster.idle;
  }

  /** Tells the other nodes that this one is gone: nobody waits for it. The last thing that a node says. */
  leave(now: number): void {
    this.#cluster?.nodes.leave(now);
  }

  /**
   * Ends the links of a user, or of one device, at all nodes, and refuses the user's tokens issued before now. Answers how
   * many links of this node it has ended.
   */
  kick(user: string, device: string | undefined, now: number): number {
    this.tellKick(user, device);
    return this.core.kick(user, device, now);
  }

  /** Has the other nodes end the links of a user, or of one device. */
  tellKick(user: string, device: string | undefined): void {
    this.#cluster?.nodes.broadcast({ op: "kick", user, ...(device === undefined ? {} : { device }) });
  }

  /** Takes over the kicks that an earlier run of this node has kept. */
  restoreKicks(kicks: readonly Kick[], now: number): void {
    this.core.links.kicked.learn(kicks, now);
  }

  stats(): CoreStats {
    return this.core.stats();
  }

  /** What this node has to do with others; undefined where there are none. */
  clusterStats(): ClusterStats | undefined {
    return this.#cluster?.stats();
  }

  #handOver(cluster: Cluster, now: number): void {
    const { sessions } = this.core;
    // Rooms go first: the sessions of their meshes end here, and the next owner makes new ones. A room that no other node
    // can take yet keeps its mesh, which only the room's owner can end.
    cluster.rooms.handOver(now);
    for (const id of sessions.table.movable()) {
      const room = sessions.table.get(id)?.room;
      if (room === undefined || !cluster.rooms.owns(room)) cluster.handover.begin(id, now);
    }
    sessions.setup.handOverKeys(now);
  }
}

/** What the cluster asks things of. */
interface NodeParts {
  readonly core: Core;
  readonly sessions: SessionMigration;
  readonly links: LinkMigration;
}

/** What other nodes ask of the core of this one, and tell it. */
class CoreHost implements ClusterHost {
  readonly #parts: () => NodeParts;

  constructor(parts: () => NodeParts) {
    this.#parts = parts;
  }

  perform(device: Device, request: Request, now: number): Outcome | undefined {
    return this.#core.perform(device, request, now);
  }

  // Devices

  localByLink(link: string): Device | undefined {
    return this.#core.links.get(link)?.device ?? this.#core.gatewayDevices.get(link);
  }

  displace(device: Device, why: "stale" | "replaced", now: number): void {
    if (device.gateway === undefined) this.#core.links.displace(device, why, now);
    else device.link.close(why, now);
  }

  kicked(user: string, device: string | undefined, now: number): void {
    this.#core.kick(user, device, now);
  }

  kicks(now: number): readonly Kick[] {
    return this.#core.links.kicked.list(now);
  }

  learnKicks(kicks: readonly Kick[], now: number): void {
    this.#core.links.learnKicks(kicks, now);
  }

  arrived(device: Device, now: number): void {
    this.#core.sessions.arrived(device, now);
  }

  remoteLink(device: Device, state: "live" | "suspended", now: number): void {
    if (state === "live") this.#core.sessions.live(device, now);
    else this.#core.sessions.suspended(device, now);
  }

  departed(device: Device, why: LinkEnd, now: number): void {
    this.#core.lifecycle.departed(device, why, now);
  }

  remoteChanged(user: string, now: number): void {
    this.#core.presence.changed(user, now);
  }

  // Links that go to another node

  freeze(request: PullRequest, now: number): PullAnswer | undefined {
    return this.#parts().links.freeze(request, now);
  }

  give(request: PullRequest, now: number): LinkState | undefined {
    return this.#parts().links.give(request, now);
  }

  thaw(link: string, now: number): void {
    this.#parts().links.thaw(link, now);
  }

  // Sessions

  connect(...mesh: Parameters<ClusterHost["connect"]>): void {
    this.#core.sessions.connect(...mesh);
  }

  disconnect(room: string, member: string, now: number): void {
    this.#core.sessions.disconnect(room, member, now);
  }

  keyed(user: string, key: string, now: number): KeyedCallElsewhere | undefined {
    return this.#core.sessions.setup.keyed(user, key, now);
  }

  keysOver(user: string, keys: readonly KeySnapshot[], now: number): void {
    this.#core.sessions.setup.rememberKeys(user, keys, now);
  }

  isOver(session: string, user: string): boolean {
    return this.#core.sessions.isOver(session, user);
  }

  load(device: Device): number {
    return this.#core.sessions.load(device);
  }

  rung(device: Device, caller: Device, session: string, now: number): void {
    this.#core.sessions.rungFromElsewhere(device, caller, session, now);
  }

  owns(session: string, leg: number): boolean {
    return this.#sessions.owns(session, leg);
  }

  legNumber(session: string, device: Device): number | undefined {
    return this.#sessions.legNumber(session, device);
  }

  participants(session: string): Device[] {
    return this.#sessions.participants(session);
  }

  epochOf(session: string): number | undefined {
    return this.#sessions.epochOf(session);
  }

  rungBy(session: string, device: Device): { user: string; device: string } | undefined {
    return this.#sessions.rungBy(session, device);
  }

  rejoin(device: Device, session: string, now: number, rings?: boolean): boolean {
    return this.#sessions.rejoin(device, session, now, rings);
  }

  linkTold(session: string, device: Device): "live" | "suspended" {
    return this.#sessions.linkTold(session, device);
  }

  release(session: string, now: number): SessionSnapshot | undefined {
    return this.#sessions.release(session, now);
  }

  adopt(snapshot: SessionSnapshot, find: FindDevice, epoch: number, now: number): void {
    this.#sessions.adopt(snapshot, find, epoch, now);
  }

  linkNow(
    session: string,
    end: { user: string; device: string },
    told: "live" | "suspended",
    now: number,
  ): void {
    this.#sessions.linkNow(session, end, told, now);
  }

  surrender(session: string, epoch: number, owner: string, now: number): Device[] {
    return this.#sessions.surrender(session, epoch, owner, now);
  }

  get #core(): Core {
    return this.#parts().core;
  }

  get #sessions(): SessionMigration {
    return this.#parts().sessions;
  }
}
