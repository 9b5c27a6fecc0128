import { parseAddress } from "../../protocol/address.ts";
import { overLimit, type WireError, wireError } from "../../protocol/error-codes.ts";
import type { Limits } from "../../protocol/limits.ts";
import type { PushOf } from "../../protocol/pushes.ts";
import type { RequestOf, RequestType, RoomRequest } from "../../protocol/requests.ts";
import type { Deadlines } from "../../shared/deadlines.ts";
import type { Device, Outcome } from "../device.ts";
import type { RoomEvent } from "../events.ts";
import { done } from "../outcome.ts";
import { may } from "../permissions.ts";
import { type Joined, joinOf, overCaps } from "./join-request.ts";
import { type OpenedRoom, OpenedRooms } from "./opened-rooms.ts";
import { Room } from "./room.ts";
import { DeviceSeat, type RoomMember } from "./room-member.ts";
import type { RoomRule } from "./room-policy.ts";
import { ruleFor } from "./room-policy.ts";
import type { RoomMessage, RoomService } from "./room-service.ts";

export interface RoomsOptions {
  readonly limits: Pick<Limits, "rooms" | "roomsTotal" | "roomSize" | "roomList" | "meshSize" | "bodyBytes">;
  readonly rules: readonly RoomRule[];
  readonly deadlines: Deadlines;
  /** An unguessable text of this many random bytes. */
  readonly random: (bytes: number) => string;
  /** Opens a session between two members of a room's mesh, active at once. */
  readonly connect: (
    offerer: Device,
    answerer: Device,
    room: string,
    offererMember: string,
    answererMember: string,
    now: number,
  ) => void;
  /** Ends every session that the member has in the room's mesh, as `left`. */
  readonly disconnect: (room: string, member: string, now: number) => void;
  /** The time that all nodes agree on. */
  readonly time?: ((now: number) => number) | undefined;
  readonly events?: RoomsEvents | undefined;
  /** Hears what happens in the rooms. */
  readonly emit?: ((event: RoomEvent) => void) | undefined;
}

type Asked<T extends RequestType> = Omit<RequestOf<T>, "id" | "type">;

/** Who comes and goes. */
export interface RoomsEvents {
  /** A device has a seat in a room. */
  seated(device: Device): void;
  /** It has that no longer. */
  left(device: Device, room: string, now: number): void;
  /** Nobody is in the room any more. */
  over(room: string): void;
}

/** A device's part in a room. */
export interface Membership {
  readonly name: string;
  readonly room: Room;
  readonly member: RoomMember;
  dataBytes: number;
}

/**
 * The rooms of this node, and the seats of its devices in them. Needs the deadlines to be run after the reply of the
 * request in hand was delivered: what a room pushes to who asks, and the sessions of a mesh, come from there.
 */
export class Rooms implements RoomService {
  readonly #options: RoomsOptions;
  readonly #rooms = new Map<string, Room>();
  readonly #opened = new OpenedRooms();
  /** Device → room → its part in it. */
  readonly #memberships = new Map<Device, Map<string, Membership>>();

  constructor(options: RoomsOptions) {
    this.#options = options;
  }

  /** Rooms with somebody in them or in their lobby. */
  get size(): number {
    return this.#rooms.size;
  }

  owned(): Iterable<readonly [string, Room]> {
    return this.#rooms.entries();
  }

  /** The room of that name, where somebody is in it. */
  get(name: string): Room | undefined {
    return this.#rooms.get(name);
  }

  /** The same; where there is none, a new one, which is kept from the first {@link seat} on. */
  open(name: string): Room {
    return this.#rooms.get(name) ?? this.#newRoom(name);
  }

