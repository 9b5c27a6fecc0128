import { type Address, parseAddress } from "../protocol/address.ts";
import type { WireReason } from "../protocol/end-reasons.ts";
import type { Limits } from "../protocol/limits.ts";
import type { Request, RequestOf } from "../protocol/requests.ts";
import type { Deadlines } from "../shared/deadlines.ts";
import { CallGate } from "./call-gate.ts";
import { CallKeys } from "./call-keys.ts";
import type { Cluster } from "./cluster/cluster.ts";
import { type LegSnapshot, outranks } from "./cluster/foreign-leg.ts";
import { RemoteLink } from "./cluster/remote-link.ts";
import type { KeyedCallElsewhere, Place } from "./cluster/session-finder.ts";
import type { Device, Outcome } from "./device.ts";
import type { Directory } from "./directory.ts";
import type { SessionRecord } from "./events.ts";
import type { Leg } from "./leg.ts";
import type { LinkEnd, Places } from "./links.ts";
import { MeshIndex } from "./mesh-index.ts";
import { done, failed } from "./outcome.ts";
import { may } from "./permissions.ts";
import type { Ports } from "./ports.ts";
import type { Wish } from "./ring.ts";
import { Session, type SessionHost } from "./session.ts";
import { isNewer, revivalSnapshot } from "./session-revival.ts";
import type { FindDevice, SessionSnapshot } from "./session-snapshot.ts";
import { sealTicket, type Ticket } from "./tickets.ts";

export interface SessionsOptions {
  readonly node: string;
  readonly limits: Limits;
  readonly ports: Ports;
  readonly deadlines: Deadlines;
  readonly directory: Directory;
  /** When this run of the node began. Unix ms. */
  readonly since: number;
  /** The other nodes, where there are any. */
  readonly cluster: Cluster | undefined;
}

/** Requests that speak of a session that there is already. */
export type SessionRequest = Extract<Request, { session: string }>;

/** Ended sessions whose hang-up is still answered with ok. */
const maxRecentlyEnded = 4_096;

/** The sessions that this node owns: who may start one, which devices it rings, and who has part in which. */
export class Sessions implements SessionHost {
  readonly limits: Limits;
  readonly ports: Ports;
  readonly deadlines: Deadlines;
  readonly #options: SessionsOptions;
  readonly #sessions = new Map<string, Session>();
  readonly #byDevice = new Map<Device, Set<Session>>();
  /** Callee → calls that ring there. */
  readonly #ringing = new Map<string, Set<Session>>();
  readonly #mesh = new MeshIndex();
  readonly #keys: CallKeys;
  readonly #gate: CallGate;
  /** Session → the users that had part in it, for hang-ups that cross its end. */
  readonly #recentlyEnded = new Map<string, readonly string[]>();
  readonly #since: number;
  active = 0;
  /** Devices may attach that need an offer to ring. */
  asksOffers = false;
  /** Signals that were taken since the start. */
  signals = 0;

  constructor(options: SessionsOptions) {
    const { limits } = options;
    this.#options = options;
    this.limits = limits;
    this.ports = options.ports;
    this.deadlines = options.deadlines;
    this.#keys = new CallKeys(limits);
    this.#gate = new CallGate(limits);
    this.#since = options.since;
  }

  get size(): number {
    return this.#sessions.size;
  }

  get ringing(): number {
    return this.#sessions.size - this.active;
  }

  // Requests

