import { wireError } from "../../protocol/error-codes.ts";
import type { Limits } from "../../protocol/limits.ts";
import { type SessionRequest, silentRequests } from "../../protocol/requests.ts";
import type { Deadlines } from "../../shared/deadlines.ts";
import type { Device, Outcome } from "../../signaling/device.ts";
import { failed } from "../../signaling/outcome.ts";
import type { NodeItem } from "../items.ts";
import type { Nodes } from "../nodes.ts";
import { AwaitedReplies, tellLate } from "./awaited-replies.ts";
import { EndedLegs, type LegSnapshot, type Ownership, outranks, type RemoteLeg } from "./remote-leg.ts";

export interface RemoteLegsOptions {
  readonly nodes: Nodes;
  readonly deadlines: Deadlines;
  readonly limits: Limits;
  /** A device rings for longer than any ring may last: what the owner said of the ring's end was lost. */
  overdue(leg: RemoteLeg): void;
}

/**
 * The legs that devices of this node have in sessions of other nodes. The owner of a session says which there are. What the
 * devices ask travels to the owner, and its replies come back.
 */
export class RemoteLegs {
  readonly #nodes: Nodes;
  readonly #deadlines: Deadlines;
  readonly #detachedTimeout: number;
  readonly #longestRing: number;
  readonly #overdue: RemoteLegsOptions["overdue"];
  readonly #legs = new Map<Device, Map<string, RemoteLeg>>();
  readonly #ended = new EndedLegs();
  /** Session → the devices that are in it. */
  readonly #devices = new Map<string, Set<Device>>();
  readonly #replies: AwaitedReplies;

  constructor({ nodes, deadlines, limits, overdue }: RemoteLegsOptions) {
    this.#nodes = nodes;
    this.#deadlines = deadlines;
    this.#replies = new AwaitedReplies(deadlines);
    this.#detachedTimeout = limits.detachedTimeout;
    this.#longestRing = limits.ringTimeoutMax + limits.confirmTimeout;
    this.#overdue = overdue;
  }

