import { parseAddress } from "../protocol/address.ts";
import type { WireError } from "../protocol/error-codes.ts";
import type { RoomPolicy } from "../protocol/values.ts";
import type { Core } from "./core.ts";
import { Device, type DeviceLink, type Outcome } from "./device.ts";
import type { SessionKind } from "./events.ts";
import { failed } from "./outcome.ts";
import type { Room } from "./room/room.ts";
import type { Leg } from "./session/leg.ts";
import type { PlacedCall } from "./session/placed-calls.ts";
import { placedCaller } from "./session/placement.ts";
import type { Session } from "./session/session.ts";

/** A device as operators see it. */
export interface DeviceView {
  readonly user: string;
  readonly device: string;
  readonly kind: string;
  readonly name?: string;
  readonly status?: string;
  readonly online: boolean;
  /** By which protocol it is signed in: `native`, or a gateway's name. */
  readonly protocol: string;
  readonly node: string;
  readonly guest: boolean;
  /** Sessions in which it has part. */
  readonly sessions: number;
}

/** One end of a session. */
interface LegView {
  readonly user: string;
  readonly device: string;
  readonly side: "caller" | "callee";
  /** `live`, `suspended`, or `detached`: it has no link. */
  readonly link: "live" | "suspended" | "detached";
  /** Its device alerts its person. */
  readonly alerting: boolean;
  /** What the device has reported of its media last. */
  readonly state?: string;
}

/** A session as operators see it. Times are ms before now. */
export interface SessionView {
  readonly session: string;
  readonly kind: SessionKind;
  readonly state: "ringing" | "answering" | "active" | "ended";
  readonly from: string;
  readonly to: string;
  readonly room?: string;
  readonly node: string;
  readonly age: number;
  readonly connectedFor?: number;
  readonly moving: boolean;
  readonly generations: number;
  readonly legs: readonly LegView[];
}

export interface RoomView {
  readonly room: string;
  readonly node: string;
  readonly policy: RoomPolicy;
  readonly members: readonly {
    readonly member: string;
    readonly user: string;
    readonly device: string;
    readonly state: "joined" | "lobby";
    readonly moderator: boolean;
  }[];
}

export interface SessionFilter {
  readonly user?: string | undefined;
  readonly kind?: SessionKind | undefined;
  readonly state?: SessionView["state"] | undefined;
}

/** What a room's member is told to be. */
export type RoomAct = "admit" | "refuse" | "close";

/**
 * What operators see of one node, and do to it: the application side's entrance to the core. It asks no grants, for who reaches it was
 * checked before. Views are copies.
 */
export class Administration {
  readonly #core: Core;
  readonly #node: string;

  constructor(core: Core, node: string) {
    this.#core = core;
    this.#node = node;
  }

  /** Devices whose link this node holds, to be looked at by {@link deviceView}. */
  *devices(user?: string): Generator<Device> {
    const { directory } = this.#core;
    for (const device of user === undefined ? directory.all() : directory.devices(user))
      if (device.node === undefined) yield device;
  }

  device(user: string, id: string): DeviceView | undefined {
    const device = this.#core.directory.device(user, id);
    return device === undefined || device.node !== undefined ? undefined : this.deviceView(device);
  }

