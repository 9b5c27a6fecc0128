import type { Deadlines } from "../../shared/deadlines.ts";
import { slices } from "../../shared/slices.ts";
import type { Device, LinkEnd } from "../../signaling/device.ts";
import type { Directory } from "../../signaling/directory.ts";
import type { Ports } from "../../signaling/ports.ts";
import type { Backplane } from "../backplane.ts";
import type { Closed, DeviceList, DeviceNotice, NodeItem, SessionClaim } from "../items.ts";
import type { Nodes } from "../nodes.ts";
import { type Announcement, Announcer } from "./announcer.ts";
import { type LocalDevice, noticeOf } from "./device-notice.ts";
import type { Following, Ready } from "./following.ts";
import type { HolderQuestion } from "./holder-search.ts";
import { Interest } from "./interest.ts";
import { type MirrorEvents, MirroredDevices } from "./mirrored-devices.ts";
import { RemoteLink } from "./remote-link.ts";

/** What happens to devices of other nodes, for the core. */
export interface RemoteDevicesEvents extends MirrorEvents {
  /** A session in which the user may have a device has another owner. */
  claimed(user: string, claim: SessionClaim, now: number): void;
}

export interface RemoteDevicesOptions {
  readonly nodes: Nodes;
  readonly backplane: Backplane;
  readonly deadlines: Deadlines;
  readonly directory: Directory;
  now(): number;
  readonly ports: Pick<Ports, "observer">;
  hash(text: string): string;
  /** The local devices of a user. */
  local(user: string): readonly LocalDevice[];
  readonly events: RemoteDevicesEvents;
}

/** Users in one `who` item. */
const whoChunk = 500;

/**
 * The devices of other nodes that this node needs to know: those of the users that it follows ({@link Interest}). They
 * stand in the directory like its own ({@link MirroredDevices}), as their nodes announce them ({@link Announcer}). The
 * newest list of each node counts.
 */
export class RemoteDevices {
  readonly #options: RemoteDevicesOptions;
  readonly #interest: Interest;
  readonly #announcer: Announcer;
  readonly #mirror: MirroredDevices;

