import type { Limits } from "../../protocol/limits.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import type { RequestOf } from "../../protocol/requests.ts";
import type { Deadlines } from "../../shared/deadlines.ts";
import type { Device, Outcome } from "../device.ts";
import type { LinkEnd } from "../links.ts";
import { done, failed } from "../outcome.ts";
import { may } from "../permissions.ts";
import type { SetRules } from "../room.ts";
import { joinOf, overCaps } from "../room-door.ts";
import type { RoomRequest, SeatNow } from "../rooms.ts";
import type { Nodes } from "./nodes.ts";
import type { NewOwner } from "./owned-rooms.ts";
import { RoomAsking, type RoomAskingHost } from "./room-asking.ts";
import { RoomLuggage, type RoomLuggageHost } from "./room-luggage.ts";
import type { RoomOwners } from "./room-owners.ts";
import { formerSeat, keyOf, RoomTies, type Tie } from "./room-tie.ts";

type RoomPush = Extract<PushBody, { room: string; type: "room" | "admitted" | "knock" | "room_ended" }>;
type Asked = RoomRequest | RequestOf<"send">;

export interface RoomMembershipsHost extends RoomAskingHost, RoomLuggageHost {
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
  readonly #ties: RoomTies;
  readonly #asking: RoomAsking;
  /** What the devices that come and go with their links were. */
  readonly luggage: RoomLuggage;

  constructor(options: RoomMembershipsOptions) {
    const { nodes, owners, deadlines, host } = options;
    const ties = new RoomTies(owners);
    const asking = new RoomAsking({ nodes, owners, deadlines, ties, host });
    this.#options = options;
    this.#ties = ties;
    this.#asking = asking;
    this.luggage = new RoomLuggage({ nodes, owners, ties, asking, host });
  }

  hasMembers(room: string): boolean {
    return this.#ties.get(room)?.settled === true;
  }

  /** How many others are in the room, as last heard; undefined when the device is not. */
  others(device: Device, room: string): number | undefined {
    const tie = this.#ties.get(room);
    return tie?.members.has(device) ? Math.max(0, tie.count - 1) : undefined;
  }

  /** Performs what a device asks of a room. Without an outcome the reply comes later, through its link. */
  perform(device: Device, request: Asked, now: number): Outcome | undefined {
    if (request.type === "join") return this.#join(device, request, now);
    const room = request.type === "send" ? request.to : request.room;
    const moderates = request.type !== "leave" && request.type !== "send";
    if (moderates && !may(device, "moderate", room)) return failed("forbidden");
    const tie = this.#ties.get(room);
    if (!tie?.members.has(device)) return failed("no_room");
    return this.#asking.ask(tie, device, { request }, now);
  }

  /** An owner has replied. False: it is nothing that was asked of it, as things are now. */
  replied(from: string, device: Device, id: number, outcome: Outcome): boolean {
    const tie = this.#ties.openAt(device, id);
    const open = tie?.open.get(keyOf(device, id));
    if (tie?.owner !== from || open === undefined || !(tie.marked || open.carried)) return false;
    const { ask } = open;
    this.#ties.closeOpen(tie, device, id);
    this.#asking.done(tie, device, ask, outcome);
    return true;
  }

