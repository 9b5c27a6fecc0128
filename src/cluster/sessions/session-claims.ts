import type { Request } from "../../protocol/requests.ts";
import type { Deadlines } from "../../shared/deadlines.ts";
import { keepNewest } from "../../shared/keep-newest.ts";
import type { Device, Outcome } from "../../signaling/device.ts";
import type { LocalDevice } from "../devices/device-notice.ts";
import type { RemoteDevices } from "../devices/remote-devices.ts";
import { RemoteLink } from "../devices/remote-link.ts";
import type { NodeItem, SessionClaim } from "../items.ts";
import type { Nodes } from "../nodes.ts";
import { tellLate } from "./awaited-replies.ts";
import { type LegSnapshot, type Ownership, outranks } from "./remote-leg.ts";
import type { RemoteLegs } from "./remote-legs.ts";
import type { SessionFinder } from "./session-finder.ts";

/** What this node's sessions do when owners change. */
export interface SessionClaimsHost {
  perform(device: Device, request: Request, now: number): Outcome | undefined;
  /** The devices in a session of this node, the caller's first. */
  participants(session: string): Device[];
  /** The caller of a session of this node in which the device rings. */
  rungBy(session: string, device: Device): { user: string; device: string } | undefined;
  /** The epoch of a session that this node owns. */
  epochOf(session: string): number | undefined;
  /** A device comes back to its leg in a session of this node. `rings`: it rings already. False: it has no leg there. */
  rejoin(device: Device, session: string, now: number, rings?: boolean): boolean;
  /** Drops this node's copy of a session that another node owns in a newer epoch. Returns the devices that were in it. */
  surrender(session: string, epoch: number, owner: string, now: number): Device[];
}

export interface SessionClaimsOptions {
  readonly nodes: Nodes;
  readonly devices: RemoteDevices;
  readonly legs: RemoteLegs;
  readonly finder: SessionFinder;
  readonly deadlines: Deadlines;
  /** The devices of the user at this node. */
  local(user: string): readonly LocalDevice[];
  readonly host: SessionClaimsHost;
}

/** How long the announcement of a device may wait for the owners of its sessions to hear of the device. ms */
const rejoinTimeout = 2_000;
/** How many claims are kept for peers that did not hear them, and how many owners of sessions that this node gave up. */
const maxClaims = 10_000;
/** How long the claim of a session that is over is kept: by then a former owner's copy has ended by itself. ms */
const claimKept = 600_000;

/**
 * Sessions that change their owner other than by a handover: the new owner claims the session, and the nodes of its devices
 * turn to the new owner. Of two claims the later epoch counts.
 */
export class SessionClaims {
  readonly #options: SessionClaimsOptions;
  /** Sessions that this node has claimed, each with its epoch and the time: the latest last. */
  readonly #claims = new Map<string, { readonly epoch: number; readonly at: number }>();
  /** Sessions that this node has given up or handed over, and their owners: the latest last. */
  readonly #surrendered = new Map<string, Ownership>();

  constructor(options: SessionClaimsOptions) {
    this.#options = options;
  }

