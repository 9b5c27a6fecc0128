import type { Device } from "../../signaling/device.ts";
import type { Joined } from "../../signaling/room/join-request.ts";
import type { Returning, SetRules } from "../../signaling/room/room.ts";
import { DeviceSeat, type FormerSeat } from "../../signaling/room/room-member.ts";
import type { Rooms } from "../../signaling/room/rooms.ts";

/** A seat, as another owner of the room is to know it. */
export interface SeatNow {
  readonly device: Device;
  readonly former: FormerSeat;
}

/** A device that was in a room under another owner, and asks for its seat again. */
export interface ReturningDevice {
  readonly device: Device;
  readonly joined: Joined;
  readonly former: FormerSeat;
}

/** What the device is in the room. */
export function seatOf(rooms: Rooms, device: Device, name: string): FormerSeat | undefined {
  const membership = rooms.membership(device, name);
  if (membership === undefined) return undefined;
  const { id, info } = membership.member;
  const joined = membership.room.othersOf(membership.member) !== undefined;
  return { member: id, index: info.index, state: joined ? "joined" : "lobby" };
}

/** The devices that are in the room or wait in its lobby. */
export function* devicesOf(rooms: Rooms, name: string): Iterable<Device> {
  for (const { member } of rooms.get(name)?.members() ?? [])
    if (member.seat instanceof DeviceSeat) yield member.seat.endpoint;
}

/** Takes in devices that were in the room under another owner, by the rules that were the last there. */
export function restoreSeats(
  rooms: Rooms,
  name: string,
  returning: readonly ReturningDevice[],
  rules: SetRules | undefined,
  now: number,
): void {
  const room = rooms.open(name);
  if (rules !== undefined) room.adopt(rules, now);
  const fresh: Returning[] = [];
  const dataBytes = new Map<string, number>();
  for (const { device, joined, former } of returning) {
    const known = rooms.membership(device, name);
    dataBytes.set(device.link.id, joined.dataBytes);
    if (known === undefined)
      fresh.push({ seat: rooms.seatFor(device, name, room), join: joined.join, former });
    else {
      room.update(known.member, joined.join, now);
      room.tellState(known.member, now);
    }
  }
  const { members, refused } = room.restore(fresh, now);
  for (const member of members) {
    const { endpoint } = member.seat as DeviceSeat;
    rooms.seat(endpoint, { name, room, member, dataBytes: dataBytes.get(endpoint.link.id) ?? 0 });
  }
  for (const seat of refused) seat.deliver({ type: "room_ended", room: name, reason: "closed" }, now);
}

/** Another node owns the room from now on: it is dropped here, and nobody is told. Answers the seats that it had. */
export function giveUpSeats(rooms: Rooms, name: string, now: number): SeatNow[] {
  const room = rooms.get(name);
  const seats: SeatNow[] = [];
  for (const { member, joined } of room?.members() ?? []) {
    if (!(member.seat instanceof DeviceSeat)) continue;
    const { id, info } = member;
    const former = { member: id, index: info.index, state: joined ? "joined" : "lobby" } as const;
    seats.push({ device: member.seat.endpoint, former });
  }
  room?.giveUp(now);
  rooms.forget(
    name,
    seats.map(({ device }) => device),
  );
  return seats;
}
