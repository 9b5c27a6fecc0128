import type { Deadlines } from "../../shared/deadlines.ts";
import type { Backplane } from "../backplane.ts";
import { Device } from "../device.ts";
import type { Directory } from "../directory.ts";
import type { LinkEnd } from "../links.ts";
import { Following, type Ready } from "./following.ts";
import type { Closed, DeviceList, DeviceNotice, NodeItem } from "./node-item.ts";
import type { Nodes } from "./nodes.ts";
import { RemoteLink } from "./remote-link.ts";

/** A device of this node, as the cluster needs to know it. */
export interface LocalDevice {
  readonly device: Device;
  readonly stamp: number;
  readonly instance: string;
  readonly attempt: number;
}

/** What happens to devices of other nodes, for the parts of the core. */
export interface RemoteDevicesEvents {
  /** A device of another node can be rung, and seen, from now on. */
  arrived(device: Device, now: number): void;
  /** It is gone for good. */
  departed(device: Device, why: LinkEnd, now: number): void;
  /** What others may see of the user has changed. */
  changed(user: string, now: number): void;
  /** Another node holds a newer run of this device. `same`: of the same instance. */
  displaced(device: Device, same: boolean, now: number): void;
  /** A session in which a device of the user may have part has another owner. */
  claimed(user: string, claim: SessionClaim, now: number): void;
  /** The link has gone over to that node. */
  moved(link: RemoteLink, to: string, now: number): void;
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

const askTimeout = 1_000;
/** Asked again after a question that failed: one look-up is none. */
const askAgain = [500, 1_000, 4_000] as const;
const lingerFor = 30_000;
/** How long both subjects of a user are heard when one takes the other's place. */
const overlap = 30_000;
/** How long a link may be on its way without a word of the node that it went to. */
const confirmTimeout = 10_000;
/** Users in one question to one node. */
const whoChunk = 500;

interface Announcement extends DeviceList {
  readonly op: "devices";
}

interface Question {
  readonly op: "who";
  readonly by: string;
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
  readonly #links = new Map<string, Device>();
  #version = 0;

  constructor(options: RemoteDevicesOptions) {
    this.#options = options;
    this.#version = options.now();
  }

