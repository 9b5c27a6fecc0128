import { wireError } from "../../protocol/error-codes.ts";
import type { Limits } from "../../protocol/limits.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import { type Request, silentRequests } from "../../protocol/requests.ts";
import type { Deadlines } from "../../shared/deadlines.ts";
import type { Backplane } from "../backplane.ts";
import type { Device, Outcome } from "../device.ts";
import type { Directory } from "../directory.ts";
import type { LinkEnd } from "../links.ts";
import { NativeLink } from "../native-link.ts";
import { failed } from "../outcome.ts";
import type { Ports } from "../ports.ts";
import type { ClusterRooms } from "./cluster-rooms.ts";
import { ForeignLegs, outranks } from "./foreign-legs.ts";
import { type LinkSource, LinkTransfer, type Parcel } from "./link-transfer.ts";
import type { NodeItem } from "./node-item.ts";
import { type Broadcast, Nodes, type NodesEvents } from "./nodes.ts";
import {
  type LocalDevice,
  RemoteDevices,
  type RemoteDevicesEvents,
  type SessionClaim,
} from "./remote-devices.ts";
import { RemoteLink } from "./remote-link.ts";
import { type KeyedCallElsewhere, SessionFinder } from "./session-finder.ts";
import { type HandoverHost, SessionHandover } from "./session-handover.ts";
import { SettlingBackplane } from "./settling-backplane.ts";

/** What the cluster makes happen in the core of this node. */
export interface ClusterHost extends Pick<LinkSource, "freeze" | "give" | "thaw">, HandoverHost {
  /** A device of this node, by its link. */
  localByLink(link: string): Device | undefined;
  local(user: string): readonly LocalDevice[];
  /** Performs what a device of another node asks. */
  perform(device: Device, request: Request, now: number): Outcome | undefined;
  /** A device of another node can be rung from now on. */
  arrived(device: Device, now: number): void;
  /** The link of a device of another node was lost for now, or is back. */
  remoteLink(device: Device, state: "live" | "suspended", now: number): void;
  /** A device of another node is gone for good. */
  departed(device: Device, why: LinkEnd, now: number): void;
  /** What others may see of the user's devices at other nodes has changed. */
  remoteChanged(user: string, now: number): void;
  /** Ends the link of a local device whose newer run is elsewhere. */
  displace(device: Device, why: "stale" | "replaced", now: number): void;
  /** A session of another node rings a device of this one. */
  rung(device: Device, caller: Device, session: string, now: number): void;
  /** True when this node owns the session, and the leg of that number can be found again. */
  owns(session: string, leg: number): boolean;
  /** The number of the device's leg in a session of this node. */
  legNumber(session: string, device: Device): number | undefined;
  /** The call that this node has taken under the user's key. */
  keyed(user: string, key: string, now: number): KeyedCallElsewhere | undefined;
  /** The epoch of a session that this node owns. */
  epochOf(session: string): number | undefined;
  /** A device of another node comes back to its part in a session of this one. False: it has none. */
  rejoin(device: Device, session: string, now: number): boolean;
  /** Another node owns the session in a newer epoch: the copy of this one counts no more. Answers its local devices. */
  surrender(session: string, epoch: number, owner: string): Device[];
  /** How many sessions the device has part in, here and elsewhere. */
  load(device: Device): number;
  kicked(user: string, device: string | undefined, now: number): void;
}

/** Gauges, for metrics. */
export interface ClusterStats {
  /** Other nodes that are there. */
  readonly peers: number;
  /** Devices of other nodes that are known here, and users that are followed. */
  readonly devices: number;
  readonly users: number;
  /** Parts that devices here have in sessions of other nodes. */
  readonly sessions: number;
  /** What waits to reach other nodes. */
  readonly backlog: number;
}

export interface ClusterOptions {
  readonly node: string;
  readonly boot: string;
  readonly limits: Limits;
  readonly ports: Ports;
  readonly backplane: Backplane;
  readonly deadlines: Deadlines;
  readonly directory: Directory;
  readonly host: ClusterHost;
}

/**
 * The other nodes, as the core of this one sees them. It adds to the directory the devices of other nodes that somebody
 * here has to do with; what is said to those travels to their node, and what they ask of sessions here comes from there.
 * Sessions, presence and messages do not know on which node a device is.
 */
