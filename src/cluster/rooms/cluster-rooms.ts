import type { Limits } from "../../protocol/limits.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import type { RoomRequest } from "../../protocol/requests.ts";
import type { Deadline, Deadlines } from "../../shared/deadlines.ts";
import type { Device, LinkEnd, Outcome } from "../../signaling/device.ts";
import { failed } from "../../signaling/outcome.ts";
import type { OpenedRoom } from "../../signaling/room/opened-rooms.ts";
import type { Room, SetRules } from "../../signaling/room/room.ts";
import type { FormerSeat } from "../../signaling/room/room-member.ts";
import type { RoomMessage, RoomService } from "../../signaling/room/room-service.ts";
import { Rooms, type RoomsEvents, type RoomsOptions } from "../../signaling/room/rooms.ts";
import type { Backplane } from "../backplane.ts";
import type { RemoteDevices } from "../devices/remote-devices.ts";
import { RemoteLink } from "../devices/remote-link.ts";
import type { DeviceList, NodeItem, RoomAsk } from "../items.ts";
import type { Nodes } from "../nodes.ts";
import type { RemoteLegs } from "../sessions/remote-legs.ts";
import type { MembershipRecord } from "./membership-transfer.ts";
import { type NewOwner, OwnedRooms, type OwnedRoomsHost, roomOf } from "./owned-rooms.ts";
import { RoomMemberships, type RoomMembershipsHost } from "./room-memberships.ts";
import { RoomOwners, type RoomOwnersEvents } from "./room-owners.ts";
import { type SeatNow, seatOf } from "./seats.ts";

export interface ClusterRoomsOptions {
  readonly rooms: Omit<RoomsOptions, "events" | "time">;
  readonly limits: Limits;
  readonly nodes: Nodes;
  readonly devices: RemoteDevices;
  readonly legs: RemoteLegs;
  readonly backplane: Backplane;
  readonly deadlines: Deadlines;
  now(): number;
  hash(text: string): string;
}

type RoomItem = Extract<
  NodeItem,
  { t: "room" | "room-since" | "room-term" | "room-rules" | "room-lost" | "room-moved" }
>;

/**
 * The rooms of the cluster. Each has one owner, and members at any node. It joins the rooms that this node owns
 * ({@link OwnedRooms}) with those that its devices are in ({@link RoomMemberships}); a device asks both alike, whether this
 * node owns the room or another.
 */