  prepare(entries: Iterable<OpenedRoom>, now: number): void {
    for (const { room, policy, at } of this.#opened.merge(entries, now))
      this.#rooms.get(room)?.adopt({ set: policy, at }, now);
  }

  prepared(now: number): OpenedRoom[] {
    return this.#opened.all(now);
  }

  isPreparedFull(now: number): boolean {
    return this.#opened.full(now);
  }

  membership(device: Device, room: string): Membership | undefined {
    return this.#memberships.get(device)?.get(room);
  }

  /** The names of the rooms in which the device has a seat. */
  namesOf(device: Device): string[] {
    return [...(this.#memberships.get(device)?.keys() ?? [])];
  }

  /** A seat for the device in that room, for {@link Room.enter} or {@link Room.restore}. */
  seatFor(device: Device, name: string, room: Room): DeviceSeat {
    return new DeviceSeat(device, (then) => this.#left(device, name, room, then));
  }

  /** Notes that the room has let the device in. */
  seat(device: Device, membership: Membership): void {
    this.#rooms.set(membership.name, membership.room);
    this.#membershipsOf(device).set(membership.name, membership);
    this.#options.events?.seated(device);
  }

  /** Drops a room and the seats of these devices in it; nobody is told. */
  forget(name: string, devices: readonly Device[]): void {
    for (const device of devices) this.#forgetSeat(device, name);
    this.#rooms.delete(name);
  }

  perform(device: Device, request: RoomRequest, now: number): Outcome {
    switch (request.type) {
      case "join":
        return this.join(device, request, now);
      case "leave":
        return this.leave(device, request, now);
      case "admit":
        return this.admit(device, request, now);
      case "refuse":
        return this.refuse(device, request, now);
      case "policy":
        return this.policy(device, request, now);
    }
  }

  /** Enters a room, or its lobby. Again: changes mode and data, and tells the room as it is. */
  join(device: Device, request: Asked<"join">, now: number): Outcome {
    const asked = joinOf(device, request);
    if ("error" in asked) return asked;
    const refusal = overCaps(this.#options.limits, this.#memberships.get(device), asked);
    return refusal === undefined ? this.enter(device, asked, now) : { error: refusal };
  }

  /** The same for a device that may, as its node has checked. */
  enter(device: Device, { name, join, dataBytes }: Joined, now: number): Outcome {
    const membership = this.membership(device, name);
    if (membership !== undefined) {
      const updated = membership.room.update(membership.member, join, now);
      if (!updated.ok) return { error: updated.error };
      membership.dataBytes = dataBytes;
      return { ok: updated.value };
    }
    if (!this.#rooms.has(name) && this.#rooms.size >= this.#options.limits.roomsTotal)
      return {
        error: overLimit("roomsTotal", "temporary", "The server has reached its limit of rooms."),
      };
    const room = this.open(name);
    const entered = room.enter(this.seatFor(device, name, room), join, now);
    if (!entered.ok) return { error: entered.error };
    const { member, reply } = entered.value;
    this.seat(device, { name, room, member, dataBytes });
    return { ok: reply };
  }

  leave(device: Device, { room }: Asked<"leave">, now: number): Outcome {
    const membership = this.membership(device, room);
    if (membership === undefined) return { error: wireError("no_room") };
    membership.room.leave(membership.member, now);
    return { ok: {} };
  }

  /** A moderator lets somebody in who waits in the lobby. */
  admit(device: Device, { room, member }: Asked<"admit">, now: number): Outcome {
    return this.#moderate(device, room, (moderated) => moderated.admit(member, now));
  }

  /** A moderator turns away somebody who waits or is in; that user can't join for a minute. */
  refuse(device: Device, { room, member }: Asked<"refuse">, now: number): Outcome {
    return this.#moderate(device, room, (moderated) => {
      moderated.refuse(member, now);
      return undefined;
    });
  }

  /** A moderator sets the rules of the room, for as long as somebody is in it. */
  policy(device: Device, { room, policy }: Asked<"policy">, now: number): Outcome {
    return this.#moderate(device, room, (moderated) => {
      moderated.setPolicy(policy, now, this.#options.time?.(now));
      return undefined;
    });
  }

  /** How many others are in the room; undefined when the device is not. */
  others(device: Device, room: string): number | undefined {
    const membership = this.membership(device, room);
    return membership?.room.othersOf(membership.member);
  }

  /** Tells all other members of a room that the device is in. */
  tell(device: Device, room: string, push: RoomMessage, now: number): Outcome {
    const membership = this.membership(device, room);
    membership?.room.tell(membership.member, push, now);
    return done;
  }

  /** The device's link is closed: it leaves every room. */
  dropped(device: Device, now: number): void {
    for (const { room, member } of this.#membershipsNow(device)) room.leave(member, now, "offline");
  }

  /** The device's grants are others: it must leave the rooms that they don't cover, and may moderate others. */
  recheck(device: Device, now: number): void {
    for (const { name, room, member } of this.#membershipsNow(device)) {
      if (!may(device, "join", name)) room.expel(member, "forbidden", now);
      else room.setModerator(member, may(device, "moderate", name), now);
    }
  }

  /** Ends every room. */
  end(reason: PushOf<"room_ended">["reason"], now: number): void {
    for (const room of [...this.#rooms.values()]) room.end(reason, now);
  }

  #left(device: Device, name: string, room: Room, now: number): void {
    this.#forgetSeat(device, name);
    this.#options.events?.left(device, name, now);
    if (!room.empty || this.#rooms.get(name) !== room) return;
    this.#rooms.delete(name);
    this.#options.events?.over(name);
  }

  #forgetSeat(device: Device, name: string): void {
    const memberships = this.#memberships.get(device);
    memberships?.delete(name);
    if (memberships?.size === 0) this.#memberships.delete(device);
  }

  #moderate(device: Device, name: string, act: (room: Room) => WireError | undefined): Outcome {
    // What a device of another node may is known there.
    if (device.node === undefined && !may(device, "moderate", name)) return { error: wireError("forbidden") };
    const membership = this.membership(device, name);
    if (membership === undefined || !membership.room.isJoinedModerator(membership.member))
      return { error: wireError("no_room") };
    const refusal = act(membership.room);
    return refusal === undefined ? { ok: {} } : { error: refusal };
  }

  #newRoom(name: string): Room {
    const { limits, rules, deadlines, random, connect, disconnect, emit = () => {} } = this.#options;
    const address = parseAddress(name);
    const room = new Room({
      room: name,
      rule: address === undefined ? {} : ruleFor(rules, address),
      limits,
      deadlines,
      emit,
      newId: () => `m_${random(9)}`,
      mesh: {
        connect: ({ seat: offerer, id: offererId }, { seat: answerer, id: answererId }, now) => {
          if (offerer instanceof DeviceSeat && answerer instanceof DeviceSeat)
            connect(offerer.endpoint, answerer.endpoint, name, offererId, answererId, now);
        },
        disconnect: (member, now) => disconnect(name, member.id, now),
      },
    });
    const opened = this.#opened.get(name);
    if (opened !== undefined) room.adopt({ set: opened.policy, at: opened.at }, opened.at);
    return room;
  }

  #membershipsOf(device: Device): Map<string, Membership> {
    let memberships = this.#memberships.get(device);
    if (memberships === undefined) {
      memberships = new Map();
      this.#memberships.set(device, memberships);
    }
    return memberships;
  }

  /** A copy: they end while one goes through them. */
  #membershipsNow(device: Device): Membership[] {
    return [...(this.#memberships.get(device)?.values() ?? [])];
  }
}
