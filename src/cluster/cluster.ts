import { slices } from "../shared/slices.ts";
import type { Device, LinkEnd } from "../signaling/device.ts";
import { Survey } from "../signaling/survey.ts";
import type { GoneOn, Lost } from "./channel.ts";
import { CheckedBackplane } from "./checked-backplane.ts";
import type { ClusterOptions, ClusterStats } from "./cluster-host.ts";
import { Deliveries } from "./devices/deliveries.ts";
import { localDevices } from "./devices/device-notice.ts";
import { RemoteDevices, type RemoteDevicesEvents } from "./devices/remote-devices.ts";
import { RemoteLink } from "./devices/remote-link.ts";
import type { NodeItem, SessionClaim } from "./items.ts";
import { LinkFences } from "./links/link-fences.ts";
import { type LinkState, LinkTransfer } from "./links/link-transfer.ts";
import { type Broadcast, Nodes, type NodesEvents } from "./nodes.ts";
import { ClusterRooms } from "./rooms/cluster-rooms.ts";
import { LegInbox } from "./sessions/leg-inbox.ts";
import { OwnerInbox } from "./sessions/owner-inbox.ts";
import { RemoteLegs } from "./sessions/remote-legs.ts";
import { SessionClaims } from "./sessions/session-claims.ts";
import { SessionFinder } from "./sessions/session-finder.ts";
import { SessionHandover } from "./sessions/session-handover.ts";
import { SettlingBackplane } from "./settling-backplane.ts";
import { answerSurveys, surveyPeers } from "./survey-peers.ts";

/** How many kicks one item tells. */
const kicksAtOnce = 500;

/**
 * The other nodes, as the core of this one sees them. It adds to the directory the devices of other nodes that somebody
 * here has to do with; what is said to those travels to their node, and what they ask of sessions here comes from there.
 * Sessions, presence and messages do not know on which node a device is.
 */
