import { type CloseName, closeCodes } from "../protocol/close-codes.ts";
import type { Hello, Welcome } from "../protocol/handshake.ts";
import type { Limits } from "../protocol/limits.ts";
import type { Deadlines } from "../shared/deadlines.ts";
import type { Backplane } from "./backplane.ts";
import { Device } from "./device.ts";
import type { Directory } from "./directory.ts";
import { type LinkKeeper, NativeLink } from "./native-link.ts";
import type { Identity, Ports, Transport } from "./ports.ts";
import { limitsToTell, welcomeFrame } from "./welcome.ts";

/** Why a link is gone for good. Only `client` means that its person left. */
export type LinkEnd = "client" | "replaced" | "renewed" | "expired" | "kicked" | "evicted";

/** What the core does when devices come and go. */
export interface LinkHooks {
  /** Finds the sessions of these tickets again for a device with a new link. Answers their ids; tells nobody yet. */
  recover(device: Device, tickets: readonly string[], now: number): string[];
  /** A device has a new link, and has heard `welcome`. */
  opened(device: Device, now: number): void;
  resumed(device: Device, now: number): void;
  suspended(device: Device, now: number): void;
  /** The link is gone for good. */
  closed(device: Device, why: LinkEnd, now: number): void;
  /** What others may see of the device has changed. */
  changed(device: Device, now: number): void;
}

export interface LinksOptions {
  readonly node: string;
  readonly limits: Limits;
  readonly ports: Ports;
  readonly backplane: Backplane;
  readonly deadlines: Deadlines;
  readonly directory: Directory;
  readonly hooks: LinkHooks;
}

/** What becomes of a hello: the link that the transport speaks for, or the close that it gets. */
export type Admission =
  | { readonly link: NativeLink }
  | { readonly close: CloseName; readonly reason?: string };

/** A native link and the device that speaks over it. */
export interface LinkEntry {
  readonly link: NativeLink;
  readonly device: Device;
}

/** How long the node that held a link may take to answer. */
const pullTimeout = 1_000;
/** Users whose older tokens are refused; the bound of what is remembered. */
const maxNotBefore = 100_000;

/** All native links of the node: sign-in, resume, take-over, and their end. */
export class Links implements LinkKeeper {
  readonly limits: Limits;
  readonly budget = { bytes: 0 };
  readonly #options: LinksOptions;
  readonly #links = new Map<string, LinkEntry>();
  readonly #byDevice = new Map<Device, LinkEntry>();
  readonly #notBefore = new Map<string, number>();
  readonly #told: Record<string, number>;
  live = 0;

  constructor(options: LinksOptions) {
    this.#options = options;
    this.limits = options.limits;
    this.#told = limitsToTell(options.limits);
  }

  get size(): number {
    return this.#links.size;
  }

  deviceOf(link: NativeLink): Device | undefined {
    return this.#links.get(link.id)?.device;
  }

