import { type CloseName, closeCodes } from "../../protocol/close-codes.ts";
import type { Limits } from "../../protocol/limits.ts";
import type { Deadlines } from "../../shared/deadlines.ts";
import type { Device, LinkEnd } from "../device.ts";
import type { DeviceLifecycle } from "../device-lifecycle.ts";
import type { Directory } from "../directory.ts";
import type { Identity, Ports, Transport } from "../ports.ts";
import { type Kick, KickedUsers, kickName } from "./kicked-users.ts";
import type { LinkEntry, LinkKeeper, NativeLink } from "./native-link.ts";
import { ReplayBudget } from "./replay-budget.ts";

export interface LinksOptions {
  readonly limits: Limits;
  readonly ports: Ports;
  readonly deadlines: Deadlines;
  readonly directory: Directory;
  readonly lifecycle: DeviceLifecycle;
}

/** All native links of the node, and how they end. */
export class Links implements LinkKeeper {
  readonly limits: Limits;
  readonly ports: Ports;
  readonly budget = new ReplayBudget();
  readonly #options: LinksOptions;
  readonly #links = new Map<string, LinkEntry>();
  readonly #byDevice = new Map<Device, LinkEntry>();
  readonly kicked = new KickedUsers();
  live = 0;

  constructor(options: LinksOptions) {
    this.#options = options;
    this.limits = options.limits;
    this.ports = options.ports;
  }

  get size(): number {
    return this.#links.size;
  }

  /** That link and its device; undefined where it is none of this node. */
  get(link: string): LinkEntry | undefined {
    return this.#links.get(link);
  }

  /** The link of a device of this node. */
  of(device: Device): LinkEntry | undefined {
    return this.#byDevice.get(device);
  }

  /** The links with their devices, for who looks after them. */
  entries(): Iterable<LinkEntry> {
    return this.#links.values();
  }

  add(entry: LinkEntry): void {
    entry.link.device = entry.device;
    this.#links.set(entry.link.id, entry);
    this.#byDevice.set(entry.device, entry);
  }

  /** The link is no longer one of this node, however it goes on. */
  remove({ link, device }: LinkEntry): void {
    link.device = undefined;
    this.#links.delete(link.id);
    this.#byDevice.delete(device);
  }

  /** Gives the link a transport: it is live from now on. */
  attach(link: NativeLink, transport: Transport): void {
    if (link.state !== "live") this.live += 1;
    link.attach(transport);
  }

  /** Nothing more comes of the link's client here: another node may go on with it. */
  freeze(link: NativeLink, now: number): void {
    if (link.state !== "live") return;
    this.live -= 1;
    link.freeze(now);
  }

  /** The link's token is this one from now on. */
  authorize(entry: LinkEntry, identity: Identity): void {
    entry.link.expires = identity.expires;
    entry.device.grants = identity.grants;
    entry.device.guest = identity.guest ?? false;
  }

  /** Renews the token of a live link. */
  renew(device: Device, identity: Identity): void {
    const entry = this.#byDevice.get(device);
    if (entry !== undefined) this.authorize(entry, identity);
  }

  // LinkKeeper

  suspended(link: NativeLink, code: number, now: number): void {
    const { device } = link;
    if (device === undefined) return;
    this.live -= 1;
    this.#options.ports.emit({ type: "link_suspended", user: device.user, device: device.id, code });
    // Told later: this may come out of a delivery, in the middle of somebody's loop.
    this.#options.deadlines.add(now, (later) => {
      if (link.state === "suspended") this.#options.lifecycle.suspended(device, later);
    });
  }

  shut(link: NativeLink, why: CloseName, now: number): void {
    const { code, text } = closeCodes[why];
    link.transport?.close(code, text);
    // Nobody means the device to go: it starts anew, and finds its calls by their tickets.
    this.end(link, why === "lostFrames" ? "expired" : "kicked", now);
  }

  overflowed(limit: "logFrames" | "logBytesTotal" | "sendBuffer"): void {
    this.#options.ports.emit({ type: "limit", limit });
  }

  // The end

  /** The client closed its link itself. */
  leave(link: NativeLink, now: number): void {
    this.end(link, "client", now);
  }

  /** The window of a suspended link is over. */
  expire(link: NativeLink, now: number): void {
    this.end(link, "expired", now);
  }

  /** A newer run of the device is at another node. */
  displace(device: Device, why: "stale" | "replaced", now: number): void {
    const entry = this.#byDevice.get(device);
    if (entry === undefined) return;
    const { code, text } = closeCodes[why];
    entry.link.transport?.close(code, text);
    this.end(entry.link, why === "stale" ? "renewed" : "replaced", now);
  }

  /** Others see the device, or no longer do. */
  setOnline(device: Device, online: boolean, now: number): void {
    device.online = online;
    this.#options.lifecycle.changed(device.user, now);
  }

  /** True when the token has expired, or was issued before its user, or the device, was kicked. */
  stale(identity: Identity, device: string | undefined, now: number): boolean {
    return identity.expires <= now || this.kicked.has(identity, device, now);
  }

  /** Ends the links of a user, or of one device of it, and refuses the tokens that were issued until now. */
  kick(user: string, id: string | undefined, now: number): number {
    this.kicked.add(kickName(user, id), now);
    // Those of other nodes are ended there, which hears of it as well.
    const devices = this.#options.directory
      .devices(user)
      .filter((device) => (id === undefined || device.id === id) && device.node === undefined);
    for (const device of devices) device.link.close("kicked", now);
    return devices.length;
  }

  /**
   * Takes over kicks that another node remembers. The links of those users have to show their tokens again: one may have been opened
   * meanwhile with an older token.
   */
  learnKicks(kicks: readonly Kick[], now: number): void {
    for (const [name, ago] of this.kicked.learn(kicks, now)) {
      this.#options.ports.emit({ type: "kick_learned", name, ago });
      const [user = "", id] = name.split("/");
      for (const device of this.#options.directory.devices(user)) {
        if ((id !== undefined && device.id !== id) || device.node !== undefined) continue;
        const link = this.#byDevice.get(device)?.link;
        if (link === undefined) device.link.close("kicked", now);
        else link.suspend("drain", now);
      }
    }
  }

  /** Ends the link that was suspended first, where the user has as many devices as it may. False: all are in use. */
  makeRoom(user: string, now: number): boolean {
    const devices = this.#options.directory.devices(user);
    if (devices.length < this.limits.devicesPerUser) return true;
    this.#options.ports.emit({ type: "limit", limit: "devicesPerUser" });
    let oldest: NativeLink | undefined;
    for (const device of devices) {
      const link = this.#byDevice.get(device)?.link;
      if (link?.state !== "suspended") continue;
      if (oldest === undefined || link.suspendedAt < oldest.suspendedAt) oldest = link;
    }
    if (oldest === undefined) return false;
    this.end(oldest, "evicted", now);
    return true;
  }

  /** Ends a link for good, and tells everybody whom that concerns. */
  end(link: NativeLink, why: LinkEnd, now: number): void {
    const { device } = link;
    if (device === undefined) return;
    this.forget(link, device);
    this.#options.ports.emit({ type: "link_closed", user: device.user, device: device.id, reason: why });
    this.#options.lifecycle.closed(device, why, now);
    this.#options.lifecycle.changed(device.user, now);
  }

  /** Ends a link without a word: another one takes its place, and who makes that one says the rest. */
  forget(link: NativeLink, device: Device): void {
    if (link.state === "live") this.live -= 1;
    this.remove({ link, device });
    this.#options.directory.remove(device);
    link.end();
  }
}
