import type { PushOf } from "../../protocol/pushes.ts";
import type { RoomRequest } from "../../protocol/requests.ts";
import type { Device, LinkEnd, Outcome } from "../device.ts";
import type { OpenedRoom } from "./opened-rooms.ts";
import type { Room } from "./room.ts";

/** A message to a room, as its members hear it. */
export type RoomMessage = Omit<PushOf<"message">, "seq">;

/** The rooms that devices of this node are in, whoever keeps those rooms. */
export interface RoomService {
  /** Rooms of this node with somebody in them or in their lobby. */
  readonly size: number;
  /** Those rooms, by their addresses. */
  owned(): Iterable<readonly [room: string, Room]>;
  /** The room of that name, where this node owns it and somebody is in it. */
  get(room: string): Room | undefined;
  /** Rules that the application has set for rooms: they count here from now on, where they are later than what was set before. */
  prepare(entries: Iterable<OpenedRoom>, now: number): void;
  /** Those that are in force here. */
  prepared(now: number): OpenedRoom[];
  /** True when no other room can be prepared. */
  isPreparedFull(now: number): boolean;
  /** Performs what a device asks of a room. Without an outcome the reply comes later, through its link. */
  perform(device: Device, request: RoomRequest, now: number): Outcome | undefined;
  /** How many others are in the room, as far as is known here; undefined when the device is not. */
  others(device: Device, room: string): number | undefined;
  /** Tells all other members. Without an outcome the reply to the request of that id comes later. */
  tell(device: Device, room: string, push: RoomMessage, now: number, id: number): Outcome | undefined;
  /** The device is gone for good: it leaves every room. */
  dropped(device: Device, now: number, why: LinkEnd): void;
  /** The device's grants are others: it must leave the rooms that they don't cover, and may moderate others. */
  recheck(device: Device, now: number): void;
}