  /** Undefined: the outcome comes later, as a reply. */
  call(device: Device, request: RequestOf<"call">, now: number): Outcome | undefined {
    const address = parseAddress(request.to);
    if (address === undefined || (address.kind !== "user" && address.kind !== "device"))
      return failed("bad_request", "to: a call rings a user or a device");
    if (!may(device, "call", address)) return failed("forbidden");
    const only = address.kind === "device" ? address.device : undefined;
    if (address.user === device.user && only === device.id)
      return failed("bad_request", "to: a device can't call itself");
    const refusal = this.#gate.malformed(request);
    if (refusal !== undefined) return refusal;
    const { key } = request;
    if (key === undefined) return this.#place(device, request, address, now);
    const known = this.#again(device, key, now);
    if (known !== undefined) return known;
    const { cluster } = this.#options;
    const nodes = cluster?.nodesThatKnew(device) ?? [];
    if (cluster === undefined || nodes.length === 0) return this.#place(device, request, address, now);
    cluster.finder.findKey(nodes, { user: device.user, key }, (found, later) => {
      const outcome =
        found === undefined
          ? // It may have been asked a second time meanwhile.
            (this.#again(device, key, later) ?? this.#place(device, request, address, later))
          : this.#takenElsewhere(device, found.call, found.node, later);
      device.link.reply(request.id, outcome, later);
    });
    return undefined;
  }

  /** Rings. */
  #place(
    device: Device,
    request: RequestOf<"call">,
    address: Extract<Address, { kind: "user" | "device" }>,
    now: number,
  ): Outcome {
    const only = address.kind === "device" ? address.device : undefined;
    const full = this.#gate.full(device, this.#ringing.get(address.user), this, now);
    if (full !== undefined) return full;
    if (this.#unreachable(device, address.user)) return failed("temporary");
    const wish: Wish = {
      to: request.to,
      user: address.user,
      device: only,
      media: request.media,
      description: request.description,
      data: request.data,
    };
    const session = new Session(this, this.#newId(), device, wish, now);
    this.#add(session);
    if (request.key !== undefined) {
      session.key = request.key;
      this.#keys.set(device.user, request.key, session.id, device.id, now);
    }
    this.#started(session);
    const { ringTimeout, ringTimeoutMax } = this.limits;
    session.ring.start(Math.min(request.timeout ?? ringTimeout, ringTimeoutMax), now);
    // The caller hears its reply before anything that the ring brings about.
    this.deadlines.add(now, (later) => this.#ring(session, later));
    return { ok: { session: session.id, ticket: this.ticket(session, session.caller, now) } };
  }

  /**
   * Performs a request on a session. Unknown sessions, and those that the device has no part in, are answered alike;
   * one that another node owns is asked there.
   */
  perform(device: Device, request: SessionRequest, now: number): Outcome | undefined {
    const session = this.#sessions.get(request.session);
    const leg = session?.legOf(device);
    const { cluster } = this.#options;
    if (session === undefined && cluster !== undefined && cluster.legs.has(device, request.session))
      return cluster.legs.perform(device, request, now);
    if (session === undefined || leg === undefined) {
      const over = request.type === "hangup" || request.type === "cancel";
      if (over && this.#recentlyEnded.get(request.session)?.includes(device.user)) return done;
      return failed("no_session");
    }
    switch (request.type) {
      case "signal":
        this.signals += 1;
        return session.signal(leg, request, now);
      case "ringing":
        return session.alerting(leg, now);
      case "accept":
        return session.accept(leg, request, now);
      case "confirm":
        return session.confirm(leg, request.device, now);
      case "decline":
        return session.decline(leg, request, now);
      case "cancel":
        return session.cancel(leg, now);
      case "restart":
        return session.pairs.restart(leg, request, (end) => session.ticket(end, now), now);
      case "resync":
        return session.pairs.resync(leg, request, now);
      case "move":
        return session.startMove(leg, request, this.#options.directory.device(device.user, request.to), now);
      case "hangup":
        return session.hangup(leg, request.reason ?? "hangup", request.detail, now);
      case "report":
        return session.report(leg, request, now);
    }
  }

  /** Opens a session between two members of a room's mesh, active at once: by joining both agreed to it. */
  connect(
    offerer: Device,
    answerer: Device,
    room: string,
    offering: string,
    answering: string,
    now: number,
  ): void {
    const wish: Wish = {
      to: `${answerer.user}/${answerer.id}`,
      user: answerer.user,
      device: answerer.id,
      media: undefined,
      description: undefined,
      data: undefined,
    };
    const session = new Session(this, this.#newId(), offerer, wish, now, room);
    this.#sessions.set(session.id, session);
    this.active += 1;
    this.#mesh.add(session, room, [offering, answering]);
    this.#started(session);
    session.join(answerer, [offering, answering], now);
  }

  /** Ends the sessions that a member has in a room's mesh. */
  disconnect(room: string, member: string, now: number): void {
    for (const session of this.#mesh.of(room, member)) session.end("left", now);
  }

  // Devices that come and go

  /** Finds the legs of these tickets again for a device with a new link; answers what it found. */
  recover(device: Device, tickets: readonly Ticket[], places: Places, now: number): [Session, Leg][] {
    const found: [Session, Leg][] = [];
    for (const ticket of tickets) {
      const known = this.#sessions.get(ticket.session);
      const session =
        known === undefined
          ? this.#revive(device, ticket, places?.get(ticket.session), now)
          : this.#learn(known, device, ticket, now);
      const leg = session?.legById(ticket.leg);
      // The numbers of legs begin anew with a session that was made anew.
      if (session === undefined || leg?.user !== device.user || leg.deviceId !== device.id) continue;
      // A mesh lives and dies with the memberships of its room, which end with the older link.
      if (session.kind === "mesh" || found.some(([one]) => one === session)) continue;
      if (leg.device !== device) session.rebind(leg, device, now);
      found.push([session, leg]);
    }
    return found;
  }

  /** True when this node owns the session, and the leg of that number can be found again. */
  owns(session: string, leg: number): boolean {
    return this.#sessions.get(session)?.legById(leg) !== undefined;
  }

  /** Makes a session anew whose owner has died with it: an earlier run of this node, or another node. */
  #revive(device: Device, ticket: Ticket, place: Place | undefined, now: number): Session | undefined {
    const { cluster } = this.#options;
    // Without other nodes: a session that began in this run and is not here has ended.
    const madeAt = ticket.expires - this.limits.ticketTtl;
    const lost = cluster === undefined ? madeAt < this.#since : place === "lost";
    if (!lost || this.#recentlyEnded.has(ticket.session)) return undefined;
    const full = this.size >= this.limits.sessions || this.load(device) >= this.limits.sessionsPerDevice;
    const snapshot = full ? undefined : revivalSnapshot(ticket, device.link.id, now);
    if (snapshot === undefined) return undefined;
    const find = (link: string) => (link === device.link.id ? device : undefined);
    const session = this.adopt(snapshot, find, ticket.epoch + 1, now);
    session.revived = true;
    cluster?.claims.claim(session.id, session.epoch, [ticket.peer, ticket.user], now);
    return session;
  }

  /** Of the two ends of a session that was made anew, one may have seen more of it than the other's ticket said. */
  #learn(known: Session, device: Device, ticket: Ticket, now: number): Session {
    const { standing } = ticket;
    const before = known.revived ? known.snapshot(now) : undefined;
    const { number: pair, generation } = known.pairs.current;
    if (before === undefined || standing === undefined) return known;
    if (!isNewer(standing, { active: known.state === "active", pair, generation })) return known;
    const snapshot = revivalSnapshot(ticket, device.link.id, now);
    if (snapshot === undefined) return known;
    const others = this.#retire(known).filter((other) => other !== device);
    const peer = others.find(({ user, id }) => user === ticket.peer && id === standing.peerDevice);
    const legs = snapshot.legs.map((leg) =>
      leg.id === standing.peerLeg ? { ...leg, info: peer?.info ?? leg.info, link: peer?.link.id } : leg,
    );
    const find = (link: string) => [device, ...others].find((one) => one.link.id === link);
    const session = this.adopt({ ...snapshot, legs }, find, Math.max(known.epoch, ticket.epoch + 1), now);
    session.revived = true;
    const reply = before.state.name === "answering" ? before.state.reply : undefined;
    session.tellLearned(peer, reply, now);
    const reason = before.state.name === "active" ? "moved" : "answered_elsewhere";
    const ended = { type: "ended", session: session.id, reason } as const;
    for (const other of others) if (other !== peer) other.link.deliver(ended, now);
    return session;
  }

  // Sessions that change their node

  /** Lets go of a session, for another node to go on with; undefined when it is none of this node's. */
  release(id: string, now: number): SessionSnapshot | undefined {
    const session = this.#sessions.get(id);
    const snapshot = session?.snapshot(now);
    if (session === undefined || snapshot === undefined) return undefined;
    if (session.key !== undefined) this.#keys.delete(session.caller.user, session.key);
    this.#retire(session);
    return snapshot;
  }

  /** Goes on with a session of another node. The devices that `find` knows by their links have part in it. */
  adopt(snapshot: SessionSnapshot, find: FindDevice, epoch: number, now: number): Session {
    const session = Session.restore(this, snapshot, find, now, epoch);
    this.#sessions.set(session.id, session);
    const { key, room, members, caller, wish } = session;
    const { cluster } = this.#options;
    cluster?.finder.took(session.id);
    if (session.kind === "call") cluster?.devices.follow(wish.user);
    if (key !== undefined) this.#keys.set(caller.user, key, session.id, caller.deviceId, now);
    if (session.state === "active") this.active += 1;
    else this.#rings(session);
    if (room !== undefined && members !== undefined) this.#mesh.add(session, room, members);
    return session;
  }

  /** The ids of all sessions. */
  ids(): string[] {
    return [...this.#sessions.keys()];
  }

  /** The devices that have part in the session, the caller's first. */
  participants(id: string): Device[] {
    return this.#sessions.get(id)?.devices() ?? [];
  }

  /** The number of the device's leg in a session of this node. */
  legNumber(id: string, device: Device): number | undefined {
    return this.#sessions.get(id)?.legOf(device)?.id;
  }

  epochOf(id: string): number | undefined {
    return this.#sessions.get(id)?.epoch;
  }

  /** A device of another node comes back to its part in a session. False: it has none. */
  rejoin(device: Device, id: string, now: number): boolean {
    const session = this.#sessions.get(id);
    if (session === undefined) return false;
    const leg = session.legFor(device.user, device.id);
    if (leg === undefined) {
      session.ringDevice(device, now);
      return session.legOf(device) !== undefined;
    }
    if (leg.device !== device) session.rebind(leg, device, now);
    session.tellRecovered(leg, now);
    session.linkChanged(leg, device.link.state === "live" ? "live" : "suspended", now);
    return true;
  }

  /** The device's part in sessions of this node, for its next one. */
  legsOf(device: Device): LegSnapshot[] {
    const owner = this.#options.node;
    return this.#legs(device).map(([{ id, epoch, state, caller }, leg]) => ({
      session: id,
      owner,
      epoch,
      leg: leg.id,
      ...(state === "ringing" && leg.side === "callee" ? { caller: caller.identity } : {}),
      open: [],
    }));
  }

  /** Another node owns the session in a newer epoch. Answers the devices that had part in the copy of this one. */
  surrender(id: string, epoch: number, owner: string): Device[] {
    const session = this.#sessions.get(id);
    const mine = { epoch: session?.epoch ?? 0, owner: this.#options.node };
    return session === undefined || !outranks({ epoch, owner }, mine) ? [] : this.#retire(session);
  }

  /** A device can be rung from now on: whoever rings its user rings it too. */
  arrived(device: Device, now: number): void {
    for (const session of this.#ringing.get(device.user) ?? []) {
      session.ringDevice(device, now);
      this.#cross(session, now);
    }
  }

  suspended(device: Device, now: number): void {
    for (const [session, leg] of this.#legs(device)) session.linkChanged(leg, "suspended", now);
  }

  live(device: Device, now: number): void {
    for (const [session, leg] of this.#legs(device)) session.linkChanged(leg, "live", now);
  }

  closed(device: Device, why: LinkEnd, now: number): void {
    for (const [session, leg] of this.#legs(device)) session.linkClosed(leg, why, now);
    this.#byDevice.delete(device);
  }

  /** Forgets keys that have expired. Now and then. */
  sweep(now: number): void {
    this.#keys.sweep(now);
  }

  // SessionHost

  maySee(device: Device, user: string): boolean {
    return may(device, "watch", user);
  }

  load(device: Device): number {
    const elsewhere = this.#options.cluster?.legs.load(device) ?? 0;
    return (this.#byDevice.get(device)?.size ?? 0) + elsewhere;
  }

  ticket(session: Session, leg: Leg, now: number): string {
    const peer = leg === session.caller ? session.wish.user : session.caller.user;
    return sealTicket(this.ports, {
      session: session.id,
      leg: leg.id,
      user: leg.user,
      device: leg.deviceId,
      owner: this.#options.node,
      epoch: session.epoch,
      peer,
      expires: now + this.limits.ticketTtl,
      standing: session.standing(leg, now),
    });
  }

  bound(device: Device, session: Session, leg: number): void {
    const sessions = this.#byDevice.get(device);
    if (sessions === undefined) this.#byDevice.set(device, new Set([session]));
    else sessions.add(session);
    device.link.bound?.(session.id, session.epoch, leg);
  }

  unbound(device: Device, session: Session, goesOn = false): void {
    const sessions = this.#byDevice.get(device);
    if (sessions?.delete(session) && sessions.size === 0) this.#byDevice.delete(device);
    device.link.unbound?.(session.id, goesOn);
  }

  activated(session: Session, now: number): void {
    this.active += 1;
    this.#stopRinging(session);
    // The call that crossed this one has nothing left to ask for.
    const { caller, callee } = session;
    for (const leg of [caller, callee])
      for (const other of leg?.device === undefined ? [] : [...(this.#byDevice.get(leg.device) ?? [])])
        if (other !== session && other.crossing?.survivor === session.id) other.end("merged", now);
  }

  ended(session: Session, record: SessionRecord): void {
    if (!this.#stopRinging(session)) this.active -= 1;
    this.#forget(session);
    if (session.key !== undefined) {
      const keyed = this.#keys.get(session.caller.user, session.key, record.endedAt);
      if (keyed !== undefined) keyed.reason = record.reason;
    }
    this.#recentlyEnded.set(session.id, [record.caller.user, record.callee.user]);
    for (const oldest of this.#recentlyEnded.keys()) {
      if (this.#recentlyEnded.size <= maxRecentlyEnded) break;
      this.#recentlyEnded.delete(oldest);
    }
    this.ports.emit({ type: "session_ended", record });
  }

  // Inside

  /** Takes a session out that goes on elsewhere. */
  #retire(session: Session): Device[] {
    const devices = session.retire();
    if (!this.#stopRinging(session)) this.active -= 1;
    this.#forget(session);
    return devices;
  }

  #forget(session: Session): void {
    this.#sessions.delete(session.id);
    this.#mesh.remove(session);
    const { cluster } = this.#options;
    cluster?.finder.released(session.id);
    if (session.kind === "call") cluster?.devices.release(session.wish.user);
  }

  /** A call that was asked for before, by its key. */
  #again(device: Device, key: string, now: number): Outcome | undefined {
    const known = this.#keys.get(device.user, key, now);
    if (known === undefined) return undefined;
    if (known.device !== device.id) return failed("wrong_state", "key: another device has used it");
    const session = this.#sessions.get(known.session);
    if (session === undefined) return this.#overAlready(device, known.session, known.reason, now);
    if (session.caller.device !== device && session.caller.deviceId === device.id) {
      session.rebind(session.caller, device, now);
      this.deadlines.add(now, (later) => {
        session.tellRecovered(session.caller, later);
        session.linkChanged(session.caller, "live", later);
      });
    }
    return { ok: { session: session.id, ticket: this.ticket(session, session.caller, now) } };
  }

  /** The call of that key is another node's. */
  #takenElsewhere(device: Device, call: KeyedCallElsewhere, node: string, now: number): Outcome {
    const { session, ticket } = call;
    if (call.device !== device.id) return failed("wrong_state", "key: another device has used it");
    if (ticket === "") return this.#overAlready(device, session, call.reason, now);
    this.deadlines.add(now, () => this.#options.cluster?.claims.rejoin(device, session, node));
    return { ok: { session, ticket } };
  }

  #overAlready(device: Device, session: string, reason: WireReason | undefined, now: number): Outcome {
    const push = { type: "ended", session, reason: reason ?? "closed" } as const;
    this.deadlines.add(now, (later) => device.link.deliver(push, later));
    // Nothing is left that a ticket could find; the reply keeps its shape.
    return { ok: { session, ticket: "" } };
  }

  /** The call that this node has taken under the user's key, for another node. */
  keyed(user: string, key: string, now: number): KeyedCallElsewhere | undefined {
    const known = this.#keys.get(user, key, now);
    if (known === undefined) return undefined;
    const { session: id, device, reason } = known;
    const session = this.#sessions.get(id);
    const ticket = session === undefined ? "" : this.ticket(session, session.caller, now);
    return { session: id, device, ticket, ...(reason === undefined ? {} : { reason }) };
  }

  #add(session: Session): void {
    this.#sessions.set(session.id, session);
    this.#options.cluster?.devices.follow(session.wish.user);
    this.#rings(session);
  }

  #rings(session: Session): void {
    const { user } = session.wish;
    const rings = this.#ringing.get(user);
    if (rings === undefined) this.#ringing.set(user, new Set([session]));
    else rings.add(session);
  }

  #newId(): string {
    return `s_${this.ports.random(12)}`;
  }

  #started({ id, caller, wish }: Session): void {
    this.ports.emit({ type: "session_started", session: id, caller: caller.user, callee: wish.user });
  }

  #ring(session: Session, now: number): void {
    const { cluster, directory } = this.#options;
    if (session.state !== "ringing") return;
    const { user } = session.wish;
    for (const device of directory.devices(user)) session.ringDevice(device, now);
    // Who may not know which devices there are must not learn it by being asked.
    if (this.asksOffers && !may(session.caller.device ?? noDevice, "watch", user))
      session.ring.wantOffer(now);
    this.#cross(session, now);
    if (cluster === undefined) session.ring.settle(now);
    // Those that are not known yet arrive, and are rung then. Only when all are known may the ring be given up.
    else
      cluster.devices.know(user, (_complete, later) => {
        if (session.state === "ringing") session.ring.settle(later);
      });
  }

  /** True when the user can have devices only at nodes that can't be reached, and the caller may know that. */
  #unreachable(caller: Device, user: string): boolean {
    const { cluster, directory } = this.#options;
    if (cluster === undefined || cluster.nodes.reachable || !this.maySee(caller, user)) return false;
    return directory.devices(user).every(({ link }) => link instanceof RemoteLink);
  }

  /** Two devices that ring each other: of their calls the one with the lower id survives. */
  #cross(session: Session, now: number): void {
    const from = session.caller.device;
    if (from === undefined || session.crossing !== undefined) return;
    for (const other of this.#ringing.get(from.user) ?? []) {
      const back = other.caller.device;
      if (other === session || back === undefined || other.crossing !== undefined) continue;
      if (session.legOf(back) === undefined || other.legOf(from) === undefined) continue;
      const crossed = crossedPush(session.id, other.id);
      session.crossing = { other: other.id, survivor: crossed.survivor };
      other.crossing = { other: session.id, survivor: crossed.survivor };
      for (const device of [from, back]) device.link.deliver(crossed, now);
      return;
    }
    for (const rung of this.#options.directory.devices(session.wish.user)) {
      const foreign = this.#options.cluster?.legs.ringing(from, rung);
      if (foreign !== undefined && session.legOf(rung) !== undefined) this.#crossed(session, foreign, now);
    }
  }

  /** A call of another node rings a device here: if that device is ringing the caller's itself, the two cross. */
  rungFromElsewhere(device: Device, caller: Device, foreign: string, now: number): void {
    for (const session of this.#byDevice.get(device) ?? []) {
      if (session.caller.device !== device || session.state !== "ringing") continue;
      if (session.legOf(caller) !== undefined) this.#crossed(session, foreign, now);
    }
  }

  /** Tells the own end; the other call's node finds the same, and tells the other one. */
  #crossed(session: Session, foreign: string, now: number): void {
    if (session.crossing !== undefined) return;
    const crossed = crossedPush(session.id, foreign);
    session.crossing = { other: foreign, survivor: crossed.survivor };
    session.caller.deliver(crossed, now);
  }

  /** True when it was ringing until now. */
  #stopRinging(session: Session): boolean {
    const { user } = session.wish;
    const rings = this.#ringing.get(user);
    if (rings?.delete(session) !== true) return false;
    if (rings.size === 0) this.#ringing.delete(user);
    return true;
  }

  #legs(device: Device): [Session, Leg][] {
    const legs: [Session, Leg][] = [];
    for (const session of this.#byDevice.get(device) ?? []) {
      const leg = session.legOf(device);
      if (leg !== undefined) legs.push([session, leg]);
    }
    return legs;
  }
}

const noDevice = { user: "", grants: {} };

/** Of two calls that cross the one with the lower id survives. */
function crossedPush(one: string, other: string) {
  const [survivor, session] = one < other ? [one, other] : [other, one];
  return { type: "crossed", session, survivor } as const;
}
