import { parseAddress } from "../protocol/address.ts";
import { wireError } from "../protocol/error-codes.ts";
import type { Limits } from "../protocol/limits.ts";
import type { Request } from "../protocol/requests.ts";
import { serverFeatures } from "../protocol/version.ts";
import { Deadlines } from "../shared/deadlines.ts";
import type { Device, Outcome } from "./device.ts";
import { DeviceLifecycle } from "./device-lifecycle.ts";
import { Directory } from "./directory.ts";
import { Dispatch } from "./dispatch.ts";
import { Alone, type Elsewhere } from "./elsewhere.ts";
import { type GatewayOptions, GatewayPort } from "./gateway-port.ts";
import { type ConnectionHost, NativeConnection } from "./link/connection.ts";
import { drainLinks, sweepLinks } from "./link/link-upkeep.ts";
import { Links } from "./link/links.ts";
import { SignIn } from "./link/sign-in.ts";
import { Messages } from "./messages.ts";
import type { Permission } from "./policy.ts";
import { PolicyGate } from "./policy-gate.ts";
import type { KnownDevice, Ports, Remote, Transport } from "./ports.ts";
import { Presence } from "./presence.ts";
import type { RoomRule } from "./room/room-policy.ts";
import type { RoomService } from "./room/room-service.ts";
import { Rooms } from "./room/rooms.ts";
import type { PlacedCall } from "./session/placed-calls.ts";
import { Sessions } from "./session/sessions.ts";
import type { StreamHost } from "./stream/stream-host.ts";
import { type StreamServer, Streams } from "./stream/streams.ts";

export interface CoreOptions {
  /** This node's name, unique in the cluster. */
  readonly node: string;
  readonly limits: Limits;
  readonly ports: Ports;
  readonly rooms: readonly RoomRule[];
  /** Undefined: there are no other nodes, and never will be. */
  readonly others?: OtherNodes | undefined;
}

/** What a core shares with whoever joins its node to others. */
export interface OtherNodes {
  readonly elsewhere: Elsewhere;
  /** The rooms of all nodes. */
  readonly rooms: RoomService;
  readonly directory: Directory;
  readonly deadlines: Deadlines;
}

/** What one transport says to the core. */
export interface Connection {
  /** One text frame. `came`: when it came, where it has waited since: the rate of requests is of that. */
  receive(text: string, now: number, came?: number): void;
  /** One text frame of a transport that has sent far too much: a request is refused for the rate, whatever the rate allows. */
  receiveOverRate(text: string, now: number): void;
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
  /** Of the active sessions those with the media server, by what their device does. */
  readonly sessionsPublishing: number;
  readonly sessionsViewing: number;
  readonly transportsOpen: number;
  readonly logBytes: number;
}

/** How often links are looked over, and how often what expires slowly is. */
const sweepEvery = 1_000;
const slowSweepEvery = 60_000;

/**
 * The signaling core of one node. Pure: it owns no socket, and time comes in with each call (Unix ms).
 * It joins the parts, each of which knows nothing of the others: links, sessions, presence, rooms, messages.
 */
export class Core implements ConnectionHost {
  readonly ports: Ports;
  readonly directory: Directory;
  readonly sessions: Sessions;
  readonly presence: Presence;
  readonly lifecycle: DeviceLifecycle;
  readonly streams: Streams;
  readonly links: Links;
  readonly signIn: SignIn;
  /** Devices of other protocols, by the ids of their links. */
  readonly gatewayDevices = new Map<string, Device>();
  readonly #gateways = new Set<string>();
  draining = false;
  readonly #limits: Limits;
  readonly #deadlines: Deadlines;
  readonly #elsewhere: Elsewhere;
  readonly rooms: RoomService;
  readonly #dispatch: Dispatch;
  /** Undefined: there is no policy, and nothing is asked. */
  readonly #gate: PolicyGate | undefined;
  /** Connections that have not said hello yet, and when they must have. In order of that. */
  readonly #silent = new Map<NativeConnection, number>();
  #swept: number;
  #sweptSlowly: number;

