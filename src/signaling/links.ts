import { type CloseName, closeCodes } from "../protocol/close-codes.ts";
import type { Hello, Welcome } from "../protocol/handshake.ts";
import type { Limits } from "../protocol/limits.ts";
import type { Deadlines } from "../shared/deadlines.ts";
import type { Cluster } from "./cluster/cluster.ts";
import type { Parcel, PullAnswer, PullRequest } from "./cluster/link-transfer.ts";
import type { NodeItem } from "./cluster/node-item.ts";
import { RemoteLink } from "./cluster/remote-link.ts";
import type { Place } from "./cluster/session-finder.ts";
import { Device } from "./device.ts";
import type { Directory } from "./directory.ts";
import type { LinkSnapshot } from "./link-snapshot.ts";
import { type LinkKeeper, NativeLink } from "./native-link.ts";
import type { Identity, Ports, Transport } from "./ports.ts";
import { openTicket, type Ticket } from "./tickets.ts";
import { limitsToTell, welcomeFrame } from "./welcome.ts";

/** Why a link is gone for good. Only `client` means that its person left. */
export type LinkEnd = "client" | "replaced" | "renewed" | "expired" | "kicked" | "evicted";

/** What the core does when devices come and go. */
export interface LinkHooks {
  /** Finds the sessions of these tickets again for a device with a new link. Answers their ids; tells nobody yet. */
  recover(device: Device, tickets: readonly Ticket[], places: Places, now: number): string[];
  /** A device has a new link, and has heard `welcome`. */
  opened(device: Device, now: number): void;
  resumed(device: Device, now: number): void;
  /** A link has come from another node, with all that hangs on it; `held` is what this node had to say to it. */
  adopted(device: Device, parcel: Parcel, held: readonly NodeItem[], now: number): void;
  suspended(device: Device, now: number): void;
  /** The link is gone for good. */
  closed(device: Device, why: LinkEnd, now: number): void;
  /** What others may see of the user's devices has changed. */
  changed(user: string, now: number): void;
}

export interface LinksOptions {
  readonly node: string;
  readonly limits: Limits;
  readonly ports: Ports;
  readonly deadlines: Deadlines;
  readonly directory: Directory;
  readonly hooks: LinkHooks;
  /** The other nodes, where there are any. */
  readonly cluster: Cluster | undefined;
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

/** Where the sessions of tickets are, in a cluster. */
export type Places = ReadonlyMap<string, Place> | undefined;

/** What a hello brings beside itself: why it can't go on with its link, and the tickets of sessions. */
interface Brought {
  readonly refusal: Welcome["reason"];
  readonly tickets: readonly Ticket[];
  readonly places: Places;
}

/** How long a welcome waits for nodes that may hold the user's devices. ms */
const knowWithin = 400;
/** A log of more characters may not fit into one message of the backplane, and stays. */
const maxLogToMove = 300_000;
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

  /** The device of that link; undefined where it is none of this node. */
  byId(link: string): Device | undefined {
    return this.#links.get(link)?.device;
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
    const { cluster } = this.#options;
    const elsewhere = resume?.home !== undefined && resume.home !== this.#options.node;
    const refusal = resume === undefined ? undefined : elsewhere ? "unreachable" : "expired";
    const known = resume !== undefined && this.#links.has(resume.link);
    const tickets = this.#tickets(hello, identity, now);
    const decide = (places: Places, later: number, why: Welcome["reason"] = refusal) =>
      done(this.#decide(transport, hello, identity, { refusal: why, tickets, places }, later), later);
    if (cluster === undefined || known) decide(undefined, now);
    // Another node may hold the same device, and a newer run of it than this one; and others the sessions of its tickets.
    else
      cluster.devices.know(
        identity.user,
        (_complete, later) =>
          this.#pull(cluster, transport, hello, identity, later, done, (refusal) =>
            cluster.finder.find(tickets, (places, then) => decide(places, then, refusal)),
          ),
        knowWithin,
      );
  }

