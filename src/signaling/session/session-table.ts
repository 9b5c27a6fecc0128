import type { Limits } from "../../protocol/limits.ts";
import type { Deadlines } from "../../shared/deadlines.ts";
import { keepNewest } from "../../shared/keep-newest.ts";
import type { Device } from "../device.ts";
import type { Directory } from "../directory.ts";
import type { Elsewhere } from "../elsewhere.ts";
import type { SessionRecord } from "../events.ts";
import { may } from "../permissions.ts";
import type { Ports } from "../ports.ts";
import { MeshIndex } from "../room/mesh-index.ts";
import { CallKeys } from "./call-keys.ts";
import type { Leg } from "./leg.ts";
import { placedCaller } from "./placement.ts";
import type { CallRequest } from "./ring.ts";
import { planUsers, type RingTarget } from "./ring-plan.ts";
import type { Session } from "./session.ts";
import type { SessionHost } from "./session-host.ts";
import { retireSession, ticketState } from "./session-restore.ts";
import { sealTicket } from "./tickets.ts";

export interface SessionTableOptions {
  readonly node: string;
  readonly limits: Limits;
  readonly ports: Ports;
  readonly deadlines: Deadlines;
  readonly elsewhere: Elsewhere;
  readonly directory: Pick<Directory, "devices">;
}

/** Ended sessions whose hang-up is still answered with ok. */
const maxRecentlyEnded = 4_096;

const none: ReadonlySet<Session> = new Set();

/** Which sessions this node owns, which of them ring where, and which device has part in which. */
export class SessionTable implements SessionHost {
  readonly limits: Limits;
  readonly ports: Ports;
  readonly deadlines: Deadlines;
  readonly keys: CallKeys;
  readonly #node: string;
  readonly #elsewhere: Elsewhere;
  readonly #directory: Pick<Directory, "devices">;
  readonly #sessions = new Map<string, Session>();
  readonly #byDevice = new Map<Device, Set<Session>>();
  /** Callee → calls that ring there. */
  readonly #ringing = new Map<string, Set<Session>>();
  readonly #mesh = new MeshIndex();
  /** Session → the users that had part in it, for hang-ups that cross its end. */
  readonly #recentlyEnded = new Map<string, readonly string[]>();
  active = 0;
  /** Rings whom the call rings from now on. */
  turned: (session: Session, now: number) => void = () => {};
  /** Begins the next ring of a placed call. */
  begins: (session: Session, now: number) => void = () => {};
  /** Sessions that count against `limits.sessions`: all but those of devices that only the media server bounds. */
  bounded = 0;

  constructor({ node, limits, ports, deadlines, elsewhere, directory }: SessionTableOptions) {
    this.limits = limits;
    this.ports = ports;
    this.deadlines = deadlines;
    this.keys = new CallKeys(limits);
    this.#node = node;
    this.#elsewhere = elsewhere;
    this.#directory = directory;
  }

  get size(): number {
    return this.#sessions.size;
  }

  get(id: string): Session | undefined {
    return this.#sessions.get(id);
  }

  /** All sessions of this node. */
  all(): Iterable<Session> {
    return this.#sessions.values();
  }