  /**
   * Decides what becomes of a verified hello, by the link's state table, and calls back when it is decided:
   * at once, unless another node has to be asked for the link.
   */
  admit(
    transport: Transport,
    hello: Hello,
    identity: Identity,
    now: number,
    done: (admission: Admission, now: number) => void,
  ): void {
    const { resume } = hello;
    const known = resume === undefined ? undefined : this.#links.get(resume.link);
    const home = resume?.home;
    if (resume === undefined || known !== undefined || home === undefined || home === this.#options.node) {
      done(this.#decide(transport, hello, identity, resume === undefined ? undefined : "expired", now), now);
      return;
    }
    const question = { op: "pull", link: resume.link, attempt: hello.attempt, by: this.#options.node };
    this.#options.backplane.request(`n.${home}`, question, pullTimeout, (answer) => {
      const refusal = answer.kind === "reply" ? "expired" : "unreachable";
      // The answer may come long after: time goes on with the deadlines.
      this.#options.deadlines.add(now, (later) => {
        done(this.#decide(transport, hello, identity, refusal, later), later);
      });
    });
  }

  #decide(
    transport: Transport,
    hello: Hello,
    identity: Identity,
    refusal: "expired" | "unreachable" | undefined,
    now: number,
  ): Admission {
    const wanted = hello.device?.id;
    if (identity.device !== undefined && wanted !== undefined && wanted !== identity.device)
      return { close: "forbidden", reason: "the token is for another device" };
    if (this.stale(identity, now)) return { close: "unauthorized", reason: "token_expired" };
    const id = identity.device ?? wanted ?? `d_${this.#options.ports.random(9)}`;
    const { resume } = hello;
    const entry = resume === undefined ? undefined : this.#links.get(resume.link);
    if (entry === undefined || resume === undefined)
      return this.#open(transport, hello, identity, id, refusal, now);
    const { link, device } = entry;
    const presented = this.#options.ports.hash(resume.secret);
    if (
      device.user !== identity.user ||
      device.id !== id ||
      (presented !== link.secretHash && presented !== link.formerSecretHash)
    )
      return { close: "badResume" };
    // A duplicated tab brings the secret of the tab that it was copied from: it is another instance.
    if (link.instance !== hello.instance) return this.#open(transport, hello, identity, id, "expired", now);
    if (hello.attempt <= link.attempt) return { close: "stale" };
    if (!link.log.reaches(resume.seq)) return this.#open(transport, hello, identity, id, "gap", now);
    link.formerSecretHash = presented;
    this.#resume(entry, transport, hello, identity, resume.seq, now);
    return { link };
  }

  #resume(
    entry: LinkEntry,
    transport: Transport,
    hello: Hello,
    identity: Identity,
    seq: number,
    now: number,
  ): void {
    const { link, device } = entry;
    link.attempt = hello.attempt;
    if (link.state !== "live") this.live += 1;
    link.attach(transport);
    link.lastHeard = now;
    link.acknowledged(seq);
    this.#authorize(entry, identity);
    this.#welcome(entry, true, undefined, [], now);
    const replayed = link.replay(seq, now);
    const { ports, hooks } = this.#options;
    ports.emit({ type: "link_resumed", user: device.user, device: device.id, link: link.id, replayed });
    if (!device.online) this.setOnline(device, true, now);
    hooks.resumed(device, now);
  }

  #open(
    transport: Transport,
    hello: Hello,
    identity: Identity,
    id: string,
    refusal: Welcome["reason"],
    now: number,
  ): Admission {
    const { directory, hooks, ports, limits } = this.#options;
    const old = directory.device(identity.user, id);
    const oldLink = old === undefined ? undefined : this.#byDevice.get(old)?.link;
    if (oldLink !== undefined) {
      const same = oldLink.instance === hello.instance;
      if (same && hello.attempt <= oldLink.attempt) return { close: "stale" };
      // A refused resume of an instance that was displaced meanwhile must not displace the newer one.
      if (!same && refusal !== undefined && hello.resume?.link !== oldLink.id) return { close: "replaced" };
    } else {
      const full = this.#makeRoom(identity.user, now);
      if (full !== undefined) return full;
    }
    if (refusal !== undefined) ports.emit({ type: "resume_refused", reason: refusal });
    if (this.#links.size >= limits.links && oldLink === undefined) {
      ports.emit({ type: "limit", limit: "links" });
      return { close: "overloaded" };
    }
    const link = new NativeLink(`l_${ports.random(12)}`, hello.instance, hello.attempt, this, now);
    const device = new Device({
      user: identity.user,
      id,
      kind: hello.device?.kind ?? "browser",
      name: hello.device?.name,
      capabilities: hello.device?.capabilities ?? noCapabilities,
      link,
      grants: identity.grants,
    });
    const entry = { link, device };
    if (oldLink !== undefined && old !== undefined) this.#displace(oldLink, old, hello.instance);
    this.#links.set(link.id, entry);
    this.#byDevice.set(device, entry);
    directory.add(device);
    this.live += 1;
    link.attach(transport);
    this.#authorize(entry, identity);
    const found = hooks.recover(device, hello.sessions ?? [], now);
    if (oldLink !== undefined && old !== undefined) {
      const reason = oldLink.instance === hello.instance ? "renewed" : "replaced";
      ports.emit({ type: "link_closed", user: old.user, device: old.id, reason });
      hooks.closed(old, reason, now);
    }
    this.#welcome(entry, false, refusal, found, now);
    ports.emit({ type: "link_opened", user: device.user, device: device.id, link: link.id });
    hooks.changed(device, now);
    hooks.opened(device, now);
    return { link };
  }

  /** Takes the older link of a device out of the way; its sessions are seen to once the newer one is there. */
  #displace(link: NativeLink, device: Device, instance: string): void {
    const { code, text } = link.instance === instance ? closeCodes.stale : closeCodes.replaced;
    link.transport?.close(code, text);
    this.#forget(link, device);
  }

  #makeRoom(user: string, now: number): Admission | undefined {
    const devices = this.#options.directory.devices(user);
    if (devices.length < this.limits.devicesPerUser) return undefined;
    this.#options.ports.emit({ type: "limit", limit: "devicesPerUser" });
    let oldest: LinkEntry | undefined;
    for (const device of devices) {
      const entry = this.#byDevice.get(device);
      if (entry?.link.state !== "suspended") continue;
      if (oldest === undefined || entry.link.suspendedAt < oldest.link.suspendedAt) oldest = entry;
    }
    if (oldest === undefined) return { close: "overloaded", reason: "too_many_devices" };
    this.#end(oldest.link, "evicted", now);
    return undefined;
  }

  #authorize(entry: LinkEntry, identity: Identity): void {
    entry.link.expires = identity.expires;
    entry.device.grants = identity.grants;
  }

  /** Renews the token of a live link. */
  renew(device: Device, identity: Identity): void {
    const entry = this.#byDevice.get(device);
    if (entry !== undefined) this.#authorize(entry, identity);
  }

  #welcome(
    entry: LinkEntry,
    resumed: boolean,
    reason: Welcome["reason"],
    sessions: string[],
    now: number,
  ): void {
    const { link, device } = entry;
    const { ports, node } = this.#options;
    const secret = ports.random(32);
    link.secretHash = ports.hash(secret);
    const ice = ports.iceServers(device.user, device.id, now);
    link.renewAt = ice.renewAt ?? Number.POSITIVE_INFINITY;
    const welcome = {
      ...welcomeFrame(link, device, node, this.#told, now),
      secret,
      iceServers: ice.servers,
      resumed,
      ...(reason === undefined ? {} : { reason }),
      ...(sessions.length === 0 ? {} : { sessions }),
    };
    link.silent = 0;
    link.sendUncounted(JSON.stringify(welcome), now);
  }

  // LinkKeeper

  suspended(link: NativeLink, code: number, now: number): void {
    const device = this.deviceOf(link);
    if (device === undefined) return;
    this.live -= 1;
    this.#options.ports.emit({ type: "link_suspended", user: device.user, device: device.id, code });
    // Told later: this may come out of a delivery, in the middle of somebody's loop.
    this.#options.deadlines.add(now, (later) => {
      if (link.state === "suspended") this.#options.hooks.suspended(device, later);
    });
  }

  shut(link: NativeLink, why: CloseName, now: number): void {
    const { code, text } = closeCodes[why];
    link.transport?.close(code, text);
    this.#end(link, "kicked", now);
  }

  overflowed(limit: "logFrames" | "sendBuffer"): void {
    this.#options.ports.emit({ type: "limit", limit });
  }

  /** The client closed its link itself. */
  leave(link: NativeLink, now: number): void {
    this.#end(link, "client", now);
  }

  #end(link: NativeLink, why: LinkEnd, now: number): void {
    const device = this.deviceOf(link);
    if (device === undefined) return;
    this.#forget(link, device);
    this.#options.ports.emit({ type: "link_closed", user: device.user, device: device.id, reason: why });
    this.#options.hooks.closed(device, why, now);
    this.#options.hooks.changed(device, now);
  }

  #forget(link: NativeLink, device: Device): void {
    if (link.state === "live") this.live -= 1;
    this.#links.delete(link.id);
    this.#byDevice.delete(device);
    this.#options.directory.remove(device);
    link.end();
  }

  /** The links with their devices, for who looks after them. */
  entries(): Iterable<LinkEntry> {
    return this.#links.values();
  }

  /** The window of a suspended link is over. */
  expire(link: NativeLink, now: number): void {
    this.#end(link, "expired", now);
  }

  /** Others see the device, or no longer do. */
  setOnline(device: Device, online: boolean, now: number): void {
    device.online = online;
    this.#options.hooks.changed(device, now);
  }

  /** True when the token has expired, or was issued before its user was kicked. */
  stale({ user, expires, issuedAt }: Identity, now: number): boolean {
    return expires <= now || issuedAt < (this.#notBefore.get(user) ?? 0);
  }

  /** Ends the links of a user, or of one device of it, and refuses the tokens that were issued until now. */
  kick(user: string, id: string | undefined, now: number): number {
    if (id === undefined) {
      this.#notBefore.delete(user);
      this.#notBefore.set(user, now);
      for (const oldest of this.#notBefore.keys()) {
        if (this.#notBefore.size <= maxNotBefore) break;
        this.#notBefore.delete(oldest);
      }
    }
    const devices = this.#options.directory
      .devices(user)
      .filter((device) => id === undefined || device.id === id);
    for (const device of devices) device.link.close("kicked", now);
    return devices.length;
  }
}

const noCapabilities = {};
