import { wireError } from "../protocol/error-codes.ts";
import type { Limits } from "../protocol/limits.ts";
import type { Request, RequestOf } from "../protocol/requests.ts";
import { Deadlines } from "../shared/deadlines.ts";
import type { Backplane } from "./backplane.ts";
import { Cluster } from "./cluster/cluster.ts";
import type { ClusterHost, ClusterStats } from "./cluster/cluster-host.ts";
import { ClusterRooms } from "./cluster/cluster-rooms.ts";
import type { LocalDevice } from "./cluster/device-notice.ts";
import type { Parcel, PullAnswer, PullRequest } from "./cluster/link-transfer.ts";
import type { NodeItem } from "./cluster/node-item.ts";
import { RemoteLink } from "./cluster/remote-link.ts";
import type { KeyedCallElsewhere } from "./cluster/session-finder.ts";
import { type ConnectionHost, NativeConnection } from "./connection.ts";
import type { Device, Outcome } from "./device.ts";
import { Directory } from "./directory.ts";
import { GatewayPort } from "./gateway-port.ts";
import { linkSnapshot } from "./link-snapshot.ts";
import { drainLinks, sweepLinks } from "./link-upkeep.ts";
import { type LinkEnd, type LinkHooks, Links, type Places } from "./links.ts";
import { Messages } from "./messages.ts";
import { may } from "./permissions.ts";
import type { Ports, Remote, Transport } from "./ports.ts";
import { Presence } from "./presence.ts";
import type { RoomRule } from "./room-policy.ts";
import { Rooms } from "./rooms.ts";
import type { FindDevice, SessionSnapshot } from "./session-snapshot.ts";
import { type SessionRequest, Sessions } from "./sessions.ts";
import type { Ticket } from "./tickets.ts";

export interface CoreOptions {
  /** This node's name, unique in the cluster. */
  readonly node: string;
  readonly limits: Limits;
  readonly ports: Ports;
  /** How the other nodes are reached; undefined where there are none and never will be. */
  readonly backplane: Backplane | undefined;
  readonly rooms: readonly RoomRule[];
}

/** What one transport says to the core. */
export interface Connection {
  /** One text frame. */
  receive(text: string, now: number): void;
  /** One binary frame: no client may send one. */
  receiveBinary(now: number): void;
  /** The transport is gone; 1000 is the client's own close. */
  closed(code: number, now: number): void;
}

/** Gauges, for metrics. */
export interface CoreStats {
  readonly linksLive: number;
  readonly linksSuspended: number;
  readonly devices: number;
  readonly users: number;
  readonly sessionsRinging: number;
  readonly sessionsActive: number;
  /** Signals taken since the start: a counter. */
  readonly signals: number;
  readonly rooms: number;
  readonly transportsOpen: number;
  readonly logBytes: number;
}

const done: Outcome = { ok: {} };
/** How often links are looked over, and how often what expires slowly is. */
const sweepEvery = 1_000;
const slowSweepEvery = 60_000;

/**
 * The signaling core of one node. Pure: it owns no socket, and time comes in with each call (Unix ms).
 * It joins the parts, each of which knows nothing of the others: links, sessions, presence, rooms, messages.
 */
export class Core implements ConnectionHost, LinkHooks, ClusterHost {
  readonly ports: Ports;
  readonly links: Links;
  draining = false;
  readonly #cluster: Cluster | undefined;
  readonly #limits: Limits;
  readonly #deadlines = new Deadlines();
  readonly #directory = new Directory();
  /** Devices of other protocols, by the ids of their links. */
  readonly #gatewayDevices = new Map<string, Device>();
  readonly #sessions: Sessions;
  readonly #presence: Presence;
  readonly #rooms: Rooms | ClusterRooms;
  readonly #messages: Messages;
  /** Connections that have not said hello yet, and when they must have. In order of that. */
  readonly #silent = new Map<NativeConnection, number>();
  /** Legs that a ticket found again, until their device has heard welcome. */
  readonly #recovered = new Map<Device, ReturnType<Sessions["recover"]>>();
  #swept: number;
  #sweptSlowly: number;