export class ClusterRooms
  implements RoomService, RoomsEvents, OwnedRoomsHost, RoomMembershipsHost, RoomOwnersEvents
{
  readonly #options: ClusterRoomsOptions;
  readonly #rooms: Rooms;
  readonly #owners: RoomOwners;
  readonly #owned: OwnedRooms;
  readonly #memberships: RoomMemberships;
  #announcing: Deadline | undefined;

  constructor(options: ClusterRoomsOptions) {
    const { nodes, deadlines, limits, backplane, now, hash } = options;
    this.#options = options;
    this.#rooms = new Rooms({ ...options.rooms, time: nodes.time.bind(nodes), events: this });
    const owners = new RoomOwners({ nodes, backplane, deadlines, now, hash, events: this });
    this.#owners = owners;
    this.#owned = new OwnedRooms({ rooms: this.#rooms, owners, nodes, deadlines, host: this });
    this.#memberships = new RoomMemberships({ limits, nodes, owners, deadlines, host: this });
  }

  /** Rooms that this node owns. */
  get size(): number {
    return this.#rooms.size;
  }

  owned(): Iterable<readonly [string, Room]> {
    return this.#rooms.owned();
  }

  get(room: string): Room | undefined {
    return this.#rooms.get(room);
  }

  prepare(entries: Iterable<OpenedRoom>, now: number): void {
    this.#rooms.prepare(entries, now);
  }

  prepared(now: number): OpenedRoom[] {
    return this.#rooms.prepared(now);
  }

  isPreparedFull(now: number): boolean {
    return this.#rooms.isPreparedFull(now);
  }

  /** True when this node owns the room. */
  owns(room: string): boolean {
    return this.#owners.owns(room);
  }

  // What devices of this node ask, and what happens to devices

  perform(device: Device, request: RoomRequest, now: number): Outcome | undefined {
    return this.#memberships.perform(device, request, now);
  }

  others(device: Device, room: string): number | undefined {
    return this.#rooms.get(room) !== undefined
      ? this.#rooms.others(device, room)
      : this.#memberships.others(device, room);
  }

  tell(device: Device, room: string, push: RoomMessage, now: number, id: number): Outcome | undefined {
    return this.#memberships.perform(device, { id, type: "send", to: room, body: push.body }, now);
  }

  dropped(device: Device, now: number, why: LinkEnd): void {
    this.#memberships.closed(device, why);
    const rooms = this.#rooms.namesOf(device);
    this.#rooms.dropped(device, now);
    const { link } = device;
    const { nodes } = this.#options;
    if (!(link instanceof RemoteLink) || !nodes.isLive(link.node)) return;
    for (const room of rooms) nodes.send(link.node, { t: "room-lost", room, link: link.id });
  }

  recheck(device: Device, now: number): void {
    this.#memberships.recheck(device, now);
  }

  /** This node drains: its rooms go to other nodes, and it takes on none from now on. */
  handOver(now: number): void {
    this.#options.nodes.drain(now);
    this.#owned.leave(now);
  }

  /** The other nodes that own rooms of the device. */
  ownersOf(device: Device): string[] {
    return this.#memberships.transfer.ownersOf(device);
  }

  /** The device's memberships, as they go along with its link to another node. */
  membershipsOf(device: Device): MembershipRecord[] {
    return this.#memberships.transfer.recordsOf(device);
  }

  /**
   * The device has moved to another node, and is a remote one by now. Its seats here stay; its memberships are that
   * node's.
   */
  gaveAway(device: Device): void {
    this.#owned.gaveAway(device, this.#rooms.namesOf(device).length);
    this.#memberships.transfer.release(device);
  }

  /** The device has come here with the memberships that {@link membershipsOf} gave at the other node. */
  adoptMemberships(device: Device, records: readonly MembershipRecord[], now: number): void {
    this.#memberships.transfer.adopt(device, records, now);
  }

  // What other nodes say

  item(from: string, item: RoomItem, now: number): void {
    if (item.t === "room") this.#asked(from, item, now);
    else if (item.t === "room-since") this.#owned.since(from, item.room, item.term, now);
    else if (item.t === "room-term") this.#memberships.termConfirmed(from, item.room, item.term);
    else if (item.t === "room-lost") this.#memberships.lost(from, item.room, item.link, now);
    else if (item.t === "room-rules") this.#memberships.rulesHeard(from, item.room, item.rules);
    else this.#memberships.moved(from, item.room, item.term, item, now);
  }

  /** An owner's push for a device here. False: the device must not hear it. */
  heard(from: string, device: Device, push: PushBody, now: number): boolean {
    switch (push.type) {
      case "room":
      case "admitted":
      case "knock":
      case "room_ended":
        return this.#memberships.heard(from, device, push, now);
      default:
        return true;
    }
  }

  /** An owner's reply for a device here. A reply of another term, or to a request that has had its reply, is dropped. */
  answered(from: string, room: string, device: Device, id: number, outcome: Outcome, now: number): void {
    if (this.#memberships.replied(from, device, id, outcome)) device.link.reply(id, outcome, now);
    else this.#memberships.disown(from, device, room);
  }

  up(again: boolean): void {
    this.#memberships.restored();
    if (!again) return;
    this.#announcing ??= this.#options.deadlines.add(0, () => {
      this.#announcing = undefined;
      this.#owners.announceAll();
    });
  }

  gone(node: string, now: number): void {
    this.#owned.gone(node);
    this.#memberships.gone(node, now);
  }

  // RoomsEvents

  seated(device: Device): void {
    this.#owned.seated(device);
  }

  left(device: Device, room: string): void {
    this.#owned.left(device, room);
    this.#memberships.left(device, room);
  }

  over(room: string): void {
    this.#owned.over(room);
  }

  // OwnedRoomsHost

  answer(device: Device, room: string, id: number, outcome: Outcome, now: number): void {
    const { link } = device;
    if (link instanceof RemoteLink) link.replyOfRoom(id, room, outcome);
    else if (this.#memberships.replied(this.#options.nodes.name, device, id, outcome))
      link.reply(id, outcome, now);
  }

  moved(node: string, room: string, term: number, owner: NewOwner, now: number): void {
    const { nodes } = this.#options;
    if (node === nodes.name) this.#memberships.moved(node, room, term, owner, now);
    else nodes.send(node, { t: "room-moved", room, term, ...owner });
  }

  gaveUp(room: string, seats: readonly SeatNow[], rules: SetRules | undefined): void {
    this.#memberships.gaveUp(room, seats, rules);
  }

  hasMembers(room: string): boolean {
    return this.#memberships.hasMembers(room);
  }

  began(room: string, now: number): void {
    this.#memberships.claimed(room, this.#options.nodes.name, now);
  }

  used(user: string, used: boolean): void {
    const { devices } = this.#options;
    if (used) devices.follow(user);
    else devices.release(user);
  }

  // RoomMembershipsHost

  askHere(term: number, device: Device, ask: RoomAsk, now: number): Outcome | undefined {
    return this.#owned.ask(this.#options.nodes.name, term, device, ask, now);
  }

  withdrawHere(device: Device, room: string, now: number): void {
    this.#owned.withdraw(device, room);
    this.#rooms.leave(device, { room }, now);
  }

  list(user: string): DeviceList {
    return this.#options.devices.list(user);
  }

  seatHere(device: Device, room: string): { former: FormerSeat; count: number } | undefined {
    const former = seatOf(this.#rooms, device, room);
    return former && { former, count: (this.#rooms.others(device, room) ?? 0) + 1 };
  }

  /** Ends the sessions of the room's mesh that former owners made: the present owner makes new ones. */
  settled(device: Device, room: string, now: number, owner = this.#options.nodes.name): void {
    if (device.link instanceof RemoteLink) return;
    const { legs } = this.#options;
    for (const { session, owner: former } of legs.meshesElsewhere(device, room, owner)) {
      legs.unbound(device, session, former, now);
      device.link.deliver({ type: "ended", session, reason: "left" }, now);
    }
  }

  // RoomOwnersEvents

  outranked(room: string, by: string, now: number): void {
    this.#owned.handOver(room, { to: by }, now);
  }

  claimed(room: string, node: string, now: number): void {
    this.#memberships.claimed(room, node, now);
  }

  // Inside

  #asked(from: string, { link, term, ask }: Extract<RoomItem, { t: "room" }>, now: number): void {
    const { devices, nodes } = this.#options;
    if (ask.list !== undefined) devices.introduced(from, ask.list, now);
    const device = devices.byLink(link);
    const { id } = ask.request;
    const outcome =
      device === undefined ? failed("temporary") : this.#owned.ask(from, term, device, ask, now);
    if (outcome !== undefined && id > 0)
      nodes.send(from, { t: "reply", link, id, outcome, room: roomOf(ask) });
  }
}