  /** Devices of other nodes that are known here. */
  get size(): number {
    return this.#links.size;
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
    return this.#links.get(link);
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
    if (ready !== undefined) this.#whenComplete(following, ready);
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
    this.#whenComplete(following, once);
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
      this.#publish(following, this.#list(following, closed.length > 0 ? closed : undefined));
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
    const known = this.#links.get(one.link);
    if (known !== undefined) {
      met(known);
      return;
    }
    const following = this.#following(user);
    if (this.#takeOne(following, node, one, now, met)) this.#options.events.changed(user, now);
    this.#rest(following);
  }

  /** How a device is described to other nodes; one of another node as that has described it. */
  noticeOf(device: Device): DeviceNotice | undefined {
    const { link, stamp } = device;
    if (link instanceof RemoteLink) {
      const { instance, attempt } = link;
      return notice({ device, stamp, instance, attempt });
    }
    const local = this.#options.local(device.user).find((one) => one.device === device);
    return local && notice(local);
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
    return this.#list(this.#following(user));
  }

  /** A node shows a device that may not be known here yet, by its list; it stays known for a while. */
  introduced(from: string, list: DeviceList, now: number): void {
    const following = this.#following(list.user);
    this.#take(following, { ...list, node: from }, now);
    this.#rest(following);
  }

  /** Another node asks which of these users have devices here. */
  asked(from: string, users: readonly string[]): void {
    for (const user of users) {
      const following = this.#users.get(user);
      if (following?.holds === true)
        this.#options.nodes.send(from, { t: "devices", ...this.#list(following) });
    }
  }

  /** Asks the peer for everything again that is followed here. */
  resync(node: string): void {
    const users = [...this.#users.keys()];
    for (let i = 0; i < users.length; i += whoChunk)
      this.#options.nodes.send(node, { t: "who", users: users.slice(i, i + whoChunk) });
  }

  /** The backplane is up again: what was asked in vain is asked again. */
  restored(): void {
    for (const following of this.#users.values()) if (!following.complete) this.#ask(following);
  }

  /** A node is gone, and its devices with it. */
  nodeGone(node: string, now: number): void {
    for (const following of [...this.#users.values()]) {
      const list = following.lists.get(node);
      if (list === undefined) continue;
      following.lists.delete(node);
      for (const device of list.devices.values()) this.#drop(device, "expired", now);
      this.#options.events.changed(following.user, now);
      this.#rest(following);
    }
  }

  /** The node of a device says that it is gone for good. */
  ended(device: Device, why: LinkEnd, now: number): void {
    const { link, user } = device;
    if (!(link instanceof RemoteLink) || this.#links.get(link.id) !== device) return;
    this.#users.get(user)?.lists.get(link.node)?.devices.delete(link.id);
    this.#drop(device, why, now);
    this.#options.events.changed(user, now);
  }

  /** Forgets a remote device that a newer run displaced here. */
  forget(device: Device): void {
    const { link } = device;
    if (!(link instanceof RemoteLink)) return;
    this.#users.get(device.user)?.lists.get(link.node)?.devices.delete(link.id);
    this.#remove(device, link);
  }

  /** The link of a remote device has gone over to that node. */
  relocated(id: string, to: string, now: number): void {
    const device = this.#links.get(id);
    const link = device?.link;
    if (device === undefined || !(link instanceof RemoteLink) || link.node === to) return;
    const following = this.#following(device.user);
    this.#listOf(following, link.node).devices.delete(id);
    if (to !== this.#options.nodes.name) this.#listOf(following, to).devices.set(id, device);
    this.#awaitConfirmation(device, link, now);
    this.#options.events.moved(link, to, now);
  }

  /** A link that its next node never speaks of is lost. */
  #awaitConfirmation(device: Device, link: RemoteLink, now: number): void {
    link.confirmed = false;
    this.#options.deadlines.add(now + confirmTimeout, (later) => {
      if (!link.confirmed) this.ended(device, "expired", later);
    });
  }

  /** A local link has gone over to that node: its device goes on as one of there. */
  gaveAway(device: Device, to: string, sessions: readonly string[]): void {
    const following = this.#following(device.user);
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
    this.#listOf(following, to).devices.set(link, device);
    this.#links.set(link, device);
    remote.knownIn(sessions);
    this.#awaitConfirmation(device, remote, this.#options.now());
    this.announce(device.user, { link, movedTo: to });
  }

  /** The link of a remote device is one of this node from now on. Answers what waits to be said to it. */
  tookOver(id: string): { readonly device: Device; readonly held: NodeItem[] } | undefined {
    const device = this.#links.get(id);
    const link = device?.link;
    if (device === undefined || !(link instanceof RemoteLink)) return undefined;
    this.#users.get(device.user)?.lists.get(link.node)?.devices.delete(id);
    this.#links.delete(id);
    const held = link.takeHeld();
    link.ended();
    return { device, held };
  }

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
      this.#ask(following);
    }
    return following;
  }

  #whenComplete(following: Following, ready: Ready): void {
    if (following.complete) ready(true, this.#options.now());
    else if (!this.#options.nodes.reachable) ready(false, this.#options.now());
    else {
      following.ready.push(ready);
      if (!following.asking && following.awaited === undefined) this.#ask(following);
    }
  }

  #subscribe(following: Following): void {
    const subject = `${following.holds ? "u" : "w"}.${following.key}`;
    if (following.subscribed?.subject === subject) return;
    const before = following.subscribed;
    const { backplane, deadlines, now } = this.#options;
    const stop = backplane.subscribe(subject, (message, answer) =>
      this.#heard(following, message as Announcement | Question | SessionClaim, answer),
    );
    following.subscribed = { subject, stop };
    // What is on its way by the other subject still counts: what was said before we turned to this one.
    if (before !== undefined) deadlines.add(now() + overlap, () => before.stop());
  }

  #heard(
    following: Following,
    message: Announcement | Question | SessionClaim,
    answer: ((reply: unknown) => void) | undefined,
  ): void {
    const { nodes, now } = this.#options;
    if (message.op === "devices") this.#take(following, message, now());
    else if (message.op === "claim") this.#options.events.claimed(following.user, message, now());
    else if (following.holds || following.complete) {
      // Who held a device until now still hears the question, and must not leave it without an answer.
      if (following.holds) nodes.send(message.by, { t: "devices", ...this.#list(following) });
      const others = [...following.lists].filter(([, { devices }]) => devices.size > 0).map(([node]) => node);
      answer?.({ holders: following.holds ? [nodes.name, ...others] : others });
    }
  }

  /** Asks all holders. The first answer names them all; each sends its list by its channel. */
  #ask(following: Following): void {
    const { backplane, nodes } = this.#options;
    following.again?.cancel();
    following.again = undefined;
    following.asking = true;
    following.awaited = undefined;
    following.answered.clear();
    const question: Question = { op: "who", by: nodes.name };
    backplane.request(`u.${following.key}`, question, askTimeout, (answer) => {
      const now = this.#options.now();
      following.asking = false;
      if (this.#users.get(following.user) !== following) return;
      if (answer.kind === "no_responders") {
        for (const node of [...following.lists.keys()].filter((one) => !following.answered.has(one)))
          this.#take(following, this.#nothing(following, node), now);
        this.#completed(following, true, now);
      } else if (answer.kind === "reply") {
        const { holders } = answer.reply as { holders: string[] };
        following.awaited = new Set(
          holders.filter((node) => node !== nodes.name && !following.answered.has(node)),
        );
        this.#checkComplete(following, now);
        // A holder that was named may be one that has just died.
        if (following.awaited !== undefined)
          following.again = this.#options.deadlines.add(now + askTimeout, (later) =>
            this.#failed(following, later),
          );
      } else this.#failed(following, now);
    });
  }

  #failed(following: Following, now: number): void {
    following.awaited = undefined;
    const wait = askAgain[Math.min(following.failures, askAgain.length - 1)] as number;
    following.failures += 1;
    following.again?.cancel();
    following.again = this.#options.deadlines.add(now + wait, () => {
      following.again = undefined;
      this.#ask(following);
    });
    this.#tell(following, false, now);
  }

  #checkComplete(following: Following, now: number): void {
    if (following.awaited?.size === 0) this.#completed(following, true, now);
  }

  #completed(following: Following, complete: boolean, now: number): void {
    following.awaited = undefined;
    following.again?.cancel();
    following.again = undefined;
    following.failures = 0;
    following.complete = complete;
    this.#tell(following, complete, now);
  }

  #tell(following: Following, complete: boolean, now: number): void {
    for (const ready of following.ready.splice(0)) ready(complete, now);
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
    for (const device of following.devices()) this.#drop(device, "expired", now);
    this.#tell(following, false, now);
  }

  #list({ user }: Following, closed?: DeviceList["closed"]): DeviceList {
    this.#version += 1;
    const devices = this.#options.local(user).map(notice);
    const list = { node: this.#options.nodes.name, user, version: this.#version, devices };
    return closed === undefined ? list : { ...list, closed };
  }

  #nothing({ user }: Following, node: string): DeviceList {
    return { node, user, version: Number.POSITIVE_INFINITY, devices: [] };
  }

  #publish({ key }: Following, list: DeviceList): void {
    const announcement: Announcement = { op: "devices", ...list };
    this.#options.backplane.publish(`u.${key}`, announcement);
    this.#options.backplane.publish(`w.${key}`, announcement);
  }

  #listOf(following: Following, node: string): { version: number; readonly devices: Map<string, Device> } {
    let list = following.lists.get(node);
    if (list === undefined) {
      list = { version: 0, devices: new Map() };
      following.lists.set(node, list);
    }
    return list;
  }

  /** Takes a node's list of a user: what it says is what is there. */
  #take(following: Following, list: DeviceList, now: number): void {
    const { node, user } = list;
    const { events, nodes } = this.#options;
    if (node === nodes.name) return;
    const known = this.#listOf(following, node);
    if (list.version > known.version) {
      known.version = Number.isFinite(list.version) ? list.version : known.version;
      let changed = false;
      const told = new Set(list.devices.map(({ link }) => link));
      // Those that are gone first: one of the same name may have come in their place.
      for (const [link, device] of [...known.devices]) {
        if (told.has(link)) continue;
        const closed = list.closed?.find((one) => one.link === link);
        // It was made before the link came there.
        if (closed === undefined && (device.link as RemoteLink).confirmed === false) continue;
        if (closed !== undefined && "movedTo" in closed) {
          this.relocated(link, closed.movedTo, now);
          continue;
        }
        known.devices.delete(link);
        this.#drop(device, closed?.why ?? "expired", now);
        changed = true;
      }
      for (const one of list.devices) {
        changed = this.#takeOne(following, node, one, now) || changed;
      }
      if (changed) events.changed(user, now);
    }
    following.answered.add(node);
    following.awaited?.delete(node);
    this.#checkComplete(following, now);
  }

  /** One device of a list. True when others see a difference. */
  #takeOne(
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
      // A former node's last word may come late: whoever has the link now has heard a later hello.
      if (one.attempt < link.attempt) return false;
      if (link.node !== node) this.relocated(one.link, node, now);
      link.confirmed = true;
      link.attempt = one.attempt;
      return update(known, one);
    }
    // The link is, or was until now, one of this node: it comes from here, and whoever gave it away knows.
    const local = this.#options.local(user).find(({ device }) => device.id === one.id);
    if (local?.device.link.id === one.link) return false;
    if (local !== undefined) {
      const same = local.instance === one.instance;
      const newer = newerRun(one, node, { ...local, node: this.#options.nodes.name });
      if (!newer) {
        // It has not heard of ours: it will, and give way.
        this.announce(user);
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
    const { link: id, stamp, instance, attempt, kind, name, capabilities } = one;
    const link = this.#newLink({ link: id, user: following.user, node, stamp, instance, attempt });
    const device = new Device({
      user: following.user,
      id: one.id,
      kind,
      name,
      capabilities,
      link,
      grants: {},
    });
    device.stamp = stamp;
    update(device, one);
    this.#listOf(following, node).devices.set(id, device);
    this.#links.set(id, device);
    directory.add(device);
    return device;
  }

  #newLink(of: ConstructorParameters<typeof RemoteLink>[1]): RemoteLink {
    const { nodes } = this.#options;
    return new RemoteLink(
      { send: (to, item) => nodes.send(to, item), used: (link, used) => this.used(link.user, used) },
      of,
    );
  }

  #drop(device: Device, why: LinkEnd, now: number): void {
    const { link } = device;
    if (!(link instanceof RemoteLink) || this.#links.get(link.id) !== device) return;
    this.#remove(device, link);
    this.#options.events.departed(device, why, now);
  }

  #remove(device: Device, link: RemoteLink): void {
    this.#links.delete(link.id);
    this.#options.directory.remove(device);
    link.state = "closed";
  }
}

/** Which of two runs of one device counts: within an instance the later attempt, else the one that came later. */
function newerRun(
  one: { readonly instance: string; readonly attempt: number; readonly stamp: number },
  node: string,
  than: {
    readonly instance: string;
    readonly attempt: number;
    readonly stamp: number;
    readonly node: string;
  },
): boolean {
  if (one.instance === than.instance && one.attempt !== than.attempt) return one.attempt > than.attempt;
  return one.stamp === than.stamp ? node > than.node : one.stamp > than.stamp;
}

function notice({ device, stamp, instance, attempt }: LocalDevice): DeviceNotice {
  const { id, kind, name, status, online, capabilities, link } = device;
  return {
    id,
    link: link.id,
    kind,
    ...(name === undefined ? {} : { name }),
    ...(status === undefined ? {} : { status }),
    online,
    capabilities,
    stamp,
    instance,
    attempt,
  };
}

/** True when others see a difference. */
function update(device: Device, { online, status }: DeviceNotice): boolean {
  const before = `${device.online} ${device.status}`;
  device.online = online;
  device.status = status;
  return before !== `${online} ${status}`;
}
