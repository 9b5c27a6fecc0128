import { parseAddress } from "../protocol/address.ts";
import type { Limits } from "../protocol/limits.ts";
import type { Request, RequestOf } from "../protocol/requests.ts";
import type { Deadlines } from "../shared/deadlines.ts";
import { CallGate } from "./call-gate.ts";
import { CallKeys } from "./call-keys.ts";
import type { Device, Outcome } from "./device.ts";
import type { Directory } from "./directory.ts";
import type { SessionRecord } from "./events.ts";
import type { Leg } from "./leg.ts";
import type { LinkEnd } from "./links.ts";
import { MeshIndex } from "./mesh-index.ts";
import { done, failed } from "./outcome.ts";
import { may } from "./permissions.ts";
import type { Ports } from "./ports.ts";
import type { Wish } from "./ring.ts";
import { Session, type SessionHost } from "./session.ts";
import { openTicket, sealTicket } from "./tickets.ts";

export interface SessionsOptions {
  readonly node: string;
  readonly limits: Limits;
  readonly ports: Ports;
  readonly deadlines: Deadlines;
  readonly directory: Directory;
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
  }

  get size(): number {
    return this.#sessions.size;
  }

  get ringing(): number {
    return this.#sessions.size - this.active;
  }

  // Requests

  call(device: Device, request: RequestOf<"call">, now: number): Outcome {
    const address = parseAddress(request.to);
    if (address === undefined || (address.kind !== "user" && address.kind !== "device"))
      return failed("bad_request", "to: a call rings a user or a device");
    if (!may(device, "call", address)) return failed("forbidden");
    const only = address.kind === "device" ? address.device : undefined;
    if (address.user === device.user && only === device.id)
      return failed("bad_request", "to: a device can't call itself");
    const refusal = this.#gate.malformed(request);
    if (refusal !== undefined) return refusal;
    if (request.key !== undefined) {
      const known = this.#again(device, request.key, now);
      if (known !== undefined) return known;
    }
    const full = this.#gate.full(device, this.#ringing.get(address.user), this, now);
    if (full !== undefined) return full;
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

  /** Performs a request on a session. Unknown and foreign sessions are answered alike. */
  perform(device: Device, request: SessionRequest, now: number): Outcome | undefined {
    const session = this.#sessions.get(request.session);
    const leg = session?.legOf(device);
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
        return session.pairs.restart(leg, request, now);
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
  recover(device: Device, tickets: readonly string[], now: number): [Session, Leg][] {
    const found: [Session, Leg][] = [];
    for (const sealed of tickets) {
      const ticket = openTicket(this.ports, sealed, now);
      if (ticket === undefined || ticket.user !== device.user || ticket.device !== device.id) continue;
      const session = this.#sessions.get(ticket.session);
      const leg = session?.legById(ticket.leg);
      if (session === undefined || leg === undefined || leg.device === device) continue;
      // A mesh lives and dies with the memberships of its room, which end with the older link.
      if (session.kind === "mesh") continue;
      session.rebind(leg, device, now);
      found.push([session, leg]);
    }
    return found;
  }

  /** A device can be rung from now on: whoever rings its user rings it too. */
  arrived(device: Device, now: number): void {
    for (const session of this.#ringing.get(device.user) ?? []) session.ringDevice(device, now);
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
    return this.#byDevice.get(device)?.size ?? 0;
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
    });
  }

  bound(device: Device, session: Session): void {
    const sessions = this.#byDevice.get(device);
    if (sessions === undefined) this.#byDevice.set(device, new Set([session]));
    else sessions.add(session);
  }

  unbound(device: Device, session: Session): void {
    const sessions = this.#byDevice.get(device);
    if (sessions?.delete(session) && sessions.size === 0) this.#byDevice.delete(device);
  }

  activated(session: Session, now: number): void {
    this.active += 1;
    this.#stopRinging(session);
    // The call that crossed this one has nothing left to ask for.
    const { caller, callee } = session;
    for (const leg of [caller, callee])
      for (const other of leg?.device === undefined ? [] : [...(this.#byDevice.get(leg.device) ?? [])])
        if (other !== session && other.survivor === session) other.end("merged", now);
  }

  ended(session: Session, record: SessionRecord): void {
    if (!this.#stopRinging(session)) this.active -= 1;
    this.#sessions.delete(session.id);
    if (session.key !== undefined) {
      const keyed = this.#keys.get(session.caller.user, session.key, record.endedAt);
      if (keyed !== undefined) keyed.reason = record.reason;
    }
    this.#mesh.remove(session);
    this.#recentlyEnded.set(session.id, [record.caller.user, record.callee.user]);
    for (const oldest of this.#recentlyEnded.keys()) {
      if (this.#recentlyEnded.size <= maxRecentlyEnded) break;
      this.#recentlyEnded.delete(oldest);
    }
    this.ports.emit({ type: "session_ended", record });
  }

  // Inside

  /** A call that was asked for before, by its key. */
  #again(device: Device, key: string, now: number): Outcome | undefined {
    const known = this.#keys.get(device.user, key, now);
    if (known === undefined) return undefined;
    if (known.device !== device.id) return failed("wrong_state", "key: another device has used it");
    const session = this.#sessions.get(known.session);
    if (session === undefined) {
      const push = { type: "ended", session: known.session, reason: known.reason ?? "closed" } as const;
      this.deadlines.add(now, (later) => device.link.deliver(push, later));
      // Nothing is left that a ticket could find; the reply keeps its shape.
      return { ok: { session: known.session, ticket: "" } };
    }
    if (session.caller.device !== device && session.caller.deviceId === device.id) {
      session.rebind(session.caller, device, now);
      this.deadlines.add(now, (later) => {
        session.tellRecovered(session.caller, later);
        session.linkChanged(session.caller, "live", later);
      });
    }
    return { ok: { session: session.id, ticket: this.ticket(session, session.caller, now) } };
  }

  #add(session: Session): void {
    this.#sessions.set(session.id, session);
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
    if (session.state !== "ringing") return;
    for (const device of this.#options.directory.devices(session.wish.user)) session.ringDevice(device, now);
    // Who may not know which devices there are must not learn it by being asked.
    if (this.asksOffers && !may(session.caller.device ?? noDevice, "watch", session.wish.user))
      session.ring.wantOffer(now);
    session.ring.settle(now);
    this.#cross(session, now);
  }

  /** Two devices that ring each other: of their calls the one with the lower id survives. */
  #cross(session: Session, now: number): void {
    const from = session.caller.device;
    if (from === undefined || session.survivor !== undefined) return;
    for (const other of this.#ringing.get(from.user) ?? []) {
      const back = other.caller.device;
      if (other === session || back === undefined || other.survivor !== undefined) continue;
      if (session.legOf(back) === undefined || other.legOf(from) === undefined) continue;
      const [survivor, loser] = session.id < other.id ? [session, other] : [other, session];
      loser.survivor = survivor;
      for (const device of [from, back])
        device.link.deliver({ type: "crossed", session: loser.id, survivor: survivor.id }, now);
      return;
    }
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
