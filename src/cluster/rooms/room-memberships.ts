import type { Limits } from "../../protocol/limits.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import type { RequestOf, RoomRequest } from "../../protocol/requests.ts";
import type { Deadlines } from "../../shared/deadlines.ts";
import type { Device, LinkEnd, Outcome } from "../../signaling/device.ts";
import { done, failed } from "../../signaling/outcome.ts";
import { may } from "../../signaling/permissions.ts";
import { joinOf, overCaps } from "../../signaling/room/join-request.ts";
import type { SetRules } from "../../signaling/room/room.ts";
import type { Nodes } from "../nodes.ts";
import { MembershipTransfer, type MembershipTransferHost } from "./membership-transfer.ts";
import type { NewOwner } from "./owned-rooms.ts";
import { formerSeat, keyOf, type RemoteRoom, RemoteRooms } from "./remote-room.ts";
import { RoomAsking, type RoomAskingHost } from "./room-asking.ts";
import type { RoomOwners } from "./room-owners.ts";
import type { SeatNow } from "./seats.ts";

type RoomPush = Extract<PushBody, { room: string; type: "room" | "admitted" | "knock" | "room_ended" }>;
type Asked = RoomRequest | RequestOf<"send">;

export interface RoomMembershipsHost extends RoomAskingHost, MembershipTransferHost {
  /** The device leaves a room of this node, and what it has asked of the room and that waits is dropped. */
  withdrawHere(device: Device, room: string, now: number): void;
  /** The owner has told the device of the room as it is now. What the device has of former owners is over. */
  settled(device: Device, room: string, now: number, owner: string): void;
}

export interface RoomMembershipsOptions {
  readonly limits: Pick<Limits, "rooms" | "bodyBytes">;
  readonly nodes: Nodes;
  readonly owners: RoomOwners;
  readonly deadlines: Deadlines;
  readonly host: RoomMembershipsHost;
}

/**
 * The rooms that devices of this node are in, whichever node owns them. It checks the devices' grants and asks the
 * owner. When the owner changes, it takes the devices to the next one, with their seats and the room's last rules.
 */
export class RoomMemberships {
  readonly #options: RoomMembershipsOptions;
  readonly #remotes: RemoteRooms;
  readonly #asking: RoomAsking;
  /** Takes memberships along with links. */
  readonly transfer: MembershipTransfer;

  constructor(options: RoomMembershipsOptions) {
    const { nodes, owners, deadlines, host } = options;
    const remotes = new RemoteRooms(owners);
    const asking = new RoomAsking({ nodes, owners, deadlines, remotes, host });
    this.#options = options;
    this.#remotes = remotes;
    this.#asking = asking;
    this.transfer = new MembershipTransfer({ nodes, owners, remotes, asking, host });
  }

  /** True when a device of this node is in the room, or in its lobby. */
  hasMembers(room: string): boolean {
    return this.#remotes.get(room)?.settled === true;
  }

  /** The number of other members, as last heard; undefined when the device is not in the room. */
  others(device: Device, room: string): number | undefined {
    const remote = this.#remotes.get(room);
    return remote?.members.has(device) ? Math.max(0, remote.count - 1) : undefined;
  }

  /** Performs what a device asks of a room. Undefined: the reply comes later, through the device's link. */
  perform(device: Device, request: Asked, now: number): Outcome | undefined {
    if (request.type === "join") return this.#join(device, request, now);
    const room = request.type === "send" ? request.to : request.room;
    const moderates = request.type !== "leave" && request.type !== "send";
    if (moderates && !may(device, "moderate", room)) return failed("forbidden");
    const remote = this.#remotes.get(room);
    if (!remote?.members.has(device)) return failed("no_room");
    return this.#asking.ask(remote, device, { request }, now);
  }

  /** A node has replied to a device here. False: the node is not the owner, or was not asked that in this term. */
  replied(from: string, device: Device, id: number, outcome: Outcome): boolean {
    const remote = this.#remotes.openAt(device, id);
    const open = remote?.open.get(keyOf(device, id));
    if (remote?.owner !== from || open === undefined || !(remote.termConfirmed || open.askedElsewhere))
      return false;
    const { ask } = open;
    this.#remotes.closeOpen(remote, device, id);
    this.#asking.done(remote, device, ask, outcome);
    return true;
  }