  constructor(options: RemoteDevicesOptions) {
    this.#options = options;
    this.#interest = new Interest({
      ...options,
      heard: (following, message, answer) =>
        this.#heard(following, message as Announcement | HolderQuestion | SessionClaim, answer),
      none: (following, node, now) => this.#take(following, nothing(following, node), now),
      ended: (following, now) => {
        for (const device of following.devices()) this.#mirror.drop(device, "expired", now);
      },
    });
    this.#announcer = new Announcer({ ...options, interest: this.#interest });
    this.#mirror = new MirroredDevices({ ...options, interest: this.#interest, announcer: this.#announcer });
  }

  /** Devices of other nodes that are known here. */
  get size(): number {
    return this.#mirror.size;
  }

  /** Users that have devices at this node. */
  get held(): number {
    return this.#interest.held;
  }

  /** Users that are followed, those with devices at this node included. */
  get followed(): number {
    return this.#interest.size;
  }

  /** The device of that link, where it is one of another node. */
  byLink(link: string): Device | undefined {
    return this.#mirror.byLink(link);
  }

  // Users that this node follows: see Interest

  knows(user: string): boolean {
    return this.#interest.knows(user);
  }

  follow(user: string, ready?: Ready): void {
    this.#interest.follow(user, ready);
  }

  release(user: string): void {
    this.#interest.release(user);
  }

  know(user: string, ready: Ready, within?: number): void {
    this.#interest.know(user, ready, within);
  }

  /** The other nodes that hold devices of the user, or did since this node follows her. */
  everHeld(user: string): string[] {
    return [...(this.#interest.get(user)?.lists.keys() ?? [])];
  }

  // What this node tells of its own devices: see Announcer

  announce(user: string, closed?: Closed): void {
    this.#announcer.announce(user, closed);
  }

  holdBack(user: string): () => void {
    return this.#announcer.holdBack(user);
  }

  list(user: string): DeviceList {
    return this.#announcer.list(user);
  }

  asked(from: string, users: readonly string[], held: boolean): void {
    this.#announcer.asked(from, users, held);
  }

  tell(user: string, message: SessionClaim): void {
    this.#announcer.tell(user, message);
  }

  /** Describes a device for other nodes. A device of another node is described as its node did. */
  noticeOf(device: Device): DeviceNotice | undefined {
    const { link, stamp } = device;
    if (link instanceof RemoteLink) {
      const { instance, attempt } = link;
      return noticeOf({ device, stamp, instance, attempt });
    }
    const local = this.#options.local(device.user).find((one) => one.device === device);
    return local && noticeOf(local);
  }

  // What other nodes tell of theirs

  /**
   * The node of a device speaks for it. The device need not be known here, nor its user be followed: it stays known as
   * long as its node says so, or something here uses it. `met` hears of it before an older run of it gives way, so that
   * sessions of the older run can go over to it. It is not called for a run that is itself too old.
   */
  introduce(node: string, user: string, one: DeviceNotice, now: number, met: (device: Device) => void): void {
    const known = this.#mirror.byLink(one.link);
    if (known !== undefined) {
      met(known);
      return;
    }
    const following = this.#interest.of(user);
    if (this.#mirror.meet(following, node, one, now, met)) this.#options.events.changed(user, now);
    this.#interest.rest(following);
  }

  /** A node shows a device that may not be known here yet, by its list; it stays known for a while. */
  introduced(from: string, list: DeviceList, now: number): void {
    const following = this.#interest.of(list.user);
    this.#take(following, { ...list, node: from }, now);
    this.#interest.rest(following);
  }

  /** A list that a node has sent through its channel. */
  listed(from: string, list: DeviceList, now: number): void {
    const following = this.#interest.get(list.user);
    if (following !== undefined) this.#take(following, { ...list, node: from }, now);
  }

  /** Asks the peer again for everything that is followed here. */
  resync(node: string): void {
    const held: string[] = [];
    const others: string[] = [];
    for (const { user, lists } of this.#interest.all())
      ((lists.get(node)?.devices.size ?? 0) > 0 ? held : others).push(user);
    for (const users of slices(others, whoChunk)) this.#options.nodes.send(node, { t: "who", users });
    for (const users of slices(held, whoChunk))
      this.#options.nodes.send(node, { t: "who", users, held: true });
  }

  /** The backplane is up again: searches that failed begin anew. */
  restored(): void {
    this.#interest.restored();
  }

  /** A node is gone, and its devices with it. */
  nodeGone(node: string, now: number): void {
    for (const following of this.#interest.all()) {
      const list = following.lists.get(node);
      if (list === undefined) continue;
      following.lists.delete(node);
      for (const device of list.devices.values()) this.#mirror.drop(device, "expired", now);
      this.#options.events.changed(following.user, now);
      this.#interest.rest(following);
    }
  }

  // What becomes of single devices: see MirroredDevices

  ended(device: Device, why: LinkEnd, now: number): void {
    this.#mirror.ended(device, why, now);
  }

  forget(device: Device): void {
    this.#mirror.forget(device);
  }

  relocated(id: string, to: string, now: number): void {
    this.#mirror.relocated(id, to, now);
  }

  gaveAway(device: Device, to: string, sessions: readonly string[]): void {
    this.#mirror.gaveAway(device, to, sessions);
  }

  tookOver(id: string): { readonly device: Device; readonly held: NodeItem[] } | undefined {
    return this.#mirror.tookOver(id);
  }

  // Inside

  #heard(
    following: Following,
    message: Announcement | HolderQuestion | SessionClaim,
    answer: ((reply: unknown) => void) | undefined,
  ): void {
    const { now, events } = this.#options;
    if (message.op === "devices") this.#take(following, message, now());
    else if (message.op === "claim") events.claimed(following.user, message, now());
    else this.#announcer.searched(following, message, answer);
  }

  #take(following: Following, list: DeviceList, now: number): void {
    const { node } = list;
    if (node === this.#options.nodes.name) return;
    this.#mirror.take(following, list, now);
    this.#interest.answered(following, node, now);
  }
}

/** An empty list that is newer than all that the node has sent. */
function nothing({ user }: Following, node: string): DeviceList {
  return { node, user, version: Number.POSITIVE_INFINITY, devices: [] };
}
