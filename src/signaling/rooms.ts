import { parseAddress } from "../protocol/address.ts";
import { overLimit, type WireError, wireError } from "../protocol/error-codes.ts";
import type { Limits } from "../protocol/limits.ts";
import type { PushBody, PushOf } from "../protocol/pushes.ts";
import type { RequestOf, RequestType } from "../protocol/requests.ts";
import type { Deadlines } from "../shared/deadlines.ts";
import { utf8Length } from "../shared/utf8.ts";
import type { Device, Outcome } from "./device.ts";
import { may } from "./permissions.ts";
import { Room } from "./room.ts";
import { DeviceSeat, type JoinWish, type RoomMember } from "./room-member.ts";
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
}

type Asked<T extends RequestType> = Omit<RequestOf<T>, "id" | "type">;

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

  /** Enters a room, or its lobby. Again: changes mode and data, and tells the room as it is. */
  join(device: Device, { room: name, mode, data }: Asked<"join">, now: number): Outcome {
    const address = parseAddress(name);
    if (address?.kind !== "room") return { error: wireError("bad_request", "room: must be room:NAME") };
    if (!may(device, "join", address)) return { error: wireError("forbidden") };
    if (mode === "media")
      return { error: wireError("bad_request", "mode: this server has no media server for rooms") };
    const dataBytes = data === undefined ? 0 : utf8Length(JSON.stringify(data));
    const refusal = this.#overCaps(device, name, dataBytes);
    if (refusal !== undefined) return { error: refusal };

    const wish: JoinWish = { moderator: may(device, "moderate", address), mesh: mode === "mesh", data };
    const membership = this.#memberships.get(device)?.get(name);
    if (membership !== undefined) {
      const updated = membership.room.update(membership.member, wish, now);
      if (!updated.ok) return { error: updated.error };
      membership.dataBytes = dataBytes;
      return { ok: updated.value };
    }
    const room = this.#rooms.get(name) ?? this.#newRoom(name);
    const seat = new DeviceSeat(device, () => this.#left(device, name, room));
    const entered = room.enter(seat, wish, now);
    if (!entered.ok) return { error: entered.error };
    const { member, reply } = entered.value;
    this.#rooms.set(name, room);
    this.#membershipsOf(device).set(name, { name, room, member, dataBytes });
    return { ok: reply };
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
      moderated.setPolicy(policy, now);
      return undefined;
    });
  }

  /** How many others are in the room; undefined when the device is not. */
  others(device: Device, room: string): number | undefined {
    const membership = this.#memberships.get(device)?.get(room);
    return membership?.room.othersOf(membership.member);
  }

  /** Tells all other members of a room that the device is in. */
  tell(device: Device, room: string, push: PushBody, now: number): void {
    const membership = this.#memberships.get(device)?.get(room);
    membership?.room.tell(membership.member, push, now);
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

  #left(device: Device, name: string, room: Room): void {
    const memberships = this.#memberships.get(device);
    memberships?.delete(name);
    if (memberships?.size === 0) this.#memberships.delete(device);
    if (room.empty) this.#rooms.delete(name);
  }

  #overCaps(device: Device, name: string, dataBytes: number): WireError | undefined {
    const { limits } = this.#options;
    let bytes = dataBytes;
    for (const other of this.#memberships.get(device)?.values() ?? [])
      if (other.name !== name) bytes += other.dataBytes;
    if (bytes > limits.bodyBytes)
      return overLimit(
        "bodyBytes",
        "too_large",
        `data: over ${limits.bodyBytes} bytes in all rooms of this link together`,
      );
    const memberships = this.#memberships.get(device);
    if (memberships !== undefined && !memberships.has(name) && memberships.size >= limits.rooms)
      return overLimit("rooms", "too_many_rooms");
    if (!this.#rooms.has(name) && this.#rooms.size >= limits.roomsTotal)
      return overLimit("roomsTotal", "temporary", "The server has reached its limit of rooms.");
    return undefined;
  }

  #moderate(device: Device, name: string, act: (room: Room) => WireError | undefined): Outcome {
    if (!may(device, "moderate", name)) return { error: wireError("forbidden") };
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
