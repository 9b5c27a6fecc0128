import type { Deadlines } from "../../shared/deadlines.ts";
import type { Device, LinkEnd } from "../../signaling/device.ts";
import type { Directory } from "../../signaling/directory.ts";
import type { Backplane } from "../backplane.ts";
import type { Closed, DeviceList, DeviceNotice, NodeItem } from "../items.ts";
import type { Nodes } from "../nodes.ts";
import { type LocalDevice, noticeOf } from "./device-notice.ts";
import { Following, type Ready } from "./following.ts";
import { type HolderQuestion, HolderSearch } from "./holder-search.ts";
import { type MirrorEvents, MirroredDevices } from "./mirrored-devices.ts";
import { RemoteLink } from "./remote-link.ts";

/** What happens to devices of other nodes, for the parts of the core. */
export interface RemoteDevicesEvents extends MirrorEvents {
  /** A session in which a device of the user may have part has another owner. */
  claimed(user: string, claim: SessionClaim, now: number): void;
}

export interface RemoteDevicesOptions {
  readonly nodes: Nodes;
  readonly backplane: Backplane;
  readonly deadlines: Deadlines;
  readonly directory: Directory;
  now(): number;
  hash(text: string): string;
  /** The local devices of a user. */
  local(user: string): readonly LocalDevice[];
  readonly events: RemoteDevicesEvents;
}

/** How long a user is followed whom nobody needs to know any more. ms */
const lingerFor = 30_000;
/** How long both subjects of a user are heard when one takes the other's place. ms */
const overlap = 30_000;
/** Users in one question to one node. */
const whoChunk = 500;

interface Announcement extends DeviceList {
  readonly op: "devices";
}

/** A session has another owner than before: who has a device in it turns to that. */
export interface SessionClaim {
  readonly op: "claim";
  readonly session: string;
  readonly owner: string;
  readonly epoch: number;
}

/**
 * The devices of other nodes that this node needs to know: those of users whom somebody here watches, rings, talks to,
 * or is. They stand in the directory like its own, with a {@link RemoteLink}.
 *
 * Subjects: who holds a device of a user hears `u.<key>`, who follows it and holds none hears `w.<key>`; a holder
 * announces its whole list on both after each change. The newest list of each node counts.
 */
export class RemoteDevices {
  readonly #options: RemoteDevicesOptions;
  readonly #users = new Map<string, Following>();
  readonly #mirror: MirroredDevices;
  readonly #search: HolderSearch;
  #version = 0;

