import type { Request } from "../../protocol/requests.ts";
import type { Deadlines } from "../../shared/deadlines.ts";
import type { Device } from "../device.ts";
import type { ClusterHost } from "./cluster-host.ts";
import { outranks } from "./foreign-leg.ts";
import type { ForeignLegs } from "./foreign-legs.ts";
import { tellLate } from "./late-outcome.ts";
import type { NodeItem } from "./node-item.ts";
import type { Nodes } from "./nodes.ts";
import type { RemoteDevices, SessionClaim } from "./remote-devices.ts";
import { RemoteLink } from "./remote-link.ts";
import type { SessionFinder } from "./session-finder.ts";

export interface SessionClaimsOptions {
  readonly nodes: Nodes;
  readonly devices: RemoteDevices;
  readonly legs: ForeignLegs;
  readonly finder: SessionFinder;
  readonly deadlines: Deadlines;
  readonly host: ClusterHost;
}

/** How long the others may wait to hear of a device that owners of its sessions hear of first. ms */
const rejoinTimeout = 2_000;

/**
 * Who owns a session that has changed its owner: the new one claims it, and those who have part in it turn to that. Of two
 * claims the later epoch counts.
 */
export class SessionClaims {
  readonly #options: SessionClaimsOptions;

  constructor(options: SessionClaimsOptions) {
    this.#options = options;
  }

  /** This node owns the session from now on: those who have part in it are told. */
  claim(session: string, epoch: number, users: readonly string[], now: number): void {
    const { nodes, devices, finder } = this.#options;
    finder.took(session);
    const claim: SessionClaim = { op: "claim", session, owner: nodes.name, epoch };
    for (const user of new Set(users)) {
      devices.tell(user, claim);
      this.claimed(user, claim, now);
    }
  }

  /** A node owns the session: devices here that have part in it turn to that node. */
  claimed(user: string, { session, owner, epoch }: SessionClaim, now: number): void {
    const { nodes, legs, host, deadlines } = this.#options;
    const here = owner === nodes.name;
    if (!here) this.surrender(session, owner, epoch);
    // Of two that took it over at once this one stays: the other has not heard of it yet.
    const mine = here ? undefined : host.epochOf(session);
    if (mine !== undefined) nodes.send(owner, { t: "stale", session, epoch: mine, owner: nodes.name });
    for (const { device } of host.local(user)) {
      if (!here) {
        this.#follow(device, session, owner, epoch);
        continue;
      }
      if (!this.#isNewOwner(device, session, owner, epoch)) continue;
      const rings = legs.rings(device, session);
      const open = legs.take(device, session);
      host.rejoin(device, session, now, rings);
      if (open.length > 0) deadlines.add(now, (later) => this.#performAgain(device, open, later));
    }
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
  surrender(session: string, owner: string, epoch: number): void {
    const { legs, host, nodes } = this.#options;
    const callers = new Map(host.participants(session).map((one) => [one, host.rungBy(session, one)]));
    const elsewhere = new Set<string>();
    for (const device of host.surrender(session, epoch, owner)) {
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

  /** The session has another owner than some here may believe, in a newer epoch. */
  superseded(session: string, owner: string, epoch: number): void {
    this.surrender(session, owner, epoch);
    for (const device of this.#options.legs.devicesIn(session)) this.#follow(device, session, owner, epoch);
  }

  /** A device of this node turns to an owner that is news to it. */
  #follow(device: Device, session: string, owner: string, epoch: number): void {
    if (!this.#isNewOwner(device, session, owner, epoch)) return;
    this.#options.legs.bound(device, session, owner, epoch);
    this.rejoin(device, session, owner);
  }

  #isNewOwner(device: Device, session: string, owner: string, epoch: number): boolean {
    const known = this.#options.legs.ownerOf(device, session);
    return known !== undefined && known.owner !== owner && outranks({ epoch, owner }, known);
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
    const { nodes, devices } = this.#options;
    const notice = devices.noticeOf(device);
    if (notice !== undefined) nodes.send(owner, { t: "rejoin", user: device.user, device: notice, session });
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
    { session, user, device: notice }: Extract<NodeItem, { t: "rejoin" }>,
    now: number,
  ): void {
    const { nodes, devices, host } = this.#options;
    devices.introduce(from, user, notice, now, (device) => {
      if (host.rejoin(device, session, now)) return;
      const push = { type: "ended", session, reason: "lost" } as const;
      nodes.send(from, { t: "push", links: [notice.link], push });
      nodes.send(from, { t: "unbound", link: notice.link, session });
    });
  }
}
