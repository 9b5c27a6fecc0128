import { wireError } from "../../protocol/error-codes.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import { type Request, silentRequests } from "../../protocol/requests.ts";
import type { Deadlines } from "../../shared/deadlines.ts";
import type { Backplane } from "../backplane.ts";
import type { Device, Outcome } from "../device.ts";
import type { Directory } from "../directory.ts";
import type { LinkEnd } from "../links.ts";
import { NativeLink } from "../native-link.ts";
import type { Ports } from "../ports.ts";
import type { ClusterRooms } from "./cluster-rooms.ts";
import { ForeignLegs } from "./foreign-legs.ts";
import type { NodeItem } from "./node-item.ts";
import { type Broadcast, Nodes, type NodesEvents } from "./nodes.ts";
import { type LocalDevice, RemoteDevices, type RemoteDevicesEvents } from "./remote-devices.ts";
import { RemoteLink } from "./remote-link.ts";

/** What the cluster makes happen in the core of this node. */
export interface ClusterHost {
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
  /** How many sessions the device has part in, here and elsewhere. */
  load(device: Device): number;
  kicked(user: string, device: string | undefined, now: number): void;
}

export interface ClusterOptions {
  readonly node: string;
  readonly boot: string;
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
  rooms: ClusterRooms | undefined;
  readonly #options: ClusterOptions;

  constructor(options: ClusterOptions) {
    this.#options = options;
    const { node, boot, ports, backplane, deadlines, directory, host } = options;
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
    this.legs = new ForeignLegs(this.nodes);
  }

  tick(now: number): void {
    this.nodes.tick(now);
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
        this.#fromOwner(from, item, now);
        break;
      case "room":
      case "room-rules":
      case "room-moved":
        this.rooms?.item(from, item, now);
        break;
      case "ask":
      case "link":
      case "closed": {
        const device = this.devices.byLink(item.link);
        if (device === undefined) break;
        if (item.t === "ask") this.#asked(device, item.request, now);
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
  }

  gone(node: string, lost: readonly NodeItem[], now: number): void {
    this.legs.ownerGone(node, now);
    // A signal that did not arrive: its sender is told, who would not miss an answer.
    for (const item of lost)
      if (item.t === "ask" && silentRequests.has(item.request.type)) {
        const device = this.#options.host.localByLink(item.link);
        if (device !== undefined)
          this.#reply(device, item.request.id, { error: wireError("temporary") }, now);
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

  moved(_device: Device, link: RemoteLink, to: string): void {
    link.node = to;
  }

  // Inside

  #fromOwner(
    from: string,
    item: Extract<NodeItem, { t: "bound" | "unbound" | "push" | "reply" | "shut" }>,
    now: number,
  ): void {
    const { host } = this.#options;
    if (item.t === "push") {
      for (const link of item.links) this.#push(from, host.localByLink(link), item.push, now);
      return;
    }
    const device = host.localByLink(item.link);
    if (device === undefined) {
      // It has closed meanwhile; where that was not heard, it is now.
      if (item.t === "bound") this.nodes.send(from, { t: "closed", link: item.link, why: "expired" });
      return;
    }
    if (item.t === "bound") {
      this.legs.bound(device, item.session, from, item.epoch);
      if (device.link.state === "suspended")
        this.nodes.send(from, { t: "link", link: item.link, state: "suspended" });
    } else if (item.t === "unbound") this.legs.unbound(device, item.session, from);
    else if (item.t === "shut") device.link.close(item.why, now);
    else this.#reply(device, item.id, item.outcome, now);
  }

  #push(from: string, device: Device | undefined, push: PushBody, now: number): void {
    if (device === undefined || this.rooms?.heard(from, device, push, now) === false) return;
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
    if (push.type === "session" && push.room !== undefined)
      this.legs.meshed(device, push.session, push.room);
    if (push.type !== "incoming" || push.from.device === undefined) return;
    this.legs.rung(device, push.session, push.from);
    const caller = this.#options.directory.device(push.from.user, push.from.device);
    if (caller !== undefined) this.#options.host.rung(device, caller, push.session, now);
  }

  #reply(device: Device, id: number, outcome: Outcome, now: number): void {
    const { link } = device;
    const awaited = this.legs.replied(device, id) || this.rooms?.replied(device, id, outcome);
    if (!awaited && link instanceof NativeLink) link.inFlight += 1;
    link.reply(id, outcome, now);
  }

  #asked(device: Device, request: Request, now: number): void {
    const { host, ports } = this.#options;
    let outcome: Outcome | undefined;
    try {
      outcome = host.perform(device, request, now);
    } catch (error) {
      ports.emit({ type: "fault", where: request.type, error });
      outcome = { error: wireError("internal") };
    }
    const said = outcome === undefined || ("ok" in outcome && silentRequests.has(request.type));
    if (outcome === undefined || said || request.id === nobodysRequest) return;
    device.link.reply(request.id, outcome, now);
  }

  #linkChanged(device: Device, state: "live" | "suspended", now: number): void {
    const { link } = device;
    if (!(link instanceof RemoteLink)) return;
    link.state = state;
    this.#options.host.remoteLink(device, state, now);
  }
}

/** The id of a request that a node makes for a device: nobody waits for its reply. */
const nobodysRequest = 0;