  constructor(options: CoreOptions, now: number) {
    const { limits, ports, node, backplane, rooms } = options;
    const deadlines = this.#deadlines;
    const directory = this.#directory;
    this.ports = ports;
    this.#limits = limits;
    this.#swept = now;
    this.#sweptSlowly = now;
    const boot = ports.random(9);
    const cluster =
      backplane && new Cluster({ node, boot, limits, ports, backplane, deadlines, directory, host: this });
    this.#cluster = cluster;
    this.links = new Links({ node, limits, ports, deadlines, directory, hooks: this, cluster });
    this.#sessions = new Sessions({ node, limits, ports, deadlines, directory, since: now, cluster });
    const following = cluster && { following: cluster.devices };
    this.#presence = new Presence({ limits, directory, deadlines, ...following });
    const ofRooms = {
      limits,
      rules: rooms,
      deadlines,
      random: ports.random.bind(ports),
      connect: this.#sessions.connect.bind(this.#sessions),
      disconnect: this.#sessions.disconnect.bind(this.#sessions),
    };
    if (cluster === undefined) this.#rooms = new Rooms(ofRooms);
    else {
      const { nodes, devices, legs, backplane } = cluster;
      const { now, hash } = ports;
      const more = { limits, nodes, devices, legs, backplane, deadlines, now, hash };
      cluster.rooms = new ClusterRooms({ rooms: ofRooms, ...more });
      this.#rooms = cluster.rooms;
    }
    this.#messages = new Messages({ limits, directory, rooms: this.#rooms, cluster });
  }

  /** The entrance for devices of another protocol. Callers are asked for their offer early from then on, where it is needed. */
  gateway(): GatewayPort {
    this.#sessions.asksOffers = true;
    return new GatewayPort({
      limits: this.#limits,
      ports: this.ports,
      deadlines: this.#deadlines,
      directory: this.#directory,
      hooks: this,
      draining: () => this.draining,
      attached: this.#gatewayDevices,
      cluster: this.#cluster,
      stale: (identity, now) => this.links.stale(identity, now),
      perform: this.perform.bind(this),
      settle: this.settle.bind(this),
    });
  }

  /** Speaks the native protocol over a new transport. */
  open(transport: Transport, _remote: Remote, now: number): Connection {
    const connection = new NativeConnection(this, transport);
    if (this.#silent.size >= this.#limits.openTransports) {
      this.ports.emit({ type: "limit", limit: "openTransports" });
      connection.refuse("overloaded");
    } else this.#silent.set(connection, now + this.#limits.helloTimeout);
    return connection;
  }

  /** Does what is due. Call it when {@link nextDeadline} has come, or at least twice a second. */
  tick(now: number): void {
    if (now - this.#swept >= sweepEvery) {
      this.#swept = now;
      sweepLinks(this.links, this.ports, now);
      this.#cluster?.tick(now);
      if (this.draining) this.#handOver(now);
      for (const [connection, by] of this.#silent) {
        if (by > now) break;
        this.ports.emit({ type: "limit", limit: "helloTimeout" });
        connection.refuse("helloTimeout");
      }
    }
    if (now - this.#sweptSlowly >= slowSweepEvery) {
      this.#sweptSlowly = now;
      this.#sessions.sweep(now);
    }
    this.settle(now);
  }