  /** A device here is told something by that node. False: it must not be, for it speaks for the room no longer. */
  heard(from: string, device: Device, push: RoomPush, now: number): boolean {
    const tie = this.#ties.get(push.room);
    const membership = tie?.members.get(device);
    if (tie === undefined || membership === undefined || tie.owner !== from) {
      if (push.type !== "room_ended") this.#asking.disown(from, device, push.room);
      return false;
    }
    if (!tie.marked) return false;
    if (membership.former === undefined) {
      membership.haunted = push.type !== "room_ended";
      return false;
    }
    if (push.type === "room_ended") {
      // It may have been said before it came back, which must not be then; a join that it has asked for since counts.
      if (membership.returning && this.#ties.joins(tie, device)) membership.haunted = true;
      else if (membership.returning)
        this.#asking.ask(tie, device, { request: { id: 0, type: "leave", room: tie.room } }, now);
      this.#ties.leave(tie, device);
      return true;
    }
    if (push.type !== "admitted" && membership.returning) return false;
    if (push.type === "room") tie.count = push.count;
    else if (push.type === "admitted") {
      membership.returning = false;
      tie.count = push.count;
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
    const tie = this.#ties.get(room);
    if (tie !== undefined && tie.owner === this.#options.nodes.name) this.#ties.leave(tie, device);
  }

  /** The owner has lost sight of a device: it comes back, if it is still here. */
  lost(from: string, room: string, link: string, now: number): void {
    const tie = this.#ties.get(room);
    if (tie?.owner !== from || !tie.marked) return;
    for (const [device, membership] of tie.members)
      if (device.link.id === link) this.#asking.comeBack(tie, device, membership, false, now);
  }

  rulesHeard(from: string, room: string, rules: SetRules): void {
    const tie = this.#ties.get(room);
    if (tie?.owner === from && tie.marked) tie.rules = rules;
  }

  /** What that owner says from here on is of this term. */
  marked(from: string, room: string, term: number): void {
    const tie = this.#ties.get(room);
    if (tie?.owner === from && tie.term === term) tie.marked = true;
  }

  /** The device's link is closed: it leaves every room. */
  closed(device: Device, why: LinkEnd): void {
    const { nodes } = this.#options;
    const owners = new Set<string>();
    for (const tie of this.#ties.with(device)) {
      if (tie.owner !== undefined && tie.owner !== nodes.name) owners.add(tie.owner);
      this.#ties.remove(tie, device);
    }
    for (const [id, tie] of this.#ties.openOf(device)) {
      this.#ties.closeOpen(tie, device, id);
      this.#ties.tidy(tie);
    }
    for (const owner of owners) nodes.send(owner, { t: "closed", link: device.link.id, why });
  }

  /** The device's grants are others: it must leave the rooms that they don't cover, and may moderate others. */
  recheck(device: Device, now: number): void {
    for (const tie of this.#ties.with(device)) {
      const { room } = tie;
      const membership = tie.members.get(device);
      if (membership === undefined) continue;
      if (!may(device, "join", room)) {
        this.#putOut(tie, device, membership.former !== undefined, now);
        continue;
      }
      const moderator = may(device, "moderate", room);
      if (moderator === membership.moderator) continue;
      membership.moderator = moderator;
      const request = this.#ties.joinAsked(tie, device, membership);
      this.#asking.ask(tie, device, { request, moderator, seated: true }, now);
    }
  }

  /** The device must leave. What the room has not replied to by now is replied to here. */
  #putOut(tie: Tie, device: Device, told: boolean, now: number): void {
    const { room, owner } = tie;
    if (owner === this.#options.nodes.name) this.#options.host.withdrawHere(device, room, now);
    else if (owner !== undefined)
      this.#asking.ask(tie, device, { request: { id: 0, type: "leave", room } }, now);
    for (const { device: by, ask } of [...tie.open.values()]) {
      if (by !== device) continue;
      const { type } = ask.request;
      const outcome = type === "leave" ? done : failed(type === "join" ? "forbidden" : "outcome_unknown");
      this.#asking.answer(tie, device, ask, outcome, now);
    }
    this.#ties.remove(tie, device);
    if (told) device.link.deliver({ type: "room_ended", room, reason: "forbidden" }, now);
  }

  // Owners that come and go

  /** The owner says that the room is another's. */
  moved(from: string, room: string, term: number, { to, own = false }: NewOwner, now: number): void {
    const tie = this.#ties.get(room);
    if (tie === undefined || tie.owner !== from || tie.term !== term) return;
    if (to === undefined) this.#asking.lose(tie);
    else this.#asking.bind(tie, to, own, now);
  }

  /** This node has given the room up: what its devices were in it. */
  gaveUp(room: string, seats: readonly SeatNow[], rules: SetRules | undefined): void {
    const tie = this.#ties.get(room);
    if (tie === undefined) return;
    tie.rules = rules;
    for (const { device, former } of seats) {
      const membership = tie.members.get(device);
      if (membership !== undefined) membership.former = former;
    }
  }

  /** That node has just said that it owns the room. */
  claimed(room: string, node: string, now: number): void {
    const tie = this.#ties.get(room);
    const here = this.#options.nodes.name;
    if (tie === undefined || tie.owner === node || tie.owner === here) return;
    if (tie.owner === undefined || node === here) this.#asking.bind(tie, node, false, now);
    // Of two owners the one that answers counts; the other gives way to it.
    else this.#asking.seek(tie);
  }

  /** A node is gone, and the rooms that it owned. */
  gone(node: string, now: number): void {
    for (const tie of this.#ties.all()) {
      if (tie.owner !== node) continue;
      this.#asking.doubt(tie, now);
      tie.dead = node;
      this.#asking.lose(tie);
    }
  }

  /** Nodes can be reached again: owners are looked for that could not be. */
  restored(): void {
    for (const tie of this.#ties.all()) if (tie.owner === undefined) this.#asking.seek(tie);
  }

  // Inside

  #join(device: Device, request: RequestOf<"join">, now: number): Outcome | undefined {
    const read = joinOf(device, request);
    if ("error" in read) return read;
    const { dataBytes, wish } = read;
    const { moderator } = wish;
    const refusal = overCaps(this.#options.limits, this.#ties.membershipsOf(device), read);
    if (refusal !== undefined) return { error: refusal };
    const tie = this.#ties.of(request.room);
    if (!tie.members.has(device))
      this.#ties.enter(tie, device, { join: request, dataBytes, moderator, former: undefined });
    return this.#asking.ask(tie, device, { request, moderator }, now);
  }
}