  /** A node has sent a push of a room to a device here. False: the device must not hear it. */
  heard(from: string, device: Device, push: RoomPush, now: number): boolean {
    const remote = this.#remotes.get(push.room);
    const membership = remote?.members.get(device);
    if (remote === undefined || membership === undefined || remote.owner !== from) {
      if (push.type !== "room_ended") this.#asking.disown(from, device, push.room);
      return false;
    }
    if (!remote.termConfirmed) return false;
    if (membership.former === undefined) {
      membership.staleSeat = push.type !== "room_ended";
      return false;
    }
    if (push.type === "room_ended") {
      // The owner may have said that before the device came back, so the seat that it came back to must go. A later join counts.
      if (membership.returning && this.#remotes.joins(remote, device)) membership.staleSeat = true;
      else if (membership.returning)
        this.#asking.ask(remote, device, { request: { id: 0, type: "leave", room: remote.room } }, now);
      this.#remotes.leave(remote, device);
      return true;
    }
    if (push.type !== "admitted" && membership.returning) return false;
    if (push.type === "room") remote.count = push.count;
    else if (push.type === "admitted") {
      membership.returning = false;
      remote.count = push.count;
      membership.former = formerSeat(push.member, "joined", push.members);
      this.#options.host.settled(device, push.room, now, from);
    }
    return true;
  }

  /** See {@link RoomAsking.disown}. */
  disown(from: string, device: Device, room: string): void {
    this.#asking.disown(from, device, room);
  }

  /** A device has no seat any more in a room that this node owns. */
  left(device: Device, room: string): void {
    const remote = this.#remotes.get(room);
    if (remote !== undefined && remote.owner === this.#options.nodes.name)
      this.#remotes.leave(remote, device);
  }

  /** The owner has given up the seat of a device with that link: if the device is still here, it comes back. */
  lost(from: string, room: string, link: string, now: number): void {
    const remote = this.#remotes.get(room);
    if (remote?.owner !== from || !remote.termConfirmed) return;
    for (const [device, membership] of remote.members)
      if (device.link.id === link) this.#asking.comeBack(remote, device, membership, false, now);
  }

  /** A node has told the rules of a room. */
  rulesHeard(from: string, room: string, rules: SetRules): void {
    const remote = this.#remotes.get(room);
    if (remote?.owner === from && remote.termConfirmed) remote.rules = rules;
  }

  /** The owner says that what follows is of that term. */
  termConfirmed(from: string, room: string, term: number): void {
    const remote = this.#remotes.get(room);
    if (remote?.owner === from && remote.term === term) remote.termConfirmed = true;
  }

  /** The device's link is closed: it leaves every room. */
  closed(device: Device, why: LinkEnd): void {
    const { nodes } = this.#options;
    const owners = new Set<string>();
    for (const remote of this.#remotes.with(device)) {
      if (remote.owner !== undefined && remote.owner !== nodes.name) owners.add(remote.owner);
      this.#remotes.remove(remote, device);
    }
    for (const [id, remote] of this.#remotes.openOf(device)) {
      this.#remotes.closeOpen(remote, device, id);
      this.#remotes.tidy(remote);
    }
    for (const owner of owners) nodes.send(owner, { t: "closed", link: device.link.id, why });
  }

  /**
   * The device's grants have changed: it leaves the rooms that they don't cover, and its right to moderate others may
   * change.
   */
  recheck(device: Device, now: number): void {
    for (const remote of this.#remotes.with(device)) {
      const { room } = remote;
      const membership = remote.members.get(device);
      if (membership === undefined) continue;
      if (!may(device, "join", room)) {
        this.#putOut(remote, device, membership.former !== undefined, now);
        continue;
      }
      const moderator = may(device, "moderate", room);
      if (moderator === membership.moderator) continue;
      membership.moderator = moderator;
      const request = this.#remotes.joinAsked(remote, device, membership);
      this.#asking.ask(remote, device, { request, seated: true }, now);
    }
  }

  /** Takes the device out of the room. Its requests without a reply get one here. */
  #putOut(remote: RemoteRoom, device: Device, told: boolean, now: number): void {
    const { room, owner } = remote;
    if (owner === this.#options.nodes.name) this.#options.host.withdrawHere(device, room, now);
    else if (owner !== undefined)
      this.#asking.ask(remote, device, { request: { id: 0, type: "leave", room } }, now);
    for (const { device: by, ask } of [...remote.open.values()]) {
      if (by !== device) continue;
      const { type } = ask.request;
      const outcome = type === "leave" ? done : failed(type === "join" ? "forbidden" : "outcome_unknown");
      this.#asking.answer(remote, device, ask, outcome, now);
    }
    this.#remotes.remove(remote, device);
    if (told) device.link.deliver({ type: "room_ended", room, reason: "forbidden" }, now);
  }

  // Owners that come and go

  /** The owner says that it owns the room no longer. */
  moved(from: string, room: string, term: number, { to, own = false }: NewOwner, now: number): void {
    const remote = this.#remotes.get(room);
    if (remote === undefined || remote.owner !== from || remote.term !== term) return;
    if (to === undefined) this.#asking.lose(remote);
    else this.#asking.bind(remote, to, own, now);
  }

  /** This node owns the room no longer. `seats`: those of its devices. */
  gaveUp(room: string, seats: readonly SeatNow[], rules: SetRules | undefined): void {
    const remote = this.#remotes.get(room);
    if (remote === undefined) return;
    remote.rules = rules;
    for (const { device, former } of seats) {
      const membership = remote.members.get(device);
      if (membership !== undefined) membership.former = former;
    }
  }

  /** A node has announced that it owns the room. */
  claimed(room: string, node: string, now: number): void {
    const remote = this.#remotes.get(room);
    const here = this.#options.nodes.name;
    if (remote === undefined || remote.owner === node || remote.owner === here) return;
    if (remote.owner === undefined || node === here) this.#asking.bind(remote, node, false, now);
    // There are two owners, one of which will give way: the one that answers counts.
    else this.#asking.seek(remote);
  }

  /** A node is gone, and its rooms need another owner. */
  gone(node: string, now: number): void {
    for (const remote of this.#remotes.all()) {
      if (remote.owner !== node) continue;
      this.#asking.doubt(remote, now);
      remote.dead = node;
      this.#asking.lose(remote);
    }
  }

  /** Nodes can be reached again: looks for the owners that could not be found. */
  restored(): void {
    for (const remote of this.#remotes.all()) if (remote.owner === undefined) this.#asking.seek(remote);
  }

  // Inside

  #join(device: Device, request: RequestOf<"join">, now: number): Outcome | undefined {
    const read = joinOf(device, request);
    if ("error" in read) return read;
    const { dataBytes, join } = read;
    const { moderator } = join;
    const refusal = overCaps(this.#options.limits, this.#remotes.membershipsOf(device), read);
    if (refusal !== undefined) return { error: refusal };
    const remote = this.#remotes.of(request.room);
    if (!remote.members.has(device))
      this.#remotes.enter(remote, device, { join: request, dataBytes, moderator, former: undefined });
    return this.#asking.ask(remote, device, { request }, now);
  }
}
