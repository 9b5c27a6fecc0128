import type { Deadlines } from "../../shared/deadlines.ts";
import { Device, type LinkEnd } from "../../signaling/device.ts";
import type { Directory } from "../../signaling/directory.ts";
import type { Ports } from "../../signaling/ports.ts";
import type { DeviceList, DeviceNotice, NodeItem } from "../items.ts";
import type { Nodes } from "../nodes.ts";
import type { Announcer } from "./announcer.ts";
import { type LocalDevice, newerRun, update } from "./device-notice.ts";
import type { Following } from "./following.ts";
import type { Interest } from "./interest.ts";
import { RemoteLink } from "./remote-link.ts";

export interface MirrorEvents {
  /** A device of another node can be rung and seen from now on. */
  arrived(device: Device, now: number): void;
  /** A device of another node is gone for good. */
  departed(device: Device, why: LinkEnd, now: number): void;
  /** What others may see of the user has changed. */
  changed(user: string, now: number): void;
  /** Another node holds a newer run of this local device. `same`: of the same instance. */
  displaced(device: Device, same: boolean, now: number): void;
  /** The link has moved to that node. */
  moved(link: RemoteLink, to: string, now: number): void;
  /** From now on items for the link can be sent to its node. */
  reached(link: RemoteLink): void;
}

export interface MirroredDevicesOptions {
  readonly nodes: Nodes;
  readonly deadlines: Deadlines;
  readonly directory: Directory;
  now(): number;
  readonly ports: Pick<Ports, "observer">;
  local(user: string): readonly LocalDevice[];
  readonly events: MirrorEvents;
  readonly interest: Interest;
  readonly announcer: Announcer;
}

/** How long after a link has moved its new node may say nothing of it. ms */
const confirmTimeout = 10_000;

/**
 * The devices of other nodes in the directory of this one, each with a {@link RemoteLink}. It follows what their nodes
 * list, or say of one of them. Of two runs of one device the newer one stays.
 */
export class MirroredDevices {
  readonly #options: MirroredDevicesOptions;
  readonly #links = new Map<string, Device>();

  constructor(options: MirroredDevicesOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#links.size;
  }

  /** The device of that link, where it is one of another node. */
  byLink(link: string): Device | undefined {
    return this.#links.get(link);
  }

