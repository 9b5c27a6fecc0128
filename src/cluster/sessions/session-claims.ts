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

/** What this node's sessions are to do. */
export interface SessionClaimsHost {
  perform(device: Device, request: Request, now: number): Outcome | undefined;
  /** The devices that have part in a session of this node, the caller's first. */
  participants(session: string): Device[];
  /** Whose call rings the device in a session of this node. */
  rungBy(session: string, device: Device): { user: string; device: string } | undefined;
  /** The epoch of a session that this node owns. */
  epochOf(session: string): number | undefined;
  /** A device comes back to its part in a session of this node. `rings`: it rings for it already. False: it has none. */
  rejoin(device: Device, session: string, now: number, rings?: boolean): boolean;
  /** Another node owns the session in a newer epoch: the copy of this one counts no more. Answers the devices that had part in it. */
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

/** How long the others may wait to hear of a device that owners of its sessions hear of first. ms */
const rejoinTimeout = 2_000;
/** Claims that are kept for peers that did not hear them, and owners for devices that come. */
const maxClaims = 10_000;
/** How long that of a session that is over is kept: a copy of a former owner ends by itself by then. ms */
const claimKept = 600_000;

/**
 * Who owns a session that has changed its owner: the new one claims it, and those who have part in it turn to that. Of two
 * claims the later epoch counts.
 */
export class SessionClaims {
  readonly #options: SessionClaimsOptions;
  /** Sessions that this node has claimed, in which epoch, and when: the latest last. */
  readonly #claims = new Map<string, { readonly epoch: number; readonly at: number }>();
  /** Sessions that this node has given up, or away, and who owns them: the latest last. */
  readonly #surrendered = new Map<string, Ownership>();

  constructor(options: SessionClaimsOptions) {
    this.#options = options;
  }

  /** This node owns the session from now on: those who have part in it are told. */
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

  /** That node may not have heard what was claimed: it, or this one, was away. */
  repeat(node: string): void {
    const { nodes, host } = this.#options;
    for (const [session, { epoch, at }] of this.#claims)
      if (host.epochOf(session) === epoch || nodes.now() - at < claimKept)
        nodes.send(node, { t: "stale", session, epoch, owner: nodes.name });
      else this.#claims.delete(session);
  }

  /** A node owns the session: devices here that have part in it turn to that node. */
  claimed(user: string, { session, owner, epoch }: SessionClaim, now: number): void {
    const { nodes, host, local } = this.#options;
    const here = owner === nodes.name;
    if (!here) this.surrender(session, owner, epoch, now);
    // Of two that took it over at once this one stays: the other has not heard of it yet.
    const mine = here ? undefined : host.epochOf(session);
    if (mine !== undefined) nodes.send(owner, { t: "stale", session, epoch: mine, owner: nodes.name });
    for (const { device } of local(user)) this.#follow(device, session, owner, epoch, now);
  }

  /** A device of this node turns to an owner that is news to it. */
  #follow(device: Device, session: string, owner: string, epoch: number, now: number): void {
    const { legs, nodes } = this.#options;
    const known = legs.ownerOf(device, session);
    if (known === undefined || known.owner === owner || !outranks({ epoch, owner }, known)) return;
    if (owner === nodes.name) this.#takeIn(device, session, now);
    else {
      legs.bound(device, session, owner, epoch);
      this.rejoin(device, session, owner);
    }
  }

  /** The new owner is this node: the device has its part here from now on, or hears that it has none. */
  #takeIn(device: Device, session: string, now: number): void {
    const { legs, host, deadlines } = this.#options;
    const rings = legs.rings(device, session);
    const open = legs.take(device, session);
    // What the ticket did not know of, such as a move, is lost with the former owner.
    if (!host.rejoin(device, session, now, rings))
      device.link.deliver({ type: "ended", session, reason: "lost" }, now);
    if (open.length > 0) deadlines.add(now, (later) => this.#performAgain(device, open, later));
  }

  /** What a former owner has not answered, or was not asked any more; once who brought the session here has heard of it. */
  #performAgain(device: Device, open: readonly Request[], now: number): void {
    for (const request of open)
      tellLate(device, request, this.#options.host.perform(device, request, now), now);
  }

  /**
   * Gives up a copy of a session that another node owns in a newer epoch; its devices turn to that. The nodes of those that are
   * not here may have heard of this copy last, and are told.
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

  /** A device has come here with a part in a session of this node, which has not: it was given up, or ended, meanwhile. */
  missing(device: Device, { session, caller, held }: LegSnapshot, now: number): void {
    const { legs, host, local } = this.#options;
    // Or it is on its way here, handed over by the node that the device comes from.
    if (held !== undefined) return;
    // A newer run of the device has that part.
    if (local(device.user).some((one) => one.device.id === device.id && one.stamp > device.stamp)) return;
    if (host.rejoin(device, session, now)) return;
    const known = this.#surrendered.get(session);
    if (known === undefined) device.link.deliver({ type: "ended", session, reason: "lost" }, now);
    else if (legs.bound(device, session, known.owner, known.epoch)) {
      if (caller !== undefined) legs.rung(device, session, caller);
      this.rejoin(device, session, known.owner);
    }
  }

  /** The session is that node's from now on: given up to it, or handed over. */
  gaveAway(session: string, owner: string, epoch: number): void {
    keepNewest(this.#surrendered, session, { owner, epoch }, maxClaims);
  }

  /** The owner of a session that this node has owned, and given up or away. */
  nextOwner(session: string): string | undefined {
    return this.#surrendered.get(session)?.owner;
  }

  /** The session has another owner than some here may believe, in a newer epoch. */
  superseded(session: string, owner: string, epoch: number, now: number): void {
    this.surrender(session, owner, epoch, now);
    for (const device of this.#options.legs.devicesIn(session))
      this.#follow(device, session, owner, epoch, now);
  }

  /**
   * True when this node owns the session of which that one speaks, in its own copy of `epoch` if it says so: a former owner,
   * which is told.
   */
  isMine(session: string, from: string, epoch = 0): boolean {
    const { nodes, host } = this.#options;
    const mine = from === nodes.name ? undefined : host.epochOf(session);
    if (mine === undefined || outranks({ epoch, owner: from }, { epoch: mine, owner: nodes.name }))
      return false;
    nodes.send(from, { t: "stale", session, epoch: mine, owner: nodes.name });
    return true;
  }

  /** That node speaks of a session that another one owns by now. */
  stale(to: string, device: Device, session: string): void {
    const { nodes, legs } = this.#options;
    const known = legs.ownerOf(device, session);
    if (known !== undefined) nodes.send(to, { t: "stale", session, ...known });
  }

  /** Brings a device of this node back to its part in a session of that node. */
  rejoin(device: Device, session: string, owner: string): void {
    const { nodes, devices, legs } = this.#options;
    const notice = devices.noticeOf(device);
    if (notice === undefined) return;
    const rings = legs.rings(device, session) ? { rings: true } : {};
    nodes.send(owner, { t: "rejoin", user: device.user, device: notice, session, ...rings });
  }

  /**
   * Brings a new device of this node back to its part in sessions of other nodes. Those hear of that before anybody hears
   * that an older run of the device is over, which would end what it has part in.
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

  /** A device of that node comes back to its part in a session of this one. */
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