  /** This node owns the session from now on: tells the nodes of these users' devices. */
  claim(session: string, epoch: number, users: readonly string[], now: number): void {
    const { nodes, devices, finder } = this.#options;
    finder.took(session);
    const claim: SessionClaim = { op: "claim", session, owner: nodes.name, epoch };
    keepNewest(this.#claims, session, { epoch, at: now }, maxClaims);
    for (const user of new Set(users)) {
      devices.tell(user, claim);
      this.claimed(user, claim, now);
    }
  }

  /** Tells the claims of this node again to that one, which may have missed them. */
  repeat(node: string): void {
    const { nodes, host } = this.#options;
    for (const [session, { epoch, at }] of this.#claims)
      if (host.epochOf(session) === epoch || nodes.now() - at < claimKept)
        nodes.send(node, { t: "stale", session, epoch, owner: nodes.name });
      else this.#claims.delete(session);
  }

  /** A node has claimed the session: the user's devices here that are in it turn to that node. */
  claimed(user: string, { session, owner, epoch }: SessionClaim, now: number): void {
    const { nodes, host, local } = this.#options;
    const here = owner === nodes.name;
    if (!here) this.surrender(session, owner, epoch, now);
    // Two nodes took the session over at once, and this one stays the owner: the other one has not heard of it yet.
    const mine = here ? undefined : host.epochOf(session);
    if (mine !== undefined) nodes.send(owner, { t: "stale", session, epoch: mine, owner: nodes.name });
    for (const { device } of local(user)) this.#follow(device, session, owner, epoch, now);
  }

  /** Turns a device of this node to the owner, if the owner counts and the device does not know it in that epoch. */
  #follow(device: Device, session: string, owner: string, epoch: number, now: number): void {
    const { legs, nodes } = this.#options;
    const known = legs.ownerOf(device, session);
    if (known === undefined || !outranks({ epoch, owner }, known)) return;
    if (owner === nodes.name) this.#takeIn(device, session, now);
    else {
      legs.bound(device, session, owner, epoch);
      this.rejoin(device, session, owner);
    }
  }

  /** This node is the new owner: the device gets its leg here, or hears that it has none. */
  #takeIn(device: Device, session: string, now: number): void {
    const { legs, host, deadlines } = this.#options;
    const rings = legs.rings(device, session);
    const open = legs.take(device, session);
    // A leg that the ticket did not know, such as that of a move, is lost with the former owner.
    if (!host.rejoin(device, session, now, rings))
      device.link.deliver({ type: "ended", session, reason: "lost" }, now);
    if (open.length > 0) deadlines.add(now, (later) => this.#performAgain(device, open, later));
  }

  /**
   * Does what the former owner has not replied to, or was not asked, after the device that brought the session here has
   * heard of it.
   */
  #performAgain(device: Device, open: readonly Request[], now: number): void {
    for (const request of open)
      tellLate(device, request, this.#options.host.perform(device, request, now), now);
  }

  /**
   * Gives up this node's copy of a session that another node owns in a newer epoch. Its devices here turn to the owner; the
   * nodes of the others may still take this node for the owner, and are told.
   */
  surrender(session: string, owner: string, epoch: number, now: number): void {
    const { legs, host, nodes } = this.#options;
    const callers = new Map(host.participants(session).map((one) => [one, host.rungBy(session, one)]));
    const elsewhere = new Set<string>();
    const devices = host.surrender(session, epoch, owner, now);
    if (devices.length > 0) this.gaveAway(session, owner, epoch);
    for (const device of devices) {
      if (device.link instanceof RemoteLink) {
        elsewhere.add(device.link.node);
        continue;
      }
      legs.bound(device, session, owner, epoch);
      const caller = callers.get(device);
      if (caller !== undefined) legs.rung(device, session, caller);
      this.rejoin(device, session, owner);
    }
    elsewhere.delete(owner);
    for (const node of elsewhere) nodes.send(node, { t: "stale", session, epoch, owner });
  }

  /**
   * A device has come here with a leg in a session of this node that does not have it: the session was given up or
   * ended meanwhile.
   */
  missing(device: Device, { session, caller, held }: LegSnapshot, now: number): void {
    const { legs, host, local } = this.#options;
    // The session may be on its way here, handed over by the node that the device comes from.
    if (held !== undefined) return;
    // A newer run of the device may have the leg.
    if (local(device.user).some((one) => one.device.id === device.id && one.stamp > device.stamp)) return;
    if (host.rejoin(device, session, now)) return;
    const known = this.#surrendered.get(session);
    if (known === undefined) device.link.deliver({ type: "ended", session, reason: "lost" }, now);
    else if (legs.bound(device, session, known.owner, known.epoch)) {
      if (caller !== undefined) legs.rung(device, session, caller);
      this.rejoin(device, session, known.owner);
    }
  }

  /** That node owns the session from now on: this one has given it up or handed it over. */
  gaveAway(session: string, owner: string, epoch: number): void {
    keepNewest(this.#surrendered, session, { owner, epoch }, maxClaims);
  }

  /** The owner of a session that this node has given up or handed over. */
  nextOwner(session: string): string | undefined {
    return this.#surrendered.get(session)?.owner;
  }

  /** The session has that owner, in a newer epoch than this node may know. */
  superseded(session: string, owner: string, epoch: number, now: number): void {
    this.surrender(session, owner, epoch, now);
    for (const device of this.#options.legs.devicesIn(session))
      this.#follow(device, session, owner, epoch, now);
  }

  /**
   * True when this node owns the session that the other one speaks of as its owner, in `epoch` if it says so. The other
   * one is a former owner, and is told.
   */
  isMine(session: string, from: string, epoch = 0): boolean {
    const { nodes, host } = this.#options;
    const mine = from === nodes.name ? undefined : host.epochOf(session);
    if (mine === undefined || outranks({ epoch, owner: from }, { epoch: mine, owner: nodes.name }))
      return false;
    nodes.send(from, { t: "stale", session, epoch: mine, owner: nodes.name });
    return true;
  }

  /** Tells a node that speaks as the owner of the session which node owns it by now. */
  stale(to: string, device: Device, session: string): void {
    const { nodes, legs } = this.#options;
    const known = legs.ownerOf(device, session);
    if (known !== undefined) nodes.send(to, { t: "stale", session, ...known });
  }

  /** Asks the owner for the leg of a device of this node. */
  rejoin(device: Device, session: string, owner: string): void {
    const { nodes, devices, legs } = this.#options;
    const notice = devices.noticeOf(device);
    if (notice === undefined) return;
    const rings = legs.rings(device, session) ? { rings: true } : {};
    nodes.send(owner, { t: "rejoin", user: device.user, device: notice, session, ...rings });
  }

  /**
   * Asks the owners of these sessions (session → owner) for the legs of a device that has just come to this node. They
   * hear of it before any node hears that an older run of the device is over, which would end those legs.
   */
  rejoinAll(device: Device, sessions: ReadonlyMap<string, string>): void {
    const owners = new Set(sessions.values());
    if (owners.size === 0) return;
    const { deadlines, nodes, devices } = this.#options;
    const release = devices.holdBack(device.user);
    let held = true;
    const done = (): void => {
      if (held) release();
      held = false;
    };
    for (const [session, owner] of sessions) this.rejoin(device, session, owner);
    let open = owners.size;
    for (const owner of owners)
      nodes.flushed(owner, () => {
        open -= 1;
        if (open === 0) done();
      });
    deadlines.add(nodes.now() + rejoinTimeout, done);
  }

  /** A device of another node asks for its leg in a session of this one. */
  rejoins(
    from: string,
    { session, user, device: notice, rings }: Extract<NodeItem, { t: "rejoin" }>,
    now: number,
  ): void {
    const { nodes, devices, host } = this.#options;
    devices.introduce(from, user, notice, now, (device) => {
      if (host.rejoin(device, session, now, rings)) return;
      const next = this.#surrendered.get(session);
      if (next !== undefined) {
        nodes.send(from, { t: "stale", session, ...next });
        return;
      }
      const push = { type: "ended", session, reason: "lost" } as const;
      nodes.send(from, { t: "push", links: [notice.link], push });
      nodes.send(from, { t: "unbound", link: notice.link, session });
    });
  }
}
