import type { Backplane } from "../cluster/backplane.ts";
import { Cluster } from "../cluster/cluster.ts";
import { NodeCore } from "../cluster/cluster-door.ts";
import type { ClusterStats } from "../cluster/cluster-host.ts";
import type { CoreParts } from "../cluster/core-parts.ts";
import { LinkMigration } from "../cluster/links/link-migration.ts";
import { ClusterRooms } from "../cluster/rooms/cluster-rooms.ts";
import { wireError } from "../protocol/error-codes.ts";
import type { Limits } from "../protocol/limits.ts";
import type { Request, RequestOf } from "../protocol/requests.ts";
import { Deadlines } from "../shared/deadlines.ts";
import type { Device, Outcome } from "./device.ts";
import { DeviceLifecycle } from "./device-lifecycle.ts";
import { Directory } from "./directory.ts";
import { type GatewayOptions, GatewayPort } from "./gateway-port.ts";
import { type ConnectionHost, NativeConnection } from "./link/connection.ts";
import { drainLinks, sweepLinks } from "./link/link-upkeep.ts";
import { Links } from "./link/links.ts";
import { SignIn } from "./link/sign-in.ts";
import { Messages } from "./messages.ts";
import type { Ports, Remote, Transport } from "./ports.ts";
import { Presence } from "./presence.ts";
import type { RoomRule } from "./room/room-policy.ts";
import { Rooms } from "./room/rooms.ts";
import { type SessionRequest, Sessions } from "./session/sessions.ts";

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
export class Core implements ConnectionHost, CoreParts {
  readonly ports: Ports;
  readonly links: Links;
  readonly signIn: SignIn;
  draining = false;
  readonly cluster: Cluster | undefined;
  readonly migration: LinkMigration;
  readonly #lifecycle = new DeviceLifecycle(this);
  readonly #nodeCore = new NodeCore(this, this.#lifecycle, this.perform.bind(this));
  readonly #limits: Limits;
  readonly #deadlines = new Deadlines();
  readonly directory = new Directory();
  readonly gatewayDevices = new Map<string, Device>();
  readonly #gateways = new Set<string>();
  readonly sessions: Sessions;
  readonly presence: Presence;
  readonly rooms: Rooms | ClusterRooms;
  readonly #messages: Messages;
  /** Connections that have not said hello yet, and when they must have. In order of that. */
  readonly #silent = new Map<NativeConnection, number>();
  #swept: number;
  #sweptSlowly: number;