export class Cluster implements NodesEvents, RemoteDevicesEvents {
  readonly nodes: Nodes;
  readonly devices: RemoteDevices;
  readonly legs: ForeignLegs;
  readonly backplane: Backplane;
  /** Set by the core, whose rooms need its sessions. */
  rooms: ClusterRooms | undefined;
  readonly finder: SessionFinder;
  readonly transfer: LinkTransfer;
  readonly handover: SessionHandover;
  /** Links on their way from node to node that this one has something to say to: what it said before is there first. */
  readonly #fences = new Map<string, { readonly link: RemoteLink; readonly via: string }>();
  readonly #options: ClusterOptions;

  constructor(options: ClusterOptions) {
    this.#options = options;
    const { node, boot, ports, deadlines, directory, host } = options;
    const backplane = new SettlingBackplane(options.backplane, deadlines, ports.now);
    this.backplane = backplane;
    this.nodes = new Nodes({ node, boot, backplane, deadlines, now: ports.now, events: this });
    this.devices = new RemoteDevices({
      nodes: this.nodes,
      backplane,
      deadlines,
      directory,
      now: ports.now,
      hash: ports.hash,
      local: host.local.bind(host),
      events: this,
    });
    const { detachedTimeout, ticketTtl } = options.limits;
    this.legs = new ForeignLegs(this.nodes, deadlines, detachedTimeout);
    const owns = host.owns.bind(host);
    const keyed = (user: string, key: string) => host.keyed(user, key, ports.now());
    this.transfer = new LinkTransfer({
      nodes: this.nodes,
      devices: this.devices,
      backplane,
      deadlines,
      now: ports.now,
      source: {
        freeze: (request, now) => host.freeze(request, now),
        give: (request, now) => host.give(request, now),
        thaw: (link, now) => host.thaw(link, now),
        owners: (link) => {
          const device = host.localByLink(link);
          if (device === undefined) return [];
          return [...new Set([...this.legs.owners(device), ...(this.rooms?.ownersOf(device) ?? [])])];
        },
      },
    });
    const { nodes, devices, legs } = this;
    this.handover = new SessionHandover({ nodes, devices, legs, host });
    this.finder = new SessionFinder({ node, backplane, now: ports.now, ticketTtl, owns, keyed });
  }

  tick(now: number): void {
    this.nodes.tick(now);
    this.transfer.sweep(now);
  }

  /** This node leaves: others are not to count on it any more. */
  drain(now: number): void {
    this.nodes.draining = true;
    this.nodes.beat(now);
  }

  /** True when there is another node that could go on with what this one has. */
  get hasHeirs(): boolean {
    return [...this.nodes.live()].some((node) => !this.nodes.isDraining(node));
  }

  stats(): ClusterStats {
    return {
      peers: [...this.nodes.live()].length,
      devices: this.devices.size,
      users: this.devices.followed,
      sessions: this.legs.size,
      backlog: this.nodes.backlog,
    };
  }

  /** True when nothing waits for another node. */
  get idle(): boolean {
    return this.nodes.backlog === 0 && this.handover.size === 0;
  }

  /** Other nodes that may remember what the device, or another one of its user, has asked before. */
  nodesThatKnew({ user, cameFrom }: Device): string[] {
    const nodes = new Set(this.devices.everHeld(user));
    if (cameFrom !== undefined) nodes.add(cameFrom);
    return [...nodes].filter((node) => node !== this.nodes.name && this.nodes.isLive(node));
  }

  // What happens to devices of this node

  /** A device of the user came, or is another than before. */
  altered(user: string): void {
    this.devices.announce(user);
  }

  suspended(device: Device): void {
    this.legs.tell(device, { t: "link", link: device.link.id, state: "suspended" });
  }

  resumed(device: Device): void {
    this.legs.tell(device, { t: "link", link: device.link.id, state: "live" });
  }

  closed(device: Device, why: LinkEnd): void {
    const link = device.link.id;
    this.legs.tell(device, { t: "closed", link, why });
    this.legs.dropped(device);
    this.devices.announce(device.user, { link, why });
  }