  /** The number of legs. */
  get size(): number {
    let sum = 0;
    for (const legs of this.#legs.values()) sum += legs.size;
    return sum;
  }

  /** True when the device is in the session, or its user was lately. */
  has(device: Device, session: string): boolean {
    return this.#legs.get(device)?.has(session) === true || this.#ended.has(session, device.user);
  }

  /** True when the device's leg in the session is over, as the device has heard. */
  isOver(device: Device, session: string): boolean {
    return this.#legs.get(device)?.has(session) !== true && this.#ended.of(session, device);
  }

  /** The number of sessions of other nodes that the device is in. */
  load(device: Device): number {
    return this.#legs.get(device)?.size ?? 0;
  }

  /** The devices of this node that are in a session of another one. */
  devicesIn(session: string): Device[] {
    return [...(this.#devices.get(session) ?? [])];
  }

  /** The owner and the epoch of a session that the device is in. */
  ownerOf(device: Device, session: string): Ownership | undefined {
    return this.#legs.get(device)?.get(session);
  }

  /** The device is in a session of that owner. False: the session has another owner, which counts. */
  bound(device: Device, session: string, owner: string, epoch: number, number?: number): boolean {
    let legs = this.#legs.get(device);
    if (legs === undefined) {
      legs = new Map();
      this.#legs.set(device, legs);
    }
    const known = legs.get(session);
    if (known === undefined) {
      legs.set(session, {
        device,
        session,
        owner,
        epoch,
        leg: number,
        caller: undefined,
        rungOut: undefined,
        lostAt: undefined,
        held: undefined,
        open: new Map(),
      });
      const devices = this.#devices.get(session);
      if (devices === undefined) this.#devices.set(session, new Set([device]));
      else devices.add(device);
      return true;
    }
    if (owner !== known.owner && !outranks({ epoch, owner }, known)) return false;
    const { held, owner: former } = known;
    known.held = undefined;
    known.lostAt?.cancel();
    known.lostAt = undefined;
    known.owner = owner;
    known.epoch = epoch;
    if (number !== undefined || former !== owner) known.leg = number;
    if (held !== undefined) {
      // The session was handed over with all that its former owner was asked: only the held requests are new.
      for (const request of held) this.#ask(known, request);
    } else if (former !== owner) {
      // Requests without a reply are made again to the new owner: it knows what was done, or does it now.
      this.#replies.giveUp(known, former);
      for (const request of known.open.values()) this.#ask(known, request);
    }
    return true;
  }

  #ask({ device, owner, leg }: RemoteLeg, request: SessionRequest): void {
    const item = { t: "ask", link: device.link.id, request } as const;
    this.#nodes.send(owner, leg === undefined ? item : { ...item, leg });
  }

  /** The session is about to leave that owner: what the device asks waits for the next one. */
  hold(device: Device, session: string, owner: string): void {
    const leg = this.#legs.get(device)?.get(session);
    if (leg?.owner === owner) leg.held ??= [];
  }

  /** The session was handed over to this node. Returns what the device has asked since. */
  takeHeld(device: Device, session: string): SessionRequest[] {
    const leg = this.#legs.get(device)?.get(session);
    if (leg === undefined) return [];
    this.#remove(leg);
    return leg.held ?? [];
  }

  /** This node has taken the session over. Returns what the former owner has not replied to, or was not asked any more. */
  take(device: Device, session: string): SessionRequest[] {
    const leg = this.#legs.get(device)?.get(session);
    if (leg === undefined) return [];
    this.#remove(leg);
    this.#replies.giveUp(leg, leg.owner);
    return [...leg.open.values(), ...heldSilently(leg)].sort((one, other) => one.id - other.id);
  }

  #remove({ device, session, lostAt, rungOut }: RemoteLeg): void {
    lostAt?.cancel();
    rungOut?.cancel();
    const legs = this.#legs.get(device);
    legs?.delete(session);
    if (legs?.size === 0) this.#legs.delete(device);
    const devices = this.#devices.get(session);
    devices?.delete(device);
    if (devices?.size === 0) this.#devices.delete(session);
  }

  /** The device is no longer in that session of that owner. */
  unbound(device: Device, session: string, owner: string, now: number): void {
    const leg = this.#legs.get(device)?.get(session);
    if (leg !== undefined && leg.owner !== owner) return;
    this.#ended.add(session, device);
    // The device has moved to the session's owner meanwhile, where its leg is no remote one.
    if (leg === undefined) return;
    this.#remove(leg);
    // The session ended before it was handed over: no owner was asked what waited for the next one.
    for (const request of leg.held ?? []) {
      leg.open.delete(request.id);
      tellLate(device, request, this.#ofUnknown(device, request), now);
    }
    this.#replies.over(leg, now);
  }

  /**
   * Passes what a device asks of a session to the owner, another node. Undefined: the outcome comes later, as a reply.
   * A session that the device is not in is answered as an unknown one.
   */
  perform(device: Device, request: SessionRequest, now: number): Outcome | undefined {
    const leg = this.#legs.get(device)?.get(request.session);
    if (leg === undefined) return this.#ofUnknown(device, request);
    const silent = silentRequests.has(request.type);
    const away = silent ? !this.#nodes.isLive(leg.owner) : !this.#nodes.responsive(leg.owner, now);
    // A signal waits for an owner that is away for a moment: a candidate stays good. A request with a reply is refused at once.
    if (away && leg.held === undefined) return { error: wireError("temporary") };
    if (!silent) leg.open.set(request.id, request);
    if (leg.held !== undefined) {
      leg.held.push(request);
      return undefined;
    }
    this.#ask(leg, request);
    return undefined;
  }

  /** The outcome of a request to a session that is not known. To hang up a call that is over succeeds. */
  #ofUnknown({ user }: Device, { type, session }: SessionRequest): Outcome {
    const over = (type === "hangup" || type === "cancel") && this.#ended.has(session, user);
    return over ? { ok: {} } : failed("no_session");
  }

  /** The session belongs to the mesh of a room. */
  meshed(device: Device, session: string, room: string): void {
    const leg = this.#legs.get(device)?.get(session);
    if (leg !== undefined) leg.room = room;
  }

  /** The device's sessions in the mesh of the room that other nodes than that owner own. */
  meshesElsewhere(device: Device, room: string, owner: string): { session: string; owner: string }[] {
    const found: { session: string; owner: string }[] = [];
    for (const leg of this.#legs.get(device)?.values() ?? [])
      if (leg.room === room && leg.owner !== owner) found.push({ session: leg.session, owner: leg.owner });
    return found;
  }

  /** A session of another node rings the device. */
  rung(device: Device, session: string, caller: { readonly user: string; readonly device?: string }): void {
    const leg = this.#legs.get(device)?.get(session);
    if (leg === undefined) return;
    leg.caller = caller;
    leg.rungOut ??= this.#deadlines.add(this.#nodes.now() + this.#longestRing, () => {
      leg.rungOut = undefined;
      if (leg.caller !== undefined) this.#overdue(leg);
    });
  }