  constructor(options: CoreOptions, now: number) {
    const { limits, ports, node, backplane, rooms } = options;
    const deadlines = this.#deadlines;
    const directory = this.directory;
    this.ports = ports;
    this.#limits = limits;
    this.#swept = now;
    this.#sweptSlowly = now;
    const boot = ports.random(9);
    const cluster =
      backplane &&
      new Cluster({ node, boot, limits, ports, backplane, deadlines, directory, host: this.#nodeCore });
    this.cluster = cluster;
    const links = new Links({ limits, ports, deadlines, directory, hooks: this.#lifecycle });
    this.links = links;
    const migration = new LinkMigration({ node, ports, directory, hooks: this.#lifecycle, links });
    this.migration = migration;
    this.signIn = new SignIn({ node, ports, directory, hooks: this.#lifecycle, links, migration, cluster });
    this.sessions = new Sessions({ node, limits, ports, deadlines, directory, since: now, cluster });
    const following = cluster && { following: cluster.devices };
    this.presence = new Presence({ limits, directory, deadlines, ...following });
    const ofRooms = {
      limits,
      rules: rooms,
      deadlines,
      random: ports.random.bind(ports),
      connect: this.sessions.connect.bind(this.sessions),
      disconnect: this.sessions.disconnect.bind(this.sessions),
    };
    if (cluster === undefined) this.rooms = new Rooms(ofRooms);
    else {
      const { nodes, devices, legs, backplane } = cluster;
      const { now, hash } = ports;
      const more = { limits, nodes, devices, legs, backplane, deadlines, now, hash };
      cluster.rooms = new ClusterRooms({ rooms: ofRooms, ...more });
      this.rooms = cluster.rooms;
    }
    this.#messages = new Messages({ limits, directory, rooms: this.rooms, cluster });
  }

  /** The entrance for devices of another protocol. Throws where another gateway has the name. */
  gateway(options: GatewayOptions): GatewayPort {
    if (this.#gateways.has(options.name)) throw new Error(`there is a gateway ${options.name} already`);
    this.#gateways.add(options.name);
    if (options.asksOffers) this.sessions.setup.asksOffers = true;
    return new GatewayPort(options, {
      limits: this.#limits,
      ports: this.ports,
      deadlines: this.#deadlines,
      directory: this.directory,
      hooks: this.#lifecycle,
      draining: () => this.draining,
      attached: this.gatewayDevices,
      cluster: this.cluster,
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
      this.cluster?.tick(now);
      if (this.draining) this.#handOver(now);
      for (const [connection, by] of this.#silent) {
        if (by > now) break;
        this.ports.emit({ type: "limit", limit: "helloTimeout" });
        connection.refuse("helloTimeout");
      }
    }
    if (now - this.#sweptSlowly >= slowSweepEvery) {
      this.#sweptSlowly = now;
      this.sessions.sweep(now);
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
    this.cluster?.drain(now);
    this.#handOver(now);
    drainLinks(this.links, this.#deadlines, this.ports, within, now);
    this.settle(now);
  }

  /** True when a node that drains has nothing left that another one could go on with, and no gateway's device is in a call. */
  get empty(): boolean {
    const cluster = this.cluster;
    for (const device of this.gatewayDevices.values()) if (this.sessions.load(device) > 0) return false;
    if (cluster === undefined || !cluster.hasHeirs) return this.links.live === 0;
    return this.links.size === 0 && this.sessions.size === 0 && cluster.idle;
  }

  /** Tells the other nodes that this one is gone: nobody waits for it. The last thing that a node says. */
  leave(now: number): void {
    this.cluster?.nodes.leave(now);
  }

  #handOver(now: number): void {
    if (this.cluster === undefined) return;
    // First: the sessions of their meshes end with them here.
    this.cluster.rooms?.handOver(now);
    for (const id of this.sessions.ids()) this.cluster.handover.begin(id, now);
    this.sessions.setup.handOverKeys(now);
  }

  /** Ends the links of a user, or of one device, and refuses the user's tokens issued before now. Answers how many. */
  kick(user: string, device: string | undefined, now: number): number {
    const count = this.#nodeCore.kicked(user, device, now);
    this.cluster?.kicked(user, device);
    this.settle(now);
    return count;
  }

  stats(): CoreStats {
    return {
      linksLive: this.links.live,
      linksSuspended: this.links.size - this.links.live,
      devices: this.directory.deviceCount - (this.cluster?.devices.size ?? 0),
      users: this.cluster?.devices.held ?? this.directory.userCount,
      sessionsRinging: this.sessions.ringing,
      sessionsActive: this.sessions.active,
      signals: this.sessions.signals,
      rooms: this.rooms.size,
      transportsOpen: this.#silent.size + this.links.live,
      logBytes: this.links.budget.bytes,
    };
  }

  /** What this node has to do with others; undefined where there are none. */
  clusterStats(): ClusterStats | undefined {
    return this.cluster?.stats();
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
    if (request.type === "signal") return this.sessions.perform(device, request, now);
    this.ports.emit({ type: "request", request: request.type });
    switch (request.type) {
      case "call":
        return this.draining
          ? { error: wireError("temporary") }
          : this.sessions.setup.call(device, request, now);
      case "watch":
        return this.presence.watch(device, request.users, now);
      case "unwatch":
        return this.presence.unwatch(device, request.users);
      case "status":
        device.status = request.status === "" ? undefined : request.status;
        this.presence.changed(device.user, now);
        this.cluster?.altered(device.user);
        return done;
      case "send":
        return this.#messages.send(device, request, now);
      case "join":
      case "leave":
      case "admit":
      case "refuse":
      case "policy":
        return this.rooms.perform(device, request, now);
      case "refresh":
        this.#refresh(device, request, now);
        return undefined;
      default:
        return this.sessions.perform(device, request satisfies SessionRequest, now);
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
        this.presence.recheck(device);
        this.rooms.recheck(device, now);
      }
      this.settle(now);
    });
  }
}