  /** Calls back when everything that was said to these devices has arrived at their nodes. */
  delivered(devices: readonly Device[], done: (now: number) => void): void {
    const nodes = new Set<string>();
    for (const { link } of devices) if (link instanceof RemoteLink) nodes.add(link.node);
    let left = nodes.size;
    if (left === 0) done(this.#options.ports.now());
    for (const node of nodes)
      this.nodes.flushed(node, (_arrived, now) => {
        left -= 1;
        if (left === 0) done(now);
      });
  }

  kicked(user: string, device: string | undefined): void {
    this.nodes.broadcast({ op: "kick", user, ...(device === undefined ? {} : { device }) });
  }

  /** The link of the device has gone over to that node, as one that has part in these sessions of this node. */
  gaveAway(device: Device, to: string, sessions: readonly string[]): void {
    const moved = { t: "moved", link: device.link.id, to } as const;
    const owners = new Set([...this.legs.owners(device), ...(this.rooms?.ownersOf(device) ?? [])]);
    for (const owner of owners) this.nodes.send(owner, moved);
    this.legs.dropped(device);
    this.devices.gaveAway(device, to, sessions);
    this.rooms?.gaveAway(device);
  }

  /** A link has come from another node. */
  adopted(device: Device, parcel: Parcel, held: readonly NodeItem[], now: number): void {
    const foreign = parcel.legs.filter(({ owner }) => owner !== this.nodes.name);
    this.legs.restore(device, foreign);
    this.rooms?.adoptMemberships(device, parcel.rooms, now);
    // Which sessions of this node it has part in is known here without words.
    for (const item of held)
      if (item.t !== "bound" && item.t !== "unbound") this.#fromOwner(this.nodes.name, item, now);
    for (const { from, item } of this.transfer.arrived(device.link.id)) this.#fromOwner(from, item, now);
    this.devices.announce(device.user);
  }

  /**
   * Brings a new device of this node back to its part in sessions of other nodes. Those hear of that before anybody hears
   * that an older run of the device is over, which would end what it has part in.
   */
  rejoinAll(device: Device, sessions: ReadonlyMap<string, string>): void {
    const owners = new Set(sessions.values());
    if (owners.size === 0) return;
    const { deadlines, ports } = this.#options;
    const release = this.devices.holdBack(device.user);
    let held = true;
    const done = (): void => {
      if (held) release();
      held = false;
    };
    for (const [session, owner] of sessions) this.rejoin(device, session, owner);
    let open = owners.size;
    for (const owner of owners)
      this.nodes.flushed(owner, () => {
        open -= 1;
        if (open === 0) done();
      });
    deadlines.add(ports.now() + rejoinTimeout, done);
  }

  /** Brings a device of this node back to its part in a session of that node. */
  rejoin(device: Device, session: string, owner: string): void {
    const notice = this.devices.noticeOf(device);
    if (notice !== undefined)
      this.nodes.send(owner, { t: "rejoin", user: device.user, device: notice, session });
  }

  /** This node owns the session from now on: those who have part in it are told. */
  claim(session: string, epoch: number, users: readonly string[], now: number): void {
    this.finder.took(session);
    const claim: SessionClaim = { op: "claim", session, owner: this.nodes.name, epoch };
    for (const user of new Set(users)) {
      this.devices.tell(user, claim);
      this.claimed(user, claim, now);
    }
  }

  // NodesEvents

  item(from: string, item: NodeItem, now: number): void {
    switch (item.t) {
      case "devices":
        this.devices.listed(from, item, now);
        break;
      case "who":
        this.devices.asked(from, item.users);
        break;
      case "resync":
        this.devices.resync(from);
        break;
      case "bound":
      case "unbound":
      case "push":
      case "reply":
      case "shut":
      case "fence":
      case "gap":
        this.#fromOwner(from, item, now);
        break;
      case "room":
      case "room-rules":
      case "room-since":
      case "room-term":
      case "room-lost":
      case "room-moved":
        this.rooms?.item(from, item, now);
        break;
      case "forward":
        this.item(item.from, item.item, now);
        break;
      case "moved":
        this.devices.relocated(item.link, item.to, now);
        break;
      case "fenced":
        this.#fenced(item.link);
        break;
      case "rejoin": {
        const { session, user, device: notice } = item;
        this.devices.introduce(from, user, notice, now, (device) => {
          if (this.#options.host.rejoin(device, session, now)) return;
          const push = { type: "ended", session, reason: "lost" } as const;
          this.nodes.send(from, { t: "push", links: [notice.link], push });
          this.nodes.send(from, { t: "unbound", link: notice.link, session });
        });
        break;
      }
      case "leaving": {
        const device = this.#options.host.localByLink(item.link);
        if (device !== undefined) this.legs.hold(device, item.session, from);
        else this.#stray(from, item.link, item);
        break;
      }
      case "lastWord":
        this.nodes.send(from, { t: "left", session: item.session });
        break;
      case "left":
        this.handover.left(from, item.session, now);
        break;
      case "adopt":
        this.handover.adopt(item, now);
        break;
      case "stale":
        this.#surrender(item.session, item.owner, item.epoch);
        break;
      case "ask":
      case "link":
      case "closed": {
        const device = this.devices.byLink(item.link);
        if (device === undefined) break;
        if (item.t === "ask") this.#asked(device, item.request, item.leg, now);
        else if (item.t === "closed") this.devices.ended(device, item.why, now);
        else this.#linkChanged(device, item.state, now);
      }
    }
  }

  broadcast({ user, device }: Broadcast, now: number): void {
    this.#options.host.kicked(user, device, now);
  }

  up(node: string, again: boolean, _now: number): void {
    this.rooms?.up(again);
    if (!again) return;
    this.nodes.send(node, { t: "resync" });
    this.devices.resync(node);
    this.devices.restored();
    // What was said of these meanwhile may be lost on either side.
    for (const { device, session } of this.legs.ownedBy(node)) this.rejoin(device, session, node);
  }

  gone(node: string, lost: readonly NodeItem[], now: number): void {
    this.legs.ownerGone(node, now);
    this.handover.nodeGone(node, now);
    // A signal that did not arrive: its sender is told, who would not miss an answer.
    for (const item of lost)
      if (item.t === "ask" && silentRequests.has(item.request.type)) {
        const device = this.#options.host.localByLink(item.link);
        if (device !== undefined)
          this.#refused(device, item.request.id, { error: wireError("temporary") }, now);
      }
    // What was said to a link by its former node may be lost with that: it can't go on as if nothing were.
    for (const [id, { link, via }] of this.#fences) {
      if (via !== node) continue;
      this.nodes.send(link.node, { t: "gap", link: id });
      this.#fenced(id);
    }
    this.devices.nodeGone(node, now);
    this.rooms?.gone(node, now);
  }

  // RemoteDevicesEvents

  arrived(device: Device, now: number): void {
    this.#options.host.arrived(device, now);
  }

  departed(device: Device, why: LinkEnd, now: number): void {
    this.#options.host.departed(device, why, now);
  }

  changed(user: string, now: number): void {
    this.#options.host.remoteChanged(user, now);
  }

  displaced(device: Device, same: boolean, now: number): void {
    this.#options.host.displace(device, same ? "stale" : "replaced", now);
  }

  claimed(user: string, { session, owner, epoch }: SessionClaim, now: number): void {
    const here = owner === this.nodes.name;
    if (!here) this.#surrender(session, owner, epoch);
    // Of two that took it over at once this one stays: the other has not heard of it yet.
    const mine = here ? undefined : this.#options.host.epochOf(session);
    if (mine !== undefined)
      this.nodes.send(owner, { t: "stale", session, epoch: mine, owner: this.nodes.name });
    for (const { device } of this.#options.host.local(user)) {
      const known = this.legs.ownerOf(device, session);
      if (known === undefined || known.owner === owner || !outranks({ epoch, owner }, known)) continue;
      if (!here) {
        this.legs.bound(device, session, owner, epoch);
        this.rejoin(device, session, owner);
        continue;
      }
      const open = this.legs.take(device, session);
      this.#options.host.rejoin(device, session, now);
      for (const request of open) {
        const outcome = this.#options.host.perform(device, request, now);
        if (outcome !== undefined) device.link.reply(request.id, outcome, now);
      }
    }
  }

  moved(link: RemoteLink, to: string): void {
    const former = link.node;
    link.node = to;
    // It is on its way here, and held for that.
    if (to === this.nodes.name || (link.holds && !this.#fences.has(link.id))) return;
    if (!this.nodes.isLive(former)) return;
    link.hold();
    this.#fences.set(link.id, { link, via: former });
    this.nodes.send(former, { t: "fence", link: link.id, by: this.nodes.name });
  }

  // Inside

  #fromOwner(from: string, item: NodeItem, now: number): void {
    const { host } = this.#options;
    if (item.t === "push") {
      for (const link of item.links) {
        const device = host.localByLink(link);
        if (device !== undefined) this.#push(from, device, item.push, now);
        else this.#stray(from, link, { ...item, links: [link] });
      }
      return;
    }
    if (!("link" in item)) return;
    const device = host.localByLink(item.link);
    if (device === undefined) this.#stray(from, item.link, item);
    else this.#fromOwnerTo(device, from, item, now);
  }

  /** An item for a link that is not here: on its way, gone on, or closed; where that was not heard, it is now. */
  #stray(from: string, link: string, item: NodeItem): void {
    if (this.transfer.diverted(from, link, item)) return;
    if (item.t === "bound" || item.t === "push") this.nodes.send(from, { t: "closed", link, why: "expired" });
    else if (item.t === "fence") this.nodes.send(item.by, { t: "fenced", link });
  }

  #fenced(id: string): void {
    const fence = this.#fences.get(id);
    this.#fences.delete(id);
    fence?.link.release();
  }

  #fromOwnerTo(device: Device, from: string, item: NodeItem, now: number): void {
    if (item.t === "bound") {
      if (!this.legs.bound(device, item.session, from, item.epoch, item.leg))
        this.#stale(from, device, item.session);
      else if (device.link.state === "suspended")
        this.nodes.send(from, { t: "link", link: item.link, state: "suspended" });
    } else if (item.t === "unbound") this.legs.unbound(device, item.session, from);
    else if (item.t === "shut") device.link.close(item.why, now);
    else if (item.t === "fence") this.nodes.send(item.by, { t: "fenced", link: item.link });
    else if (item.t === "gap") device.link.close("lostFrames", now);
    else if (item.t !== "reply") return;
    else if (item.silent === true) this.#refused(device, item.id, item.outcome, now);
    else if (item.room !== undefined)
      this.rooms?.answered(from, item.room, device, item.id, item.outcome, now);
    else if (this.legs.replied(device, item.id, item.outcome)) device.link.reply(item.id, item.outcome, now);
  }