  /** Sessions that this node owns, to be looked at by {@link sessionView}. */
  *sessions({ user, kind, state }: SessionFilter): Generator<Session> {
    for (const session of this.#core.sessions.table.all())
      if (
        (kind === undefined || session.kind === kind) &&
        (state === undefined || session.state === state) &&
        (user === undefined || isOf(session, user))
      )
        yield session;
  }

  session(id: string, now: number): SessionView | undefined {
    const session = this.#core.sessions.table.get(id);
    return session && this.sessionView(session, now);
  }

  /** Connects two parties. `done` hears the session's id, or why there is none. */
  connect(request: PlacedCall, now: number, done: (outcome: Outcome) => void): void {
    this.#core.connect(request, now, done);
  }

  /**
   * Ends a session: both ends hear `shutdown`; who rings for a call that the application has placed hears `cancelled`. False: this node
   * owns none of that id.
   */
  end(id: string, now: number): boolean {
    const session = this.#core.sessions.table.get(id);
    const rings = session?.placement !== undefined && session.state === "ringing";
    session?.end(rings ? "cancelled" : "shutdown", now);
    this.#core.settle(now);
    return session !== undefined;
  }

  /** Moves the user's end of a call to another of the user's devices. Undefined: this node owns none of that id. */
  move(id: string, user: string, device: string, now: number): Outcome | undefined {
    const { sessions } = this.#core;
    const session = sessions.table.get(id);
    const outcome = session && sessions.move(session, user, device, now);
    this.#core.settle(now);
    return outcome;
  }

  /** Begins the next ICE generation of a call. Undefined: this node owns none of that id. */
  restart(id: string, now: number): Outcome | undefined {
    const session = this.#core.sessions.table.get(id);
    if (session === undefined) return undefined;
    if (session.state !== "active" || session.stream !== undefined)
      return failed("wrong_state", "only a connected call restarts");
    const outcome = session.pairs.renew((leg) => session.ticket(leg, now), now);
    this.#core.settle(now);
    return outcome;
  }

  /** Rooms that this node owns. */
  *rooms(): Generator<RoomView> {
    for (const [name, room] of this.#core.rooms.owned()) yield this.#room(name, room);
  }

  room(name: string): RoomView | undefined {
    const room = this.#core.rooms.get(name);
    return room && this.#room(name, room);
  }

  /** Lets a waiting member in, turns a member away, or ends the room. Undefined: this node owns no such room. */
  moderate(name: string, act: RoomAct, member: string, now: number): { error?: WireError } | undefined {
    const room = this.#core.rooms.get(name);
    if (room === undefined) return undefined;
    const error = act === "admit" ? room.admit(member, now) : undefined;
    if (act === "refuse") room.refuse(member, now);
    if (act === "close") room.end("closed", now);
    this.#core.settle(now);
    return error === undefined ? {} : { error };
  }

  /**
   * Sends a message of the application's to a user, a device or a room, from the server itself or in a user's name. `done` hears how many
   * devices it reached, or why it was not taken.
   */
  send(from: string, to: string, body: unknown, now: number, done: (outcome: Outcome) => void): void {
    const outcome =
      parseAddress(to)?.kind === "room"
        ? this.#announce(from, to, body, now)
        : this.#core.perform(serverDevice(from, done), { id: 1, type: "send", to, body }, now);
    if (outcome !== undefined) done(outcome);
    this.#core.settle(now);
  }

  /** A message to a room that the sender is not in. */
  #announce(from: string, to: string, body: unknown, now: number): Outcome {
    const room = this.#core.rooms.get(to);
    if (room === undefined) return failed("no_room");
    const sender = { user: from, device: serverId, kind: serverId };
    return { ok: { delivered: room.announce({ type: "message", from: sender, to, body }, now) } };
  }

  /** The device as operators see it. */
  deviceView(device: Device): DeviceView {
    const { user, id, kind, name, status, online, gateway, guest } = device;
    return {
      ...{ user, device: id, kind, online, guest },
      ...(name === undefined ? {} : { name }),
      ...(status === undefined ? {} : { status }),
      ...{ protocol: gateway ?? "native", node: this.#node, sessions: this.#core.sessions.load(device) },
    };
  }

  /** The session as operators see it. */
  sessionView(session: Session, now: number): SessionView {
    const { id, kind, state, callRequest, room, times, move, pairs, caller, placement } = session;
    const from = placement === undefined ? caller.identity : placedCaller(placement, caller);
    return {
      ...{
        session: id,
        kind,
        state,
        from: `${from.user}/${from.device}`,
        to: placement?.to ?? callRequest.to,
      },
      ...(room === undefined ? {} : { room }),
      ...{ node: this.#node, age: now - times.started, moving: move !== undefined },
      ...(times.connected === undefined ? {} : { connectedFor: now - times.connected }),
      generations: pairs.generations,
      legs: legsOf(session).map(({ user, deviceId, side, device, alerting, stats }) => ({
        ...{ user, device: deviceId, side, alerting },
        link: device === undefined || device.link.state === "closed" ? "detached" : device.link.state,
        ...(stats === undefined ? {} : { state: stats.state }),
      })),
    };
  }

  #room(name: string, room: Room): RoomView {
    const members = [...room.members()].map(({ member, joined }) => ({
      ...{ member: member.id, user: member.seat.user, device: member.seat.device },
      ...{ state: joined ? ("joined" as const) : ("lobby" as const), moderator: member.moderator },
    }));
    return { room: name, node: this.#node, policy: room.policy, members };
  }
}

function isOf({ caller, callRequest, placement }: Session, user: string): boolean {
  return caller.user === user || callRequest.user === user || placement?.from.user === user;
}

/** The legs of devices: the caller of a placed call has none until somebody has accepted. */
function legsOf(session: Session): Leg[] {
  const { placement, caller } = session;
  return session.legs().filter((leg) => leg !== caller || placement?.next === undefined);
}

/** The link of the device that stands for the application. */
export const applicationLink = "application";
/** The device of who sends without one. */
const serverId = "server";

/** Stands for the application in a request that is made for it: it may send to everybody, and hears the reply alone. */
function serverDevice(user: string, replied: (outcome: Outcome) => void): Device {
  const link: DeviceLink = {
    ...{ id: applicationLink, state: "live" },
    deliver: () => {},
    reply: (_id, outcome) => replied(outcome),
    close: () => {},
  };
  const grants = { send: ["*"], watch: ["*"] };
  return new Device({ user, id: "server", kind: "server", name: undefined, capabilities: {}, link, grants });
}