  /** When {@link tick} has something to do again. */
  get nextDeadline(): number {
    return Math.min(this.#deadlines.next ?? Number.POSITIVE_INFINITY, this.#swept + sweepEvery);
  }

  /**
   * Takes no new links, and tells every client to resume elsewhere, each after a jitter of its own within this many
   * milliseconds. Calls go on: their media does not pass here.
   */
  drain(now: number, within: number): void {
    this.draining = true;
    this.#cluster?.drain(now);
    this.#handOver(now);
    drainLinks(this.links, this.#deadlines, this.ports, within, now);
    this.settle(now);
  }

  /** True when a node that drains has nothing left that another one could go on with. */
  get empty(): boolean {
    const cluster = this.#cluster;
    if (cluster === undefined || !cluster.hasHeirs) return this.links.live === 0;
    return this.links.size === 0 && this.#sessions.size === 0 && cluster.idle;
  }

  /** Tells the other nodes that this one is gone: nobody waits for it. The last thing that a node says. */
  leave(now: number): void {
    this.#cluster?.nodes.leave(now);
  }

  #handOver(now: number): void {
    if (this.#cluster === undefined) return;
    // First: the sessions of their meshes end with them here.
    this.#cluster.rooms?.handOver(now);
    for (const id of this.#sessions.ids()) this.#cluster.handover.begin(id, now);
  }

  /** Ends the links of a user, or of one device, and refuses the user's tokens issued before now. Answers how many. */
  kick(user: string, device: string | undefined, now: number): number {
    const count = this.kicked(user, device, now);
    this.#cluster?.kicked(user, device);
    this.settle(now);
    return count;
  }

  /** The sessions that this node owns. */
  get sessions(): Sessions {
    return this.#sessions;
  }

  /** Another node was asked to. */
  kicked(user: string, device: string | undefined, now: number): number {
    this.ports.emit({ type: "kicked", user, ...(device === undefined ? {} : { device }) });
    return this.links.kick(user, device, now);
  }

  stats(): CoreStats {
    return {
      linksLive: this.links.live,
      linksSuspended: this.links.size - this.links.live,
      devices: this.#directory.deviceCount - (this.#cluster?.devices.size ?? 0),
      users: this.#cluster?.devices.held ?? this.#directory.userCount,
      sessionsRinging: this.#sessions.ringing,
      sessionsActive: this.#sessions.active,
      signals: this.#sessions.signals,
      rooms: this.#rooms.size,
      transportsOpen: this.#silent.size + this.links.live,
      logBytes: this.links.budget.bytes,
    };
  }

  /** What this node has to do with others; undefined where there are none. */
  clusterStats(): ClusterStats | undefined {
    return this.#cluster?.stats();
  }

  // ConnectionHost

  settled(connection: NativeConnection): void {
    this.#silent.delete(connection);
  }

  settle(now: number): void {
    const { next } = this.#deadlines;
    if (next !== undefined && next <= now) this.#deadlines.run(now);
  }

  perform(device: Device, request: Request, now: number): Outcome | undefined {
    if (request.type === "signal") return this.#sessions.perform(device, request, now);
    this.ports.emit({ type: "request", request: request.type });
    switch (request.type) {
      case "call":
        return this.draining ? { error: wireError("temporary") } : this.#sessions.call(device, request, now);
      case "watch":
        return this.#presence.watch(device, request.users, now);
      case "unwatch":
        return this.#presence.unwatch(device, request.users);
      case "status":
        device.status = request.status === "" ? undefined : request.status;
        this.#presence.changed(device.user, now);
        this.#cluster?.altered(device.user);
        return done;
      case "send":
        return this.#messages.send(device, request, now);
      case "join":
      case "leave":
      case "admit":
      case "refuse":
      case "policy":
        return this.#rooms.perform(device, request, now);
      case "refresh":
        this.#refresh(device, request, now);
        return undefined;
      default:
        return this.#sessions.perform(device, request satisfies SessionRequest, now);
    }
  }

  #refresh(device: Device, request: RequestOf<"refresh">, _now: number): void {
    this.ports.verify(request.token, (result, now) => {
      const reply = (outcome: Outcome) => device.link.reply(request.id, outcome, now);
      if (!result.ok) reply({ error: result.error });
      else if (result.value.user !== device.user || (result.value.device ?? device.id) !== device.id)
        reply({ error: wireError("subject_mismatch") });
      else if (result.value.expires <= now) reply({ error: wireError("token_expired") });
      else {
        this.links.renew(device, result.value);
        reply({ ok: { expires: result.value.expires - now } });
        this.#presence.recheck(device);
        this.#rooms.recheck(device, now);
      }
      this.settle(now);
    });
  }

  // LinkHooks

  recover(device: Device, tickets: readonly Ticket[], places: Places, now: number): string[] {
    const found = this.#sessions.recover(device, tickets, places, now);
    if (found.length > 0) this.#recovered.set(device, found);
    const elsewhere = new Map<string, string>();
    for (const { session } of tickets) {
      const place = places?.get(session);
      if (typeof place === "object") elsewhere.set(session, place.node);
    }
    this.#cluster?.claims.rejoinAll(device, elsewhere);
    return [...found.map(([session]) => session.id), ...elsewhere.keys()];
  }

  opened(device: Device, now: number): void {
    for (const [session, leg] of this.#recovered.get(device) ?? []) {
      session.tellRecovered(leg, now);
      session.linkChanged(leg, "live", now);
    }
    this.#recovered.delete(device);
    this.#sessions.arrived(device, now);
  }

  resumed(device: Device, now: number): void {
    this.#sessions.live(device, now);
    this.#presence.resumed(device, now);
    this.#cluster?.resumed(device);
    // Its token may be another than before.
    this.#presence.recheck(device);
    this.#rooms.recheck(device, now);
  }

  suspended(device: Device, now: number): void {
    this.#sessions.suspended(device, now);
    this.#cluster?.suspended(device);
  }

  closed(device: Device, why: LinkEnd, now: number): void {
    this.departed(device, why, now);
    if (!(device.link instanceof RemoteLink)) this.#cluster?.closed(device, why);
  }

  changed(user: string, now: number): void {
    this.#presence.changed(user, now);
    this.#cluster?.altered(user);
  }

  adopted(device: Device, parcel: Parcel, held: readonly NodeItem[], now: number): void {
    const watched = parcel.watches.filter((user) => may(device, "watch", user));
    if (watched.length > 0) this.#presence.watch(device, watched, now);
    this.#cluster?.adopted(device, parcel, held, now);
  }

  // LinkSource

  freeze(request: PullRequest, now: number): PullAnswer | undefined {
    return this.links.freeze(request, now);
  }

  thaw(link: string, now: number): void {
    this.links.thaw(link, now);
  }

  give(request: PullRequest): Parcel | undefined {
    const cluster = this.#cluster;
    const entry = cluster && this.links.release(request);
    if (cluster === undefined || entry === undefined) return undefined;
    const { link, device } = entry;
    const own = this.#sessions.legsOf(device);
    const parcel = {
      link: linkSnapshot(link, device),
      legs: [...cluster.legs.snapshot(device), ...own],
      watches: this.#presence.watchesOf(device),
      rooms: cluster.rooms?.membershipsOf(device) ?? [],
    };
    this.#presence.dropped(device);
    link.end();
    cluster.gaveAway(
      device,
      request.by,
      own.map(({ session }) => session),
    );
    return parcel;
  }

  // ClusterHost

  localByLink(link: string): Device | undefined {
    return this.links.byId(link) ?? this.#gatewayDevices.get(link);
  }

  local(user: string): LocalDevice[] {
    const devices: LocalDevice[] = [];
    for (const device of this.#directory.devices(user)) {
      const { link, stamp } = device;
      if (!(link instanceof RemoteLink))
        devices.push({ device, stamp, instance: link.instance ?? link.id, attempt: link.attempt ?? 1 });
    }
    return devices;
  }

  arrived(device: Device, now: number): void {
    this.#sessions.arrived(device, now);
  }

  remoteLink(device: Device, state: "live" | "suspended", now: number): void {
    if (state === "live") this.#sessions.live(device, now);
    else this.#sessions.suspended(device, now);
  }

  departed(device: Device, why: LinkEnd, now: number): void {
    this.#sessions.closed(device, why, now);
    this.#rooms.dropped(device, now, why);
    this.#presence.dropped(device);
  }

  remoteChanged(user: string, now: number): void {
    this.#presence.changed(user, now);
  }

  displace(device: Device, why: "stale" | "replaced", now: number): void {
    if (this.#gatewayDevices.has(device.link.id)) device.link.close(why, now);
    else this.links.displace(device, why, now);
  }

  owns(session: string, leg: number): boolean {
    return this.#sessions.owns(session, leg);
  }

  keyed(user: string, key: string, now: number): KeyedCallElsewhere | undefined {
    return this.#sessions.keyed(user, key, now);
  }

  legNumber(session: string, device: Device): number | undefined {
    return this.#sessions.legNumber(session, device);
  }

  participants(session: string): Device[] {
    return this.#sessions.participants(session);
  }

  release(session: string, now: number): SessionSnapshot | undefined {
    return this.#sessions.release(session, now);
  }

  adopt(snapshot: SessionSnapshot, find: FindDevice, epoch: number, now: number): void {
    this.#sessions.adopt(snapshot, find, epoch, now);
  }

  epochOf(session: string): number | undefined {
    return this.#sessions.epochOf(session);
  }

  rejoin(device: Device, session: string, now: number): boolean {
    return this.#sessions.rejoin(device, session, now);
  }

  surrender(session: string, epoch: number, owner: string): Device[] {
    return this.#sessions
      .surrender(session, epoch, owner)
      .filter(({ link }) => !(link instanceof RemoteLink));
  }

  rung(device: Device, caller: Device, session: string, now: number): void {
    this.#sessions.rungFromElsewhere(device, caller, session, now);
  }

  load(device: Device): number {
    return this.#sessions.load(device);
  }
}