  /** The ids of the sessions that another node could go on with: all but those with this node's media server. */
  movable(): string[] {
    const sessions = [...this.#sessions.values()];
    return sessions.filter(({ stream }) => stream === undefined).map(({ id }) => id);
  }

  /** The calls that ring a user now. */
  ringing(user: string): ReadonlySet<Session> {
    return this.#ringing.get(user) ?? none;
  }

  /** The sessions in which the device has part, or had a moment ago. */
  of(device: Device): ReadonlySet<Session> {
    return this.#byDevice.get(device) ?? none;
  }

  /** The same with its legs: a list that may be walked while they end. */
  legsOf(device: Device): [Session, Leg][] {
    const legs: [Session, Leg][] = [];
    for (const session of this.of(device)) {
      const leg = session.legOf(device);
      if (leg !== undefined) legs.push([session, leg]);
    }
    return legs;
  }

  /** The sessions that a member of a room has in its mesh. */
  ofMember(room: string, member: string): readonly Session[] {
    return this.#mesh.of(room, member);
  }

  /** The users that had part in a session which ended not long ago. */
  usersOfEnded(id: string): readonly string[] | undefined {
    return this.#recentlyEnded.get(id);
  }

  newId(): string {
    return `s_${this.ports.random(12)}`;
  }

  /** This node owns the session from now on; one of a mesh has its members already. */
  add(session: Session, now: number): void {
    const { id, key, kind, room, members, caller } = session;
    this.#sessions.set(id, session);
    if (session.stream?.unlisted !== true) this.bounded += 1;
    if (kind === "call") for (const user of usersOf(session)) this.#elsewhere.follow(user);
    if (key !== undefined) this.keys.set(caller.user, key, id, caller.deviceId, now);
    if (kind !== "call" || session.state === "active") this.active += 1;
    else this.#rings(session, session.ring.users);
    if (room !== undefined && members !== undefined) this.#mesh.add(session, room, members);
  }

  /** This node owns the session from now on, which began at another one, or in an earlier run of this one. `from`: where it died with its node. */
  adopt(session: Session, now: number, from?: string): void {
    this.#elsewhere.took(session.id);
    this.add(session, now);
    const { epoch } = session;
    this.ports.emit({
      type: "session_adopted",
      ...startOf(session),
      epoch,
      ...(from !== undefined && { from }),
    });
  }

  /** Says that a session of this node has begun. */
  started(session: Session): void {
    this.ports.emit({ type: "session_started", ...startOf(session) });
  }

  /** Takes a session out that goes on elsewhere. Answers the devices that had part in it here. */
  retire(session: Session): Device[] {
    const devices = retireSession(session);
    this.ports.emit({ type: "session_left", session: session.id });
    if (!this.#stopRinging(session)) this.active -= 1;
    this.#forget(session);
    return devices;
  }

  /** The device is gone for good. */
  dropped(device: Device): void {
    this.#byDevice.delete(device);
  }

  // SessionHost

  maySee(device: Device, user: string): boolean {
    return may(device, "watch", user);
  }

  load(device: Device): number {
    return this.of(device).size + this.#elsewhere.load(device);
  }

  ticket(session: Session, leg: Leg, now: number): string {
    const callee = session.answered?.user ?? session.ring.users[0] ?? session.callRequest.user;
    const peer = leg === session.caller ? callee : session.caller.user;
    return sealTicket(this.ports, {
      session: session.id,
      leg: leg.id,
      user: leg.user,
      device: leg.deviceId,
      owner: this.#node,
      epoch: session.epoch,
      peer,
      expires: now + this.limits.ticketTtl,
      ticketState: ticketState(session, leg, now),
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

  busy({ user, device: only }: RingTarget): number {
    const devices = this.#directory.devices(user).filter((one) => one.online && (only ?? one.id) === one.id);
    return devices.length === 0
      ? Number.POSITIVE_INFINITY
      : devices.reduce((sum, device) => sum + this.load(device), 0);
  }

  turnedTo(session: Session, former: readonly string[], now: number): void {
    this.#ringsNoMore(session, former);
    this.#rings(session, session.ring.users);
    this.turned(session, now);
  }

  ringsNext(session: Session, former: readonly string[], now: number): void {
    this.#ringsNoMore(session, former);
    this.#rings(session, session.ring.users);
    this.begins(session, now);
  }

  activated(session: Session, now: number): void {
    this.active += 1;
    this.#stopRinging(session);
    // The call that crossed this one has nothing left to ask for.
    const { caller, callee } = session;
    for (const leg of [caller, callee])
      for (const other of leg?.device === undefined ? [] : [...this.of(leg.device)])
        if (other !== session && other.crossing?.survivor === session.id) other.end("merged", now);
  }

  ended(session: Session, record: SessionRecord): void {
    if (!this.#stopRinging(session)) this.active -= 1;
    this.#forget(session);
    if (session.key !== undefined) this.#keyOver(session, session.key, record);
    const users = [record.caller.user, record.callee.user];
    keepNewest(this.#recentlyEnded, session.id, users, maxRecentlyEnded);
    this.ports.emit({ type: "session_ended", record });
  }

  /** The call of a key is over: the caller's node remembers it, which may be another one by now. */
  #keyOver({ caller }: Session, key: string, { reason, endedAt }: SessionRecord): void {
    const keyed = this.keys.get(caller.user, key, endedAt);
    if (keyed === undefined) return;
    keyed.reason = reason;
    if (caller.device?.node === undefined) return;
    const { session, device, expires } = keyed;
    this.#elsewhere.keyOver(caller.device, { key, session, device, expiresIn: expires - endedAt, reason });
  }

  #forget(session: Session): void {
    this.#sessions.delete(session.id);
    if (session.stream?.unlisted !== true) this.bounded -= 1;
    this.#mesh.remove(session);
    this.#elsewhere.ended(session.id);
    if (session.kind === "call") for (const user of usersOf(session)) this.#elsewhere.release(user);
  }

  #rings(session: Session, users: readonly string[]): void {
    session.counted = "ringing";
    for (const user of users) {
      const rings = this.#ringing.get(user);
      if (rings === undefined) this.#ringing.set(user, new Set([session]));
      else rings.add(session);
    }
  }

  /** True when it was ringing until now. */
  #stopRinging(session: Session): boolean {
    if (session.counted !== "ringing") return false;
    session.counted = "active";
    this.#ringsNoMore(session, session.ring.users);
    return true;
  }

  #ringsNoMore(session: Session, users: readonly string[]): void {
    for (const user of users) {
      const rings = this.#ringing.get(user);
      if (rings?.delete(session) === true && rings.size === 0) this.#ringing.delete(user);
    }
  }
}

/** Whom a call is for: one user, or all of its plan; both parties of one that the application has placed. */
function usersOf({ placement, callRequest }: Session): readonly string[] {
  return placement?.users ?? usersCalled(callRequest);
}

/** The users whom a call may ring. */
export function usersCalled({ user, plan }: CallRequest): readonly string[] {
  return plan === undefined ? [user] : [...new Set([user, ...planUsers(plan)])];
}

/** What is said of a session when it begins, or begins here. */
function startOf({ id, kind, caller, callRequest, room, placement }: Session) {
  const from = placement === undefined ? caller.identity : placedCaller(placement, caller);
  return {
    session: id,
    kind,
    caller: from.user,
    device: from.device,
    callee: placement?.user ?? callRequest.user,
    ...(room === undefined ? {} : { room }),
    ...(placement === undefined ? {} : { placed: placement.first }),
  };
}