  /** True while the device rings for that session. */
  rings(device: Device, session: string): boolean {
    return this.#legs.get(device)?.get(session)?.caller !== undefined;
  }

  /** The session in which the caller rings the device. */
  ringing(device: Device, caller: Device): string | undefined {
    for (const leg of this.#legs.get(device)?.values() ?? [])
      if (leg.caller?.user === caller.user && leg.caller.device === caller.id) return leg.session;
    return undefined;
  }

  /** An owner has replied. False: the reply is no longer wanted. */
  replied(device: Device, owner: string, id: number, outcome: Outcome): boolean {
    if (this.#replies.isGivenUp(device, owner, id)) return false;
    for (const leg of this.#legs.get(device)?.values() ?? []) {
      const request = leg.open.get(id);
      if (request === undefined) continue;
      leg.open.delete(id);
      // The device has answered the call, and rings no longer.
      if (request.type === "accept" && "ok" in outcome) leg.caller = undefined;
      return true;
    }
    this.#replies.replied(device, id);
    return true;
  }

  /** The nodes that own sessions of the device. */
  owners(device: Device): string[] {
    const owners = new Set<string>();
    for (const { owner } of this.#legs.get(device)?.values() ?? []) owners.add(owner);
    return [...owners];
  }

  /** The device's legs, for the node that it moves to. */
  snapshot(device: Device): LegSnapshot[] {
    return [...(this.#legs.get(device)?.values() ?? [])].map(
      ({ session, owner, epoch, leg, caller, open, held }) => ({
        session,
        owner,
        epoch,
        leg,
        ...(caller === undefined ? {} : { caller }),
        open: [...open.values()],
        ...(held === undefined ? {} : { held }),
      }),
    );
  }

  /** The device has come from another node, with these legs. */
  restore(device: Device, legs: readonly LegSnapshot[]): void {
    for (const { session, owner, epoch, leg: number, caller, open, held } of legs) {
      this.bound(device, session, owner, epoch, number);
      const leg = this.#legs.get(device)?.get(session);
      if (leg?.owner !== owner) continue;
      if (caller !== undefined) this.rung(device, session, caller);
      for (const request of open) leg.open.set(request.id, request);
      leg.held = held?.map((request) => leg.open.get(request.id) ?? request);
    }
  }

  /** Sends an item to the owners of the device's sessions. */
  tell(device: Device, item: NodeItem): void {
    for (const owner of this.owners(device)) this.#nodes.send(owner, item);
  }

  /** The device is gone, or has moved: forgets its legs. */
  dropped(device: Device): void {
    for (const leg of [...(this.#legs.get(device)?.values() ?? [])]) this.#remove(leg);
    this.#replies.dropped(device);
  }

  /** The legs in sessions of that owner. */
  *ownedBy(node: string): Iterable<RemoteLeg> {
    for (const legs of this.#legs.values())
      for (const leg of legs.values()) if (leg.owner === node) yield leg;
  }

  /**
   * An owner is gone. What it has not replied to may have been done or not; what waited for the next owner was not. A
   * call that rings is over here. A connected call goes on without an owner until another node claims it, or for as
   * long as an end may be detached.
   */
  ownerGone(node: string, now: number): void {
    for (const leg of [...this.ownedBy(node)]) {
      const { device, session, open } = leg;
      for (const request of leg.held ?? []) {
        open.delete(request.id);
        tellLate(device, request, failed("temporary"), now);
      }
      for (const request of open.values()) tellLate(device, request, failed("outcome_unknown"), now);
      this.#replies.giveUp(leg, node);
      open.clear();
      leg.held = undefined;
      if (leg.caller !== undefined) this.#end(leg, now);
      else if (leg.lostAt === undefined) {
        device.link.deliver({ type: "peer", session, link: "detached" }, now);
        leg.lostAt = this.#deadlines.add(now + this.#detachedTimeout, (later) => this.#end(leg, later));
      }
    }
  }

  #end(leg: RemoteLeg, now: number): void {
    leg.device.link.deliver({ type: "ended", session: leg.session, reason: "lost" }, now);
    this.unbound(leg.device, leg.session, leg.owner, now);
  }
}

/** Silent requests that wait for the next owner, and that no owner was asked yet. */
function heldSilently({ held = [] }: RemoteLeg): SessionRequest[] {
  return held.filter(({ type }) => silentRequests.has(type));
}