  constructor(options: CoreOptions, now: number) {
    const { limits, ports, node, others } = options;
    const deadlines = others?.deadlines ?? new Deadlines();
    const directory = others?.directory ?? new Directory();
    const elsewhere =
      others?.elsewhere ?? new Alone({ now: ports.now, since: now, ticketTtl: limits.ticketTtl });
    const sessions = new Sessions({ node, limits, ports, deadlines, directory, elsewhere });
    const rooms =
      others?.rooms ??
      new Rooms({
        limits,
        rules: options.rooms,
        deadlines,
        random: ports.random.bind(ports),
        connect: sessions.connect.bind(sessions),
        disconnect: sessions.disconnect.bind(sessions),
        emit: (event) => ports.emit(event),
      });
    const presence = new Presence({ limits, directory, deadlines, elsewhere });
    const streams = new Streams({
      ...{ limits, ports, deadlines },
      table: sessions.table,
      load: sessions.load.bind(sessions),
      stale: (identity, device, at) => this.links.stale(identity, device, at),
      draining: () => this.draining,
      ask: (question, at, done) => {
        if (this.#gate === undefined || !this.#gate.asks(question.request)) done({ allow: true }, at);
        else
          this.#gate.ask(question, at, (decision, later, tell) => {
            tell();
            done(decision, later);
          });
      },
    });
    const lifecycle = new DeviceLifecycle({ sessions, presence, rooms, streams, elsewhere });
    this.ports = ports;
    this.directory = directory;
    this.sessions = sessions;
    this.presence = presence;
    this.lifecycle = lifecycle;
    this.streams = streams;
    this.links = new Links({ limits, ports, deadlines, directory, lifecycle });
    const serves = (feature: (typeof serverFeatures)[number]): boolean =>
      feature === "streams" ? streams.served : feature !== "push" || ports.pushes !== undefined;
    const features = () => serverFeatures.filter(serves);
    this.signIn = new SignIn({ node, ports, directory, lifecycle, links: this.links, elsewhere, features });
    this.#limits = limits;
    this.#deadlines = deadlines;
    this.#elsewhere = elsewhere;
    this.rooms = rooms;
    this.#dispatch = new Dispatch({
      ...{ ports, links: this.links, sessions, presence, streams, rooms, elsewhere },
      messages: new Messages({ limits, directory, rooms, elsewhere, deadlines }),
      draining: () => this.draining,
      settle: this.settle.bind(this),
    });
    const { policy } = ports;
    this.#gate =
      policy &&
      new PolicyGate({
        ...{ policy, limits, ports, deadlines, directory, elsewhere },
        settled: this.#dispatch.isSettled.bind(this.#dispatch),
        perform: this.#dispatch.perform.bind(this.#dispatch),
        settle: this.settle.bind(this),
      });
    this.#swept = now;
    this.#sweptSlowly = now;
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
      lifecycle: this.lifecycle,
      draining: () => this.draining,
      attached: this.gatewayDevices,
      elsewhere: this.#elsewhere,
      stale: this.links.stale.bind(this.links),
      perform: this.perform.bind(this),
      settle: this.settle.bind(this),
    });
  }

  /** Joins the media server of this node: from now on there are streams. Throws where there is one already. */
  streamServer(host: StreamHost): StreamServer {
    return this.streams.serve(host);
  }

  /** Speaks the native protocol over a new transport. `known`: the only device that it is for. */
  open(transport: Transport, remote: Remote, now: number, known?: KnownDevice): Connection {
    const connection = new NativeConnection(this, transport, remote, known);
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
   * milliseconds. Calls go on: their media does not pass here. Streams end within that time.
   */
  drain(now: number, within: number): void {
    this.draining = true;
    this.streams.drain(within, now);
    drainLinks(this.links, this.#deadlines, this.ports, within, now);
    this.settle(now);
  }

  /** True when a node that drains has no client left, no stream, and no gateway's device in a call. */
  get empty(): boolean {
    return this.links.live === 0 && this.streams.size === 0 && !this.gatewaysInCalls;
  }

  /** True while a gateway's device is in a call: no other node can go on with that. */
  get gatewaysInCalls(): boolean {
    for (const device of this.gatewayDevices.values()) if (this.sessions.load(device) > 0) return true;
    return false;
  }

  /** Ends the links of a user, or of one device, and refuses the user's tokens issued before now. Answers how many. */
  kick(user: string, device: string | undefined, now: number): number {
    this.ports.emit({ type: "kicked", user, ...(device === undefined ? {} : { device }) });
    const count = this.links.kick(user, device, now) + this.streams.kick(user, device, now);
    this.settle(now);
    return count;
  }

  stats(): CoreStats {
    return {
      linksLive: this.links.live,
      linksSuspended: this.links.size - this.links.live,
      devices: this.directory.deviceCount - this.#elsewhere.devices,
      users: this.directory.userCount - this.#elsewhere.users,
      sessionsRinging: this.sessions.ringing,
      sessionsActive: this.sessions.active,
      signals: this.sessions.signals,
      rooms: this.rooms.size,
      sessionsPublishing: this.streams.counts.publish,
      sessionsViewing: this.streams.counts.view,
      transportsOpen: this.#silent.size + this.links.live,
      logBytes: this.links.budget.bytes,
    };
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
    const { observer } = this.ports;
    if (observer === undefined) return this.#decide(device, request, now);
    observer.request(device, request, now);
    const outcome = this.#decide(device, request, now);
    observer.outcome(device, request, outcome, now);
    return outcome;
  }

  /**
   * Connects two parties that have not asked for it, for the application: see {@link PlacedCalls.place}. The policy decides it as a call
   * of `from`; no grants are asked.
   */
  connect(request: PlacedCall, now: number, done: (outcome: Outcome) => void): void {
    const place = (later: number, permission?: Permission, tell?: (placed?: string) => void): void => {
      const placed = (outcome: Outcome): void => {
        tell?.("ok" in outcome ? (outcome.ok as { session: string }).session : undefined);
        done(outcome);
      };
      if (this.draining) placed({ error: wireError("temporary") });
      else this.sessions.setup.placed.place(request, permission, later, placed);
      this.settle(later);
    };
    const from = parseAddress(request.from);
    if (this.#gate === undefined || !this.#gate.asks("call") || from === undefined || !("user" in from)) {
      place(now);
      return;
    }
    const { to, media, data } = request;
    const who = { user: from.user, ...(from.kind === "device" && { device: from.device }), guest: false };
    const question = { request: "call", ...who, to, ...(media && { media }), data } as const;
    this.#gate.ask(question, now, (decision, later, tell) => {
      if (decision.allow) {
        place(later, decision, tell);
        return;
      }
      tell();
      done({ error: decision.error });
    });
  }

  #decide(device: Device, request: Request, now: number): Outcome | undefined {
    if (request.type === "signal") return this.sessions.perform(device, request, now);
    if (this.#gate !== undefined) return this.#gate.perform(device, request, now);
    return this.#dispatch.perform(device, request, now);
  }
}