  /** A node speaks of a session that another one owns by now. */
  #stale(to: string, device: Device, session: string): void {
    const known = this.legs.ownerOf(device, session);
    if (known !== undefined) this.nodes.send(to, { t: "stale", session, ...known });
  }

  /** Gives up a copy of a session that another node owns in a newer epoch; its devices here turn to that. */
  #surrender(session: string, owner: string, epoch: number): void {
    for (const device of this.#options.host.surrender(session, epoch, owner)) {
      this.legs.bound(device, session, owner, epoch);
      this.rejoin(device, session, owner);
    }
  }

  #push(from: string, device: Device, push: PushBody, now: number): void {
    const owner = "session" in push ? this.legs.ownerOf(device, push.session)?.owner : undefined;
    if (owner !== undefined && owner !== from && "session" in push) {
      this.#stale(from, device, push.session);
      return;
    }
    if (this.rooms?.heard(from, device, push, now) === false) return;
    const { maxSessions } = device.capabilities;
    // Its node alone knows all the sessions that it has.
    if (
      push.type === "incoming" &&
      maxSessions !== undefined &&
      this.#options.host.load(device) > maxSessions
    ) {
      const request = { id: nobodysRequest, type: "decline", session: push.session, reason: "busy" } as const;
      this.nodes.send(from, { t: "ask", link: device.link.id, request });
      return;
    }
    device.link.deliver(push, now);
    if (push.type === "session" && push.room !== undefined) this.legs.meshed(device, push.session, push.room);
    if (push.type !== "incoming" || push.from.device === undefined) return;
    this.legs.rung(device, push.session, push.from);
    const caller = this.#options.directory.device(push.from.user, push.from.device);
    if (caller !== undefined) this.#options.host.rung(device, caller, push.session, now);
  }

  /** A request that is replied to only when it fails has failed: it was not counted as one that waits. */
  #refused({ link }: Device, id: number, outcome: Outcome, now: number): void {
    if (link instanceof NativeLink) link.inFlight += 1;
    link.reply(id, outcome, now);
  }

  #asked(device: Device, request: Request, leg: number | undefined, now: number): void {
    const { host, ports } = this.#options;
    let outcome: Outcome | undefined;
    try {
      const legNow = "session" in request ? host.legNumber(request.session, device) : undefined;
      // What was asked for a leg that is over, such as an answer to a ring, is not for the one that came after it.
      if (leg !== undefined && legNow !== undefined && leg !== legNow)
        outcome = failed(request.type === "accept" ? "answered_elsewhere" : "no_session");
      else outcome = host.perform(device, request, now);
    } catch (error) {
      ports.emit({ type: "fault", where: request.type, error });
      outcome = { error: wireError("internal") };
    }
    if (outcome === undefined || request.id === nobodysRequest) return;
    const { link } = device;
    if (!silentRequests.has(request.type)) link.reply(request.id, outcome, now);
    else if ("error" in outcome && link instanceof RemoteLink) link.refuse(request.id, outcome);
  }

  #linkChanged(device: Device, state: "live" | "suspended", now: number): void {
    const { link } = device;
    if (!(link instanceof RemoteLink)) return;
    link.state = state;
    this.#options.host.remoteLink(device, state, now);
  }
}

/** How long the others may wait to hear of a device that owners of its sessions hear of first. */
const rejoinTimeout = 2_000;

/** The id of a request that a node makes for a device: nobody waits for its reply. */
const nobodysRequest = 0;
