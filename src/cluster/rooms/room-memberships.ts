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
  /** The device leaves a room of this node; what it has asked and that has not done yet is not to be done. */
  withdrawHere(device: Device, room: string, now: number): void;
  /** The room as it is now was told to a device by this owner: what it has of others is over. */
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
 * The rooms that devices of this node are in, whoever owns them. It checks what they may, asks the owner, and when that
 * is gone or another, takes them there by itself: with what they were, and by the rules that were the last.
 */
export class RoomMemberships {
  readonly #options: RoomMembershipsOptions;
  readonly #remotes: RemoteRooms;
  readonly #asking: RoomAsking;
  /** What the devices that come and go with their links were. */
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

  hasMembers(room: string): boolean {
    return this.#remotes.get(room)?.settled === true;
  }

  /** How many others are in the room, as last heard; undefined when the device is not. */
  others(device: Device, room: string): number | undefined {
    const remote = this.#remotes.get(room);
    return remote?.members.has(device) ? Math.max(0, remote.count - 1) : undefined;
  }

  /** Performs what a device asks of a room. Without an outcome the reply comes later, through its link. */
  perform(device: Device, request: Asked, now: number): Outcome | undefined {
    if (request.type === "join") return this.#join(device, request, now);
    const room = request.type === "send" ? request.to : request.room;
    const moderates = request.type !== "leave" && request.type !== "send";
    if (moderates && !may(device, "moderate", room)) return failed("forbidden");
    const remote = this.#remotes.get(room);
    if (!remote?.members.has(device)) return failed("no_room");
    return this.#asking.ask(remote, device, { request }, now);
  }

  /** An owner has replied. False: it is nothing that was asked of it, as things are now. */
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

  /** A device here is told something by that node. False: it must not be, for it speaks for the room no longer. */
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
      // It may have been said before it came back, which must not be then; a join that it has asked for since counts.
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

  /** A node that is not the owner, as things are now, has a seat for a device: it is to give that up. */
  disown(from: string, device: Device, room: string): void {
    this.#asking.disown(from, device, room);
  }

  /** A device has no seat in a room of this node any more. */
  left(device: Device, room: string): void {
    const remote = this.#remotes.get(room);
    if (remote !== undefined && remote.owner === this.#options.nodes.name)
      this.#remotes.leave(remote, device);
  }

  /** The owner has lost sight of a device: it comes back, if it is still here. */
  lost(from: string, room: string, link: string, now: number): void {
    const remote = this.#remotes.get(room);
    if (remote?.owner !== from || !remote.termConfirmed) return;
    for (const [device, membership] of remote.members)
      if (device.link.id === link) this.#asking.comeBack(remote, device, membership, false, now);
  }

  rulesHeard(from: string, room: string, rules: SetRules): void {
    const remote = this.#remotes.get(room);
    if (remote?.owner === from && remote.termConfirmed) remote.rules = rules;
  }

  /** What that owner says from here on is of this term. */
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

  /** The device's grants are others: it must leave the rooms that they don't cover, and may moderate others. */
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
      this.#asking.ask(remote, device, { request, moderator, seated: true }, now);
    }
  }

  /** The device must leave. What the room has not replied to by now is replied to here. */
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

  /** The owner says that the room is another's. */
  moved(from: string, room: string, term: number, { to, own = false }: NewOwner, now: number): void {
    const remote = this.#remotes.get(room);
    if (remote === undefined || remote.owner !== from || remote.term !== term) return;
    if (to === undefined) this.#asking.lose(remote);
    else this.#asking.bind(remote, to, own, now);
  }

  /** This node has given the room up: what its devices were in it. */
  gaveUp(room: string, seats: readonly SeatNow[], rules: SetRules | undefined): void {
    const remote = this.#remotes.get(room);
    if (remote === undefined) return;
    remote.rules = rules;
    for (const { device, former } of seats) {
      const membership = remote.members.get(device);
      if (membership !== undefined) membership.former = former;
    }
  }

  /** That node has just said that it owns the room. */
  claimed(room: string, node: string, now: number): void {
    const remote = this.#remotes.get(room);
    const here = this.#options.nodes.name;
    if (remote === undefined || remote.owner === node || remote.owner === here) return;
    if (remote.owner === undefined || node === here) this.#asking.bind(remote, node, false, now);
    // Of two owners the one that answers counts; the other gives way to it.
    else this.#asking.seek(remote);
  }

  /** A node is gone, and the rooms that it owned. */
  gone(node: string, now: number): void {
    for (const remote of this.#remotes.all()) {
      if (remote.owner !== node) continue;
      this.#asking.doubt(remote, now);
      remote.dead = node;
      this.#asking.lose(remote);
    }
  }

  /** Nodes can be reached again: owners are looked for that could not be. */
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
    return this.#asking.ask(remote, device, { request, moderator }, now);
  }
}