export class Cluster implements NodesEvents, RemoteDevicesEvents {
  readonly nodes: Nodes;
  readonly devices: RemoteDevices;
  readonly legs: RemoteLegs;
  readonly rooms: ClusterRooms;
  readonly finder: SessionFinder;
  readonly transfer: LinkTransfer;
  readonly handover: SessionHandover;
  readonly claims: SessionClaims;
  readonly deliveries: Deliveries;
  readonly survey: Survey;
  readonly #fences: LinkFences;
  readonly #inbox: OwnerInbox;
  readonly #legInbox: LegInbox;
  readonly #options: ClusterOptions;
  #malformed = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    const { node, boot, limits, ports, deadlines, directory, host } = options;
    const checked = new CheckedBackplane(options.backplane, () => this.malformed());
    const backplane = new SettlingBackplane(checked, deadlines, ports.now);
    const silence = limits.nodeSilence;
    this.nodes = new Nodes({ node, boot, backplane, deadlines, silence, now: ports.now, events: this });
    const local = (user: string) => localDevices(directory, user);
    this.survey = new Survey({
      node,
      peers: surveyPeers(this.nodes, backplane),
      fault: (where, error) => ports.emit({ type: "fault", where, error }),
    });
    answerSurveys(this.survey, node, backplane);
    this.devices = new RemoteDevices({
      nodes: this.nodes,
      backplane,
      deadlines,
      directory,
      now: ports.now,
      ports,
      hash: ports.hash,
      local,
      events: this,
    });
    this.legs = new RemoteLegs({
      nodes: this.nodes,
      deadlines,
      limits,
      overdue: ({ device, session, owner }) => this.claims.rejoin(device, session, owner),
    });
    const { nodes, devices, legs } = this;
    const rules = options.rooms;
    const random = ports.random.bind(ports);
    const { connect, disconnect } = host;
    const rooms = new ClusterRooms({
      rooms: {
        limits,
        rules,
        deadlines,
        random,
        connect: connect.bind(host),
        disconnect: disconnect.bind(host),
        emit: (event) => ports.emit(event),
      },
      ...{ limits, nodes, devices, legs, backplane, deadlines, now: ports.now, hash: ports.hash },
    });
    this.rooms = rooms;
    this.deliveries = new Deliveries(nodes, ports.now);
    this.transfer = new LinkTransfer({
      nodes,
      devices,
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
          return [...new Set([...legs.owners(device), ...rooms.ownersOf(device)])];
        },
        heard: (link, done) => {
          const device = host.localByLink(link);
          if (device === undefined) done();
          else this.deliveries.whenNone(device, done);
        },
      },
    });
    const gaveAway = (session: string, owner: string, epoch: number) =>
      this.claims.gaveAway(session, owner, epoch);
    this.handover = new SessionHandover({ nodes, devices, legs, host, gaveAway });
    const finder = new SessionFinder({
      node,
      backplane,
      now: ports.now,
      ticketTtl: limits.ticketTtl,
      owns: host.owns.bind(host),
      keyed: (user, key) => host.keyed(user, key, ports.now()),
    });
    this.finder = finder;
    this.#fences = new LinkFences(nodes);
    const claims = new SessionClaims({ nodes, devices, legs, finder, deadlines, local, host });
    this.claims = claims;
    const { transfer } = this;
    this.#inbox = new OwnerInbox({ nodes, legs, transfer, claims, directory, host, rooms });
    this.#legInbox = new LegInbox({ devices, ports, host, nodes });
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
      malformed: this.#malformed,
    };
  }

  /** True when nothing waits for another node. */
  get idle(): boolean {
    return this.nodes.backlog === 0 && this.handover.size === 0;
  }

  // Links that change their node

  /** The link of the device has gone over to that node, as one that has part in these sessions of this node. */
  gaveAway(device: Device, to: string, sessions: readonly string[]): void {
    const moved = { t: "moved", link: device.link.id, to } as const;
    const owners = new Set([...this.legs.owners(device), ...this.rooms.ownersOf(device)]);
    for (const owner of owners) this.nodes.send(owner, moved);
    this.legs.dropped(device);
    this.devices.gaveAway(device, to, sessions);
    this.rooms.gaveAway(device);
  }

  /** A link has come from another node. */
  adopted(device: Device, linkState: LinkState, held: readonly NodeItem[], now: number): void {
    const { host, node } = this.#options;
    const own = linkState.legs.filter(({ owner }) => owner === node);
    const remote = linkState.legs.filter(({ owner }) => owner !== node);
    this.legs.restore(device, remote);
    this.rooms.adoptMemberships(device, linkState.rooms, now);
    // Which sessions of this node it has part in is known here without words; nor does what rings already ring again.
    const rings = own.filter(({ caller }) => caller !== undefined).map(({ session }) => session);
    const known = (item: NodeItem) =>
      item.t === "bound" ||
      item.t === "unbound" ||
      (item.t === "push" && item.push.type === "incoming" && rings.includes(item.push.session));
    for (const item of held) if (!known(item)) this.#inbox.heard(node, item, now);
    for (const { from, item } of this.transfer.arrived(device.link.id)) this.#inbox.heard(from, item, now);
    for (const leg of own)
      if (host.legNumber(leg.session, device) === undefined && !held.some((item) => ends(item, leg.session)))
        this.claims.missing(device, leg, now);
    // What waited for the session to come here, which it has done before its device.
    for (const { session, held: waiting } of own)
      if (waiting !== undefined && host.legNumber(session, device) !== undefined)
        this.claims.performHeld(device, waiting, now);
    this.devices.announce(device.user);
  }

  // NodesEvents

  malformed(): void {
    this.#malformed += 1;
  }

  /** A fault of ours costs this item, and not those behind it. */
  item(from: string, item: NodeItem, now: number): void {
    try {
      this.#item(from, item, now);
    } catch (error) {
      this.#options.ports.emit({ type: "fault", where: `item ${item.t}`, error });
    }
  }

  #item(from: string, item: NodeItem, now: number): void {
    switch (item.t) {
      case "devices":
        this.devices.listed(from, item, now);
        break;
      case "who":
        this.devices.asked(from, item.users, item.held === true);
        break;
      case "resync":
        this.devices.resync(from);
        this.#settleWith(from);
        break;
      case "bound":
      case "unbound":
      case "push":
      case "reply":
      case "shut":
      case "fence":
      case "gap":
        this.#inbox.heard(from, item, now);
        break;
      case "room":
      case "room-rules":
      case "room-since":
      case "room-term":
      case "room-lost":
      case "room-moved":
        this.rooms.item(from, item, now);
        break;
      case "forward":
        this.#item(item.from, item.item, now);
        break;
      case "moved":
        this.devices.relocated(item.link, item.to, now);
        break;
      case "fenced":
        this.#fences.fenced(item);
        break;
      case "rejoin":
        this.claims.rejoins(from, item, now);
        break;
      case "leaving": {
        const device = this.#options.host.localByLink(item.link);
        if (device !== undefined) this.legs.hold(device, item.session, from);
        else this.#inbox.stray(from, item.link, item);
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
      case "kicks":
        this.#options.host.learnKicks(item.kicks, now);
        break;
      case "keys":
        this.#options.host.keysOver(item.user, item.keys, now);
        break;
      case "stale":
        this.claims.superseded(item.session, item.owner, item.epoch, now);
        break;
      case "ask":
      case "link":
      case "closed":
        this.#legInbox.heard(from, item, now);
    }
  }

  goneOn(items: readonly NodeItem[]): readonly GoneOn[] {
    return this.transfer.goneOn(items);
  }

  sentOn(peer: string, { link: id, to }: GoneOn, now: number): void {
    const link = this.devices.byLink(id)?.link;
    // It may have been heard, and have gone on from there since.
    if (link instanceof RemoteLink && link.node === peer) this.devices.relocated(id, to, now);
  }

  broadcast({ user, device }: Broadcast, now: number): void {
    this.#options.host.kicked(user, device, now);
  }

  up(node: string, again: boolean, now: number): void {
    const kicks = this.#options.host.kicks(now);
    for (const some of slices(kicks, kicksAtOnce)) this.nodes.send(node, { t: "kicks", kicks: some });
    this.rooms.up(again);
    if (!again) return;
    this.nodes.send(node, { t: "resync" });
    this.devices.resync(node);
    this.devices.restored();
    this.#settleWith(node);
  }

  /** What was said of sessions meanwhile may be lost on either side. */
  #settleWith(node: string): void {
    this.claims.repeat(node);
    // One that is about to leave its owner is another node's soon.
    for (const { device, session, held } of this.legs.ownedBy(node))
      if (held === undefined) this.claims.rejoin(device, session, node);
  }

  gone(node: string, lost: Lost, now: number): void {
    this.legs.ownerGone(node, now);
    this.handover.nodeGone(node, now);
    this.#inbox.lost(lost, now);
    this.#fences.gone(node);
    this.#fences.lost([...lost.doubtful, ...lost.unsent]);
    this.devices.nodeGone(node, now);
    this.rooms.gone(node, now);
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

  claimed(user: string, claim: SessionClaim, now: number): void {
    this.claims.claimed(user, claim, now);
  }

  moved(link: RemoteLink, to: string): void {
    this.#fences.moved(link, to);
  }

  reached(link: RemoteLink): void {
    this.transfer.reached(link);
  }
}

/** The item says that its link has no part in that session any more. */
function ends(item: NodeItem, session: string): boolean {
  if (item.t === "unbound") return item.session === session;
  return item.t === "push" && item.push.type === "ended" && item.push.session === session;
}
