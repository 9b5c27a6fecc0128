import { RemoteLink } from "../../cluster/devices/remote-link.ts";
import { parseAddress } from "../../protocol/address.ts";
import { overLimit, type WireError, wireError } from "../../protocol/error-codes.ts";
import type { Limits } from "../../protocol/limits.ts";
import type { PushBody, PushOf } from "../../protocol/pushes.ts";
import type { RequestOf, RequestType } from "../../protocol/requests.ts";
import type { Deadlines } from "../../shared/deadlines.ts";
import type { Device, Outcome } from "../device.ts";
import { done } from "../outcome.ts";
import { may } from "../permissions.ts";
import { type Joined, joinOf, overCaps } from "./join-request.ts";
import { type Returning, Room, type SetRules } from "./room.ts";
import { DeviceSeat, type FormerSeat, type RoomMember } from "./room-member.ts";
import type { RoomRule } from "./room-policy.ts";
import { ruleFor } from "./room-policy.ts";

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
  readonly watch?: RoomsWatch | undefined;
}

type Asked<T extends RequestType> = Omit<RequestOf<T>, "id" | "type">;

/** Requests that speak of a room. */
export type RoomRequest = RequestOf<"join" | "leave" | "admit" | "refuse" | "policy">;

/** What the other nodes have to do with the rooms of this one. */
export interface RoomsWatch {
  /** A device has a seat in a room of this node. */
  seated(device: Device): void;
  /** It has that no longer. */
  left(device: Device, room: string, now: number): void;
  /** A room of this node is over. */
  over(room: string): void;
}

/** A seat, as another owner of the room is to know it. */
export interface SeatNow {
  readonly device: Device;
  readonly former: FormerSeat;
}

interface Membership {
  readonly name: string;
  readonly room: Room;
  readonly member: RoomMember;
  dataBytes: number;
}

/**
 * The rooms of this node, and the seats of its devices in them. Needs the deadlines to be run after the reply of the
 * request in hand was delivered: what a room pushes to who asks, and the sessions of a mesh, come from there.
 */
export class Rooms {
  readonly #options: RoomsOptions;
  readonly #rooms = new Map<string, Room>();
  /** Device → room → its part in it. */
  readonly #memberships = new Map<Device, Map<string, Membership>>();

  constructor(options: RoomsOptions) {
    this.#options = options;
  }

  /** Rooms with somebody in them or in their lobby. */
  get size(): number {
    return this.#rooms.size;
  }