  /** The node of a device says that it is gone for good. */
  ended(device: Device, why: LinkEnd, now: number): void {
    const { link, user } = device;
    if (!(link instanceof RemoteLink) || this.#links.get(link.id) !== device) return;
    this.#options.interest.get(user)?.lists.get(link.node)?.devices.delete(link.id);
    this.drop(device, why, now);
    this.#options.events.changed(user, now);
  }

  /** Forgets a remote device that a newer run has displaced here, and calls no event. */
  forget(device: Device): void {
    const { link } = device;
    if (!(link instanceof RemoteLink)) return;
    this.#options.interest.get(device.user)?.lists.get(link.node)?.devices.delete(link.id);
    this.#remove(device, link);
  }

  /** The link of a remote device has moved to that node. */
  relocated(id: string, to: string, now: number): void {
    const device = this.#links.get(id);
    const link = device?.link;
    if (device === undefined || !(link instanceof RemoteLink) || link.node === to) return;
    const following = this.#options.interest.of(device.user);
    this.#listOf(following, link.node).devices.delete(id);
    if (to !== this.#options.nodes.name) this.#listOf(following, to).devices.set(id, device);
    this.#awaitConfirmation(device, link, now);
    this.#options.events.moved(link, to, now);
    device.node = to;
  }

  /** Ends the device if the new node never says that it has the link. */
  #awaitConfirmation(device: Device, link: RemoteLink, now: number): void {
    link.confirmed = false;
    this.#options.deadlines.add(now + confirmTimeout, (later) => {
      if (!link.confirmed) this.ended(device, "expired", later);
    });
  }

  /**
   * A local link has moved to that node: its device goes on as one of that node's. `sessions`: those of this node that
   * it is in.
   */
  gaveAway(device: Device, to: string, sessions: readonly string[]): void {
    const following = this.#options.interest.of(device.user);
    const { id: link, instance = "", attempt = 1 } = device.link;
    const remote = this.#newLink({
      link,
      user: device.user,
      node: to,
      stamp: device.stamp,
      instance,
      attempt,
    });
    device.link = remote;
    device.node = to;
    this.#listOf(following, to).devices.set(link, device);
    this.#links.set(link, device);
    remote.knownIn(sessions);
    this.#awaitConfirmation(device, remote, this.#options.now());
    this.#options.announcer.announce(device.user, { link, movedTo: to });
  }

  /** The link of a remote device has moved here. Returns the device, and the items that were held back for the link. */
  tookOver(id: string): { readonly device: Device; readonly held: NodeItem[] } | undefined {
    const device = this.#links.get(id);
    const link = device?.link;
    if (device === undefined || !(link instanceof RemoteLink)) return undefined;
    this.#options.interest.get(device.user)?.lists.get(link.node)?.devices.delete(id);
    this.#links.delete(id);
    const held = link.takeHeld();
    link.ended();
    device.node = undefined;
    return { device, held };
  }

  #listOf(following: Following, node: string): { version: number; readonly devices: Map<string, Device> } {
    let list = following.lists.get(node);
    if (list === undefined) {
      list = { version: 0, devices: new Map() };
      following.lists.set(node, list);
    }
    return list;
  }

  /** Takes a list of another node: the user has these devices there and no others. */
  take(following: Following, list: DeviceList, now: number): void {
    const { node, user } = list;
    const { events } = this.#options;
    const known = this.#listOf(following, node);
    if (list.version > known.version) {
      known.version = Number.isFinite(list.version) ? list.version : known.version;
      let changed = false;
      const told = new Set(list.devices.map(({ link }) => link));
      // Devices that are gone come first: others of the same names may have taken their places.
      for (const [link, device] of [...known.devices]) {
        if (told.has(link)) continue;
        const closed = list.closed?.find((one) => one.link === link);
        // The list was made before the link came to that node.
        if (closed === undefined && (device.link as RemoteLink).confirmed === false) continue;
        if (closed !== undefined && "movedTo" in closed) {
          this.relocated(link, closed.movedTo, now);
          continue;
        }
        known.devices.delete(link);
        this.drop(device, closed?.why ?? "expired", now);
        changed = true;
      }
      for (const one of list.devices) {
        changed = this.meet(following, node, one, now) || changed;
      }
      if (changed) events.changed(user, now);
    }
  }

  /**
   * A node describes one of its devices. `met` hears of a device that is new here before an older run of it gives way.
   * True when others see a difference.
   */
  meet(
    following: Following,
    node: string,
    one: DeviceNotice,
    now: number,
    met: (device: Device) => void = () => {},
  ): boolean {
    const { directory, events } = this.#options;
    const { user } = following;
    const known = this.#links.get(one.link);
    if (known !== undefined) {
      const link = known.link as RemoteLink;
      // The list of a former node may come late: the node that has the link by now has heard a later hello.
      if (one.attempt < link.attempt) return false;
      if (link.node !== node) this.relocated(one.link, node, now);
      link.confirmed = true;
      link.attempt = one.attempt;
      return update(known, one);
    }
    // The link is one of this node, or was until now: what this node knows of it is newer.
    const local = this.#options.local(user).find(({ device }) => device.id === one.id);
    if (local?.device.link.id === one.link) return false;
    if (local !== undefined) {
      const same = local.instance === one.instance;
      const newer = newerRun(one, node, { ...local, node: this.#options.nodes.name });
      if (!newer) {
        // The other node has not heard of the local run. When it does, its own gives way.
        this.#options.announcer.announce(user);
        return false;
      }
      const device = this.#enter(following, node, one);
      met(device);
      events.displaced(local.device, same, now);
      events.arrived(device, now);
      return true;
    }
    const other = directory.devices(user).find((device) => device.id === one.id);
    const link = other?.link instanceof RemoteLink ? other.link : undefined;
    if (link !== undefined && !newerRun(one, node, link)) return false;
    const device = this.#enter(following, node, one);
    met(device);
    if (other !== undefined && link !== undefined) {
      this.forget(other);
      events.departed(other, link.instance === one.instance ? "renewed" : "replaced", now);
    }
    events.arrived(device, now);
    return true;
  }

  #enter(following: Following, node: string, one: DeviceNotice): Device {
    const { directory } = this.#options;
    const { link: id, stamp, instance, attempt, kind, name, capabilities, gateway } = one;
    const link = this.#newLink({ link: id, user: following.user, node, stamp, instance, attempt });
    this.#options.events.reached(link);
    const device = new Device({
      user: following.user,
      id: one.id,
      kind,
      name,
      capabilities,
      link,
      grants: {},
      node,
      ...(gateway === undefined ? {} : { gateway }),
    });
    device.stamp = stamp;
    update(device, one);
    this.#listOf(following, node).devices.set(id, device);
    this.#links.set(id, device);
    directory.add(device);
    return device;
  }

  #newLink(of: ConstructorParameters<typeof RemoteLink>[1]): RemoteLink {
    const { nodes, interest } = this.#options;
    const send = (to: string, item: NodeItem) => nodes.send(to, item);
    const used = ({ user }: RemoteLink, is: boolean) => (is ? interest.follow(user) : interest.release(user));
    const { ports } = this.#options;
    const deviceOf = ({ id }: RemoteLink) => this.#links.get(id);
    return new RemoteLink(
      {
        send,
        used,
        pushed: (link, push, now) => {
          const device = ports.observer && deviceOf(link);
          if (device !== undefined) ports.observer?.push(device, push, now);
        },
        replied: (link, id, outcome, now) => {
          const device = ports.observer && deviceOf(link);
          if (device !== undefined) ports.observer?.reply(device, id, outcome, now);
        },
      },
      of,
    );
  }

  /** A device is gone for good; the caller takes it out of the list of its node. */
  drop(device: Device, why: LinkEnd, now: number): void {
    const { link } = device;
    if (!(link instanceof RemoteLink) || this.#links.get(link.id) !== device) return;
    this.#remove(device, link);
    this.#options.events.departed(device, why, now);
  }

  #remove(device: Device, link: RemoteLink): void {
    this.#links.delete(link.id);
    this.#options.directory.remove(device);
    link.gone();
  }
}