  constructor(options: RemoteDevicesOptions) {
    this.#options = options;
    this.#version = options.now();
    this.#mirror = new MirroredDevices({
      ...options,
      known: (user) => this.#users.get(user),
      following: (user) => this.#following(user),
      announce: (user, closed) => this.announce(user, closed),
      used: (user, used) => this.used(user, used),
    });
    this.#search = new HolderSearch({
      ...options,
      current: (following) => this.#users.get(following.user) === following,
      none: (following, node, now) => this.#take(following, nothing(following, node), now),
    });
  }

  /** Devices of other nodes that are known here. */
  get size(): number {
    return this.#mirror.size;
  }

  /** Users with devices of this node. */
  get held(): number {
    let count = 0;
    for (const { holds } of this.#users.values()) if (holds) count += 1;
    return count;
  }

  /** Users that are followed, those included. */
  get followed(): number {
    return this.#users.size;
  }

  /** The device of that link, where it is one of another node. */
  byLink(link: string): Device | undefined {
    return this.#mirror.byLink(link);
  }

  /** True when everything is known of the user that there is to know. */
  knows(user: string): boolean {
    return this.#users.get(user)?.complete === true;
  }

  /** Follows the user until {@link release}. Calls back when all holders have answered; false: they could not be asked. */
  follow(user: string, ready?: Ready): void {
    const following = this.#following(user);
    following.refs += 1;
    following.linger?.cancel();
    following.linger = undefined;
    if (ready !== undefined) this.#search.whenComplete(following, ready);
  }

  release(user: string): void {
    const following = this.#users.get(user);
    if (following === undefined) return;
    following.refs -= 1;
    this.#rest(following);
  }

  /** The other nodes that hold devices of the user, or have since she is followed here. */
  everHeld(user: string): string[] {
    return [...(this.#users.get(user)?.lists.keys() ?? [])];
  }

  /** Calls back when the user's devices are known, or after `within` ms, and follows it for a while. */
  know(user: string, ready: Ready, within?: number): void {
    const following = this.#following(user);
    let waiting = true;
    const once: Ready = (complete, now) => {
      if (!waiting) return;
      waiting = false;
      ready(complete, now);
    };
    this.#search.whenComplete(following, once);
    this.#rest(following);
    const { deadlines, now } = this.#options;
    if (waiting && within !== undefined) deadlines.add(now() + within, (later) => once(false, later));
  }

  /** A local device of the user came, changed or went: others are told, once for all that one turn brings about. */
  announce(user: string, closed?: Closed): void {
    const following = this.#following(user);
    following.holds = this.#options.local(user).length > 0;
    this.#subscribe(following);
    if (closed !== undefined) following.closed.push(closed);
    if (following.heldBack > 0) return;
    following.announcing ??= this.#options.deadlines.add(0, () => {
      following.announcing = undefined;
      const closed = following.closed.splice(0);
      this.#publish(following, this.#list(following.user, closed.length > 0 ? closed : undefined));
      this.#rest(following);
    });
  }

  /** Announces nothing of the user until `release` is called: others are to hear of something else first. */
  holdBack(user: string): () => void {
    const following = this.#following(user);
    following.heldBack += 1;
    return () => {
      following.heldBack -= 1;
      if (following.heldBack === 0) this.announce(user);
    };
  }

  /**
   * The node of a device speaks for it, who may not be known here yet: nobody here need follow its user. It stays known
   * as long as its node says so, or something here uses it. `met` hears of it before an older run of it gives way, so that
   * what that has part in can go over. It is not called for a run that is itself too old.
   */
  introduce(node: string, user: string, one: DeviceNotice, now: number, met: (device: Device) => void): void {
    const known = this.#mirror.byLink(one.link);
    if (known !== undefined) {
      met(known);
      return;
    }
    const following = this.#following(user);
    if (this.#mirror.meet(following, node, one, now, met)) this.#options.events.changed(user, now);
    this.#rest(following);
  }

  /** How a device is described to other nodes; one of another node as that has described it. */
  noticeOf(device: Device): DeviceNotice | undefined {
    const { link, stamp } = device;
    if (link instanceof RemoteLink) {
      const { instance, attempt } = link;
      return noticeOf({ device, stamp, instance, attempt });
    }
    const local = this.#options.local(device.user).find((one) => one.device === device);
    return local && noticeOf(local);
  }

  /** Tells all nodes that have to do with the user. */
  tell(user: string, message: SessionClaim): void {
    const key = this.#options.hash(user);
    this.#options.backplane.publish(`u.${key}`, message);
    this.#options.backplane.publish(`w.${key}`, message);
  }

  /** An item of a channel: a list, or a question. */
  listed(from: string, list: DeviceList, now: number): void {
    const following = this.#users.get(list.user);
    if (following !== undefined) this.#take(following, { ...list, node: from }, now);
  }

  /** The devices of the user at this node. */
  list(user: string): DeviceList {
    this.#following(user);
    return this.#list(user);
  }

  /** A node shows a device that may not be known here yet, by its list; it stays known for a while. */
  introduced(from: string, list: DeviceList, now: number): void {
    const following = this.#following(list.user);
    this.#take(following, { ...list, node: from }, now);
    this.#rest(following);
  }

  /** Another node asks which of these users have devices here. `held`: it wants to know as well of whom has none. */
  asked(from: string, users: readonly string[], held: boolean): void {
    for (const user of users)
      if (held || this.#users.get(user)?.holds === true)
        this.#options.nodes.send(from, { t: "devices", ...this.#list(user) });
  }

  /** Asks the peer for everything again that is followed here. */
  resync(node: string): void {
    const held: string[] = [];
    const others: string[] = [];
    for (const [user, { lists }] of this.#users)
      ((lists.get(node)?.devices.size ?? 0) > 0 ? held : others).push(user);
    for (const users of chunks(others)) this.#options.nodes.send(node, { t: "who", users });
    for (const users of chunks(held)) this.#options.nodes.send(node, { t: "who", users, held: true });
  }

  /** The backplane is up again: what was asked in vain is asked again. */
  restored(): void {
    for (const following of this.#users.values()) if (!following.complete) this.#search.ask(following);
  }

  /** A node is gone, and its devices with it. */
  nodeGone(node: string, now: number): void {
    for (const following of [...this.#users.values()]) {
      const list = following.lists.get(node);
      if (list === undefined) continue;
      following.lists.delete(node);
      for (const device of list.devices.values()) this.#mirror.drop(device, "expired", now);
      this.#options.events.changed(following.user, now);
      this.#rest(following);
    }
  }

  /** The node of a device says that it is gone for good. */
  ended(device: Device, why: LinkEnd, now: number): void {
    this.#mirror.ended(device, why, now);
  }

  /** Forgets a remote device that a newer run displaced here. */
  forget(device: Device): void {
    this.#mirror.forget(device);
  }

  /** The link of a remote device has gone over to that node. */
  relocated(id: string, to: string, now: number): void {
    this.#mirror.relocated(id, to, now);
  }

  /** A local link has gone over to that node: its device goes on as one of there. */
  gaveAway(device: Device, to: string, sessions: readonly string[]): void {
    this.#mirror.gaveAway(device, to, sessions);
  }

  /** The link of a remote device is one of this node from now on. Answers what waits to be said to it. */
  tookOver(id: string): { readonly device: Device; readonly held: NodeItem[] } | undefined {
    return this.#mirror.tookOver(id);
  }

  /** Something here has to do with the user, or no longer. */
  used(user: string, used: boolean): void {
    if (used) this.follow(user);
    else this.release(user);
  }

  // Inside

  #following(user: string): Following {
    let following = this.#users.get(user);
    if (following === undefined) {
      following = new Following(user, this.#options.hash(user));
      this.#users.set(user, following);
      this.#subscribe(following);
      this.#search.ask(following);
    }
    return following;
  }

  #subscribe(following: Following): void {
    const subject = `${following.holds ? "u" : "w"}.${following.key}`;
    if (following.subscribed?.subject === subject) return;
    const before = following.subscribed;
    const { backplane, deadlines, now } = this.#options;
    const stop = backplane.subscribe(subject, (message, answer) =>
      this.#heard(following, message as Announcement | HolderQuestion | SessionClaim, answer),
    );
    following.subscribed = { subject, stop };
    // What is on its way by the other subject still counts: what was said before we turned to this one.
    if (before !== undefined) deadlines.add(now() + overlap, () => before.stop());
  }

  #heard(
    following: Following,
    message: Announcement | HolderQuestion | SessionClaim,
    answer: ((reply: unknown) => void) | undefined,
  ): void {
    const { nodes, now } = this.#options;
    if (message.op === "devices") this.#take(following, message, now());
    else if (message.op === "claim") this.#options.events.claimed(following.user, message, now());
    else if (following.holds || following.complete) {
      // Who held a device until now still hears the question, and must not leave it without an answer.
      if (following.holds) nodes.send(message.by, { t: "devices", ...this.#list(following.user) });
      const others = [...following.lists].filter(([, { devices }]) => devices.size > 0).map(([node]) => node);
      answer?.({ holders: following.holds ? [nodes.name, ...others] : others });
    }
  }

  /** Follows on for a while when nobody needs it, then no more. */
  #rest(following: Following): void {
    if (following.refs > 0 || following.holds || following.linger !== undefined) return;
    const { deadlines, now } = this.#options;
    following.linger = deadlines.add(now() + lingerFor, (later) => {
      following.linger = undefined;
      if (following.refs === 0 && !following.holds) this.#end(following, later);
    });
  }

  #end(following: Following, now: number): void {
    following.subscribed?.stop();
    following.again?.cancel();
    following.announcing?.cancel();
    this.#users.delete(following.user);
    for (const device of following.devices()) this.#mirror.drop(device, "expired", now);
    this.#search.giveUp(following, now);
  }

  #list(user: string, closed?: DeviceList["closed"]): DeviceList {
    this.#version += 1;
    const devices = this.#options.local(user).map(noticeOf);
    const list = { node: this.#options.nodes.name, user, version: this.#version, devices };
    return closed === undefined ? list : { ...list, closed };
  }

  #take(following: Following, list: DeviceList, now: number): void {
    const { node } = list;
    if (node === this.#options.nodes.name) return;
    this.#mirror.take(following, list, now);
    this.#search.answered(following, node, now);
  }

  #publish({ key }: Following, list: DeviceList): void {
    const announcement: Announcement = { op: "devices", ...list };
    this.#options.backplane.publish(`u.${key}`, announcement);
    this.#options.backplane.publish(`w.${key}`, announcement);
  }
}

function* chunks(users: readonly string[]): Iterable<string[]> {
  for (let i = 0; i < users.length; i += whoChunk) yield users.slice(i, i + whoChunk);
}

/** A list later than all that the node has sent. */
function nothing({ user }: Following, node: string): DeviceList {
  return { node, user, version: Number.POSITIVE_INFINITY, devices: [] };
}