  /** Has the link of the hello brought here by the node that holds it; `otherwise` where it does not come. */
  #pull(
    cluster: Cluster,
    transport: Transport,
    hello: Hello,
    identity: Identity,
    now: number,
    done: (admission: Admission, now: number) => void,
    otherwise: (refusal: Welcome["reason"]) => void,
  ): void {
    const { resume, instance, attempt } = hello;
    const device = identity.device ?? hello.device?.id;
    const home = resume?.home;
    if (resume === undefined || device === undefined || home === undefined || home === this.#options.node) {
      otherwise(resume && "expired");
      return;
    }
    const unfit = this.#unfit(hello, identity, now);
    if (unfit !== undefined) {
      done(unfit, now);
      return;
    }
    const secretHash = this.#options.ports.hash(resume.secret);
    const { link, seq } = resume;
    const { user } = identity;
    const by = this.#options.node;
    const request = { link, user, device, secretHash, instance, attempt, seq, by };
    cluster.transfer.pull(home, request, (answer, later) => {
      if ("close" in answer) done({ close: answer.close }, later);
      else if ("refusal" in answer) otherwise(answer.refusal);
      else done({ link: this.#adopt(cluster, answer.parcel, transport, hello, identity, later) }, later);
    });
  }

  /** Goes on with a link that another node had. */
  #adopt(
    cluster: Cluster,
    parcel: Parcel,
    transport: Transport,
    hello: Hello,
    identity: Identity,
    now: number,
  ): NativeLink {
    const { link: snapshot } = parcel;
    const { directory, hooks } = this.#options;
    const link = new NativeLink(snapshot.id, snapshot.instance, snapshot.attempt, this, now);
    const known = cluster.devices.tookOver(snapshot.id);
    const rival = directory
      .devices(snapshot.user)
      .find((one) => one.id === snapshot.device && one.link.id !== snapshot.id && this.#byDevice.has(one));
    const device = known?.device ?? deviceOf(snapshot, link);
    device.link = link;
    link.restore(snapshot);
    link.formerSecretHash = this.#options.ports.hash(hello.resume?.secret ?? "");
    const entry = { link, device };
    this.#links.set(link.id, entry);
    this.#byDevice.set(device, entry);
    if (known === undefined) directory.add(device);
    this.#authorize(entry, identity);
    hooks.adopted(device, parcel, known?.held ?? [], now);
    this.#resume(entry, transport, hello, identity, hello.resume?.seq ?? 0, now);
    // While the link was on its way another run of the device has come: the later one stays.
    if (rival !== undefined) this.displace(rival.stamp > device.stamp ? device : rival, "replaced", now);
    return link;
  }

  // LinkSource

  freeze({ link: id, ...request }: PullRequest, now: number): PullAnswer | undefined {
    const entry = this.#links.get(id);
    if (entry === undefined) return { refusal: "expired" };
    const { link, device } = entry;
    const { secretHash } = request;
    const known = secretHash === link.secretHash || secretHash === link.formerSecretHash;
    if (device.user !== request.user || device.id !== request.device || !known) return { close: "badResume" };
    if (link.instance !== request.instance) return { refusal: "expired" };
    if (request.attempt <= link.attempt) return { close: "stale" };
    if (!link.log.reaches(request.seq) || link.log.bytes > maxLogToMove) return { refusal: "gap" };
    if (link.state === "live") {
      this.live -= 1;
      link.freeze(now);
    }
    return undefined;
  }

  thaw(id: string, now: number): void {
    const entry = this.#links.get(id);
    if (entry?.link.state === "suspended") this.#options.hooks.suspended(entry.device, now);
  }

  /** The frozen link leaves this node. Undefined: its client has come back here meanwhile. */
  release({ link: id, attempt, seq }: PullRequest): LinkEntry | undefined {
    const entry = this.#links.get(id);
    if (entry === undefined || entry.link.state === "live" || entry.link.attempt >= attempt) return undefined;
    if (!entry.link.log.reaches(seq)) return undefined;
    this.#links.delete(id);
    this.#byDevice.delete(entry.device);
    return entry;
  }

  #tickets(hello: Hello, { user }: Identity, now: number): Ticket[] {
    const tickets: Ticket[] = [];
    for (const sealed of hello.sessions ?? []) {
      const ticket = openTicket(this.#options.ports, sealed, now);
      if (ticket?.user === user) tickets.push(ticket);
    }
    return tickets;
  }

  #decide(transport: Transport, hello: Hello, identity: Identity, brought: Brought, now: number): Admission {
    const unfit = this.#unfit(hello, identity, now);
    if (unfit !== undefined) return unfit;
    const id = identity.device ?? hello.device?.id ?? `d_${this.#options.ports.random(9)}`;
    const { resume } = hello;
    const entry = resume === undefined ? undefined : this.#links.get(resume.link);
    if (entry === undefined || resume === undefined)
      return this.#open(transport, hello, identity, id, brought, now);
    const { link, device } = entry;
    const refused = (refusal: Welcome["reason"]) =>
      this.#open(transport, hello, identity, id, { ...brought, refusal }, now);
    const presented = this.#options.ports.hash(resume.secret);
    if (
      device.user !== identity.user ||
      device.id !== id ||
      (presented !== link.secretHash && presented !== link.formerSecretHash)
    )
      return { close: "badResume" };
    // A duplicated tab brings the secret of the tab that it was copied from: it is another instance.
    if (link.instance !== hello.instance) return refused("expired");
    if (hello.attempt <= link.attempt) return { close: "stale" };
    if (!link.log.reaches(resume.seq)) return refused("gap");
    link.formerSecretHash = presented;
    this.#resume(entry, transport, hello, identity, resume.seq, now);
    return { link };
  }

  /** What makes any hello with this token useless. */
  #unfit(hello: Hello, identity: Identity, now: number): Admission | undefined {
    const wanted = hello.device?.id;
    if (identity.device !== undefined && wanted !== undefined && wanted !== identity.device)
      return { close: "forbidden", reason: "the token is for another device" };
    if (identity.expires <= now || identity.issuedAt < (this.#notBefore.get(identity.user) ?? 0))
      return { close: "unauthorized", reason: "token_expired" };
    return undefined;
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
    { refusal, tickets: all, places }: Brought,
    now: number,
  ): Admission {
    const tickets = all.filter((ticket) => ticket.device === id);
    const { directory, hooks, ports, limits } = this.#options;
    const old = directory.device(identity.user, id);
    const oldLink = old === undefined ? undefined : displaceable(old);
    // Later than the run that it displaces, whatever the clocks say.
    const stamp = Math.max(this.#options.cluster?.nodes.time(now) ?? now, (old?.stamp ?? 0) + 1);
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
      guest: identity.guest ?? false,
    });
    device.stamp = stamp;
    const home = oldLink instanceof RemoteLink ? oldLink.node : hello.resume?.home;
    if (home !== this.#options.node) device.cameFrom = home;
    const entry = { link, device };
    if (oldLink instanceof NativeLink && old !== undefined) this.#displace(oldLink, old, hello.instance);
    // Its node hears of this one, and ends it there.
    else if (old !== undefined) this.#options.cluster?.devices.forget(old);
    this.#links.set(link.id, entry);
    this.#byDevice.set(device, entry);
    directory.add(device);
    this.live += 1;
    link.attach(transport);
    this.#authorize(entry, identity);
    const found = hooks.recover(device, tickets, places, now);
    if (oldLink !== undefined && old !== undefined) {
      const reason = oldLink.instance === hello.instance ? "renewed" : "replaced";
      ports.emit({ type: "link_closed", user: old.user, device: old.id, reason });
      hooks.closed(old, reason, now);
    }
    this.#welcome(entry, false, refusal, found, now);
    // What its sessions have told it while they were found again.
    link.replay(0, now);
    ports.emit({ type: "link_opened", user: device.user, device: device.id, link: link.id });
    hooks.changed(device.user, now);
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
    entry.device.guest = identity.guest ?? false;
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
    const ice = ports.iceServers(device, now);
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
    link.greeted = true;
  }

  // LinkKeeper

  /** A newer run of the device is at another node. */
  displace(device: Device, why: "stale" | "replaced", now: number): void {
    const entry = this.#byDevice.get(device);
    if (entry === undefined) return;
    const { code, text } = closeCodes[why];
    entry.link.transport?.close(code, text);
    this.#end(entry.link, why === "stale" ? "renewed" : "replaced", now);
  }

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
    // Nobody means the device to go: it starts anew, and finds its calls by their tickets.
    this.#end(link, why === "lostFrames" ? "expired" : "kicked", now);
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
    this.#options.hooks.changed(device.user, now);
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
    this.#options.hooks.changed(device.user, now);
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
    // Those of other nodes are ended there, which hears of it as well.
    const devices = this.#options.directory
      .devices(user)
      .filter((device) => (id === undefined || device.id === id) && !(device.link instanceof RemoteLink));
    for (const device of devices) device.link.close("kicked", now);
    return devices.length;
  }
}

const noCapabilities = {};

function deviceOf(
  { user, device: id, kind, name, capabilities, status, stamp }: LinkSnapshot,
  link: NativeLink,
) {
  const device = new Device({ user, id, kind, name, capabilities, link, grants: {} });
  device.status = status;
  device.stamp = stamp;
  return device;
}

/** The link of a device that another one of the same id displaces: its own conversation, here or at another node. */
function displaceable({ link }: Device): NativeLink | RemoteLink | undefined {
  return link instanceof NativeLink || link instanceof RemoteLink ? link : undefined;
}