  has(room: string): boolean {
    return this.#rooms.has(room);
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
    const membership = this.#memberships.get(device)?.get(name);
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
    const room = this.#rooms.get(name) ?? this.#newRoom(name);
    const seat = new DeviceSeat(device, (then) => this.#left(device, name, room, then));
    const entered = room.enter(seat, join, now);
    if (!entered.ok) return { error: entered.error };
    const { member, reply } = entered.value;
    this.#seat(device, { name, room, member, dataBytes });
    return { ok: reply };
  }

  /** Takes in who was in the room under another owner, by the rules that were the last there. */
  restore(
    name: string,
    returning: readonly { readonly device: Device; readonly joined: Joined; readonly former: FormerSeat }[],
    rules: SetRules | undefined,
    now: number,
  ): void {
    const room = this.#rooms.get(name) ?? this.#newRoom(name);
    if (rules !== undefined) room.adopt(rules, now);
    const fresh: Returning[] = [];
    const dataBytes = new Map<string, number>();
    for (const { device, joined, former } of returning) {
      const known = this.#memberships.get(device)?.get(name);
      dataBytes.set(device.link.id, joined.dataBytes);
      if (known === undefined) {
        const seat = new DeviceSeat(device, (then) => this.#left(device, name, room, then));
        fresh.push({ seat, join: joined.join, former });
      } else {
        room.update(known.member, joined.join, now);
        room.tellState(known.member, now);
      }
    }
    const { members, refused } = room.restore(fresh, now);
    for (const member of members) {
      const { endpoint } = member.seat as DeviceSeat;
      this.#seat(endpoint, { name, room, member, dataBytes: dataBytes.get(endpoint.link.id) ?? 0 });
    }
    for (const seat of refused) seat.deliver({ type: "room_ended", room: name, reason: "closed" }, now);
  }

  /** What the device is in the room. */
  seatOf(device: Device, room: string): FormerSeat | undefined {
    const membership = this.#memberships.get(device)?.get(room);
    if (membership === undefined) return undefined;
    const { id, info } = membership.member;
    const joined = membership.room.othersOf(membership.member) !== undefined;
    return { member: id, index: info.index, state: joined ? "joined" : "lobby" };
  }

  /** The rooms of this node in which the device has a seat. */
  roomsOf(device: Device): string[] {
    return [...(this.#memberships.get(device)?.keys() ?? [])];
  }

  /** The rules that the room's moderators have set. */
  rulesOf(room: string): SetRules | undefined {
    return this.#rooms.get(room)?.rules;
  }

  /** The devices that are in the room or wait in its lobby. */
  *devicesOf(room: string): Iterable<Device> {
    for (const { member } of this.#rooms.get(room)?.members() ?? [])
      if (member.seat instanceof DeviceSeat) yield member.seat.endpoint;
  }

  /** Another node owns the room from now on: it is dropped, and nobody is told. Answers the seats that it had. */
  giveUp(name: string, now: number): SeatNow[] {
    const room = this.#rooms.get(name);
    const seats: SeatNow[] = [];
    for (const { member, joined } of room?.members() ?? []) {
      if (!(member.seat instanceof DeviceSeat)) continue;
      const { id, index } = { id: member.id, index: member.info.index };
      const { endpoint } = member.seat;
      seats.push({ device: endpoint, former: { member: id, index, state: joined ? "joined" : "lobby" } });
    }
    room?.giveUp(now);
    for (const { device } of seats) this.#forget(device, name);
    this.#rooms.delete(name);
    return seats;
  }

  leave(device: Device, { room }: Asked<"leave">, now: number): Outcome {
    const membership = this.#memberships.get(device)?.get(room);
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

  /** The device's token says something else about this room than before. */
  setModerator(device: Device, room: string, moderator: boolean, now: number): void {
    const membership = this.#memberships.get(device)?.get(room);
    membership?.room.setModerator(membership.member, moderator, now);
  }

  /** How many others are in the room; undefined when the device is not. */
  others(device: Device, room: string): number | undefined {
    const membership = this.#memberships.get(device)?.get(room);
    return membership?.room.othersOf(membership.member);
  }

  /** Tells all other members of a room that the device is in. */
  tell(device: Device, room: string, push: PushBody, now: number): Outcome {
    const membership = this.#memberships.get(device)?.get(room);
    membership?.room.tell(membership.member, push, now);
    return done;
  }

  /** The device's link is closed: it leaves every room. */
  dropped(device: Device, now: number): void {
    for (const { room, member } of this.#membershipsNow(device)) room.leave(member, now);
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

  #seat(device: Device, membership: Membership): void {
    this.#rooms.set(membership.name, membership.room);
    this.#membershipsOf(device).set(membership.name, membership);
    this.#options.watch?.seated(device);
  }

  #left(device: Device, name: string, room: Room, now: number): void {
    this.#forget(device, name);
    this.#options.watch?.left(device, name, now);
    if (!room.empty || this.#rooms.get(name) !== room) return;
    this.#rooms.delete(name);
    this.#options.watch?.over(name);
  }

  #forget(device: Device, name: string): void {
    const memberships = this.#memberships.get(device);
    memberships?.delete(name);
    if (memberships?.size === 0) this.#memberships.delete(device);
  }

  #moderate(device: Device, name: string, act: (room: Room) => WireError | undefined): Outcome {
    // What a device of another node may is known there.
    if (!(device.link instanceof RemoteLink) && !may(device, "moderate", name))
      return { error: wireError("forbidden") };
    const membership = this.#memberships.get(device)?.get(name);
    if (membership === undefined || !membership.room.isJoinedModerator(membership.member))
      return { error: wireError("no_room") };
    const refusal = act(membership.room);
    return refusal === undefined ? { ok: {} } : { error: refusal };
  }

  #newRoom(name: string): Room {
    const { limits, rules, deadlines, random, connect, disconnect } = this.#options;
    const address = parseAddress(name);
    return new Room({
      room: name,
      rule: address === undefined ? {} : ruleFor(rules, address),
      limits,
      deadlines,
      newId: () => `m_${random(9)}`,
      mesh: {
        connect: ({ seat: offerer, id: offererId }, { seat: answerer, id: answererId }, now) => {
          if (offerer instanceof DeviceSeat && answerer instanceof DeviceSeat)
            connect(offerer.endpoint, answerer.endpoint, name, offererId, answererId, now);
        },
        disconnect: (member, now) => disconnect(name, member.id, now),
      },
    });
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
