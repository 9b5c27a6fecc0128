import type { Deadlines } from "../../shared/deadlines.ts";
import type { Device, Outcome } from "../../signaling/device.ts";
import { failed } from "../../signaling/outcome.ts";
import type { SetRules } from "../../signaling/room/room.ts";
import type { Rooms } from "../../signaling/room/rooms.ts";
import { RemoteLink } from "../devices/remote-link.ts";
import type { RoomAsk } from "../items.ts";
import type { Nodes } from "../nodes.ts";
import { gatherFor, gatherMore, joinedOf, RoomOpening, returningTo } from "./room-opening.ts";
import type { RoomOwners } from "./room-owners.ts";
import { type Replies, RoomTelling } from "./room-telling.ts";
import { giveUpSeats, restoreSeats, type SeatNow, seatOf } from "./seats.ts";

/** The next owner of a room, where one is known. `own`: that node does not know yet that it owns the room. */
export interface NewOwner {
  readonly to?: string;
  readonly own?: boolean;
}

export interface OwnedRoomsHost {
  /** The outcome of a request that had none when it was asked. */
  answer(device: Device, room: string, id: number, outcome: Outcome, now: number): void;
  /** The room is another node's: what that node asked in this term has not been done. */
  moved(node: string, room: string, term: number, owner: NewOwner, now: number): void;
  /** This node owns the room no longer. `seats`: those of its own devices; `rules`: what the moderators had set. */
  gaveUp(room: string, seats: readonly SeatNow[], rules: SetRules | undefined): void;
  /** True when devices of this node were members of the room under another owner. */
  hasMembers(room: string): boolean;
  /** This node owns the room from now on. */
  began(room: string, now: number): void;
  /** The device was told of the room as it is now. */
  settled(device: Device, room: string, now: number): void;
  /** The devices of a user must stay known here, once more (true) or once less. */
  used(user: string, used: boolean): void;
}

export interface OwnedRoomsOptions {
  readonly rooms: Rooms;
  readonly owners: RoomOwners;
  readonly nodes: Nodes;
  readonly deadlines: Deadlines;
  readonly host: OwnedRoomsHost;
}

interface OwnedRoom {
  /** Undefined once the room is open. */
  opening: RoomOpening | undefined;
  /** True while what waited for the room to open is being done: if the room is empty meanwhile, it is not over. */
  catchingUp: boolean;
  /** Node → the term of its latest ask. */
  readonly terms: Map<string, number>;
  /** Device of another node → the node and term of its last join. */
  readonly by: Map<Device, { readonly node: string; readonly term: number }>;
  /** Replies to messages that have not reached all receivers yet. */
  readonly sent: Replies;
}

/**
 * The rooms that this node owns, as the devices of all nodes ask them, its own included. A room that had another owner opens
 * when its members are back:
 *
 *     asked to own ──it had no members─────────────────▶ open ──empty · handed over──▶ gone
 *          └──────▶ gathering ──500 ms, all at once───────▲
 */
export class OwnedRooms {
  readonly #options: OwnedRoomsOptions;
  readonly #telling: RoomTelling;
  readonly #rooms = new Map<string, OwnedRoom>();
  /** Device of another node → how many seats it has here: as long as it has any, its user must stay known. */
  readonly #seats = new Map<Device, number>();
  /** This node drains: it takes on no more rooms. */
  #leaving = false;

  constructor(options: OwnedRoomsOptions) {
    this.#options = options;
    const { rooms, nodes, deadlines, host } = options;
    this.#telling = new RoomTelling({ rooms, nodes, deadlines, answer: host.answer.bind(host) });
  }

  /** Does what the device asks. Undefined: the outcome comes later, as the host's `answer`. */
  ask(from: string, term: number, device: Device, ask: RoomAsk, now: number): Outcome | undefined {
    const name = roomOf(ask);
    let owned = this.#rooms.get(name);
    if (owned === undefined) {
      const to = this.#leaving ? this.#successor(name, now) : undefined;
      if (ask.own !== true || to !== undefined) {
        this.#options.host.moved(from, name, term, to === undefined ? {} : { to, own: true }, now);
        return undefined;
      }
      owned = this.#begin(name, now);
      this.#asked(name, owned, from, term, device, ask);
      owned.opening?.add({ from, term, device, ask });
      this.#openSoon(name, owned);
      return undefined;
    }
    this.#asked(name, owned, from, term, device, ask);
    if (ask.former !== undefined) owned.opening ??= this.#gather(name, owned, gatherMore, now);
    if (owned.opening === undefined) return this.#perform(name, from, device, ask, now);
    return owned.opening.add({ from, term, device, ask }) ? undefined : failed("temporary");
  }

  /** Voids what that node asked in other terms: it gave this owner up since, or found it anew. */
  since(from: string, name: string, term: number, now: number): void {
    const owned = this.#rooms.get(name);
    if (owned === undefined) return;
    owned.opening?.since(from, term);
    for (const [device, by] of [...owned.by]) {
      const { link } = device;
      // If the device has moved meanwhile, its new node speaks for it.
      if (by.node !== from || by.term === term || !(link instanceof RemoteLink) || link.node !== from)
        continue;
      owned.by.delete(device);
      this.#options.rooms.leave(device, { room: name }, now);
    }
  }

  /** What the device has asked and that waits is not to be done. */
  withdraw(device: Device, name: string): void {
    this.#rooms.get(name)?.opening?.withdraw(device);
  }

  /** That run of a node is gone. The terms of its next run are others. */
  gone(node: string): void {
    for (const { terms } of this.#rooms.values()) terms.delete(node);
  }

  /** Gives the room up: another node owns it. */
  handOver(name: string, owner: NewOwner, now: number): void {
    const owned = this.#rooms.get(name);
    if (owned === undefined) return;
    const { rooms, owners, nodes, host } = this.#options;
    const rules = rooms.get(name)?.rules;
    owned.opening?.end();
    // These messages were delivered: asked of the next owner, they would be delivered twice.
    for (const reply of [...owned.sent]) reply(now);
    this.#rooms.delete(name);
    owners.release(name);
    const seats = giveUpSeats(rooms, name, now);
    for (const { device } of seats) this.#letGo(device);
    host.gaveUp(
      name,
      seats.filter(({ device }) => !(device.link instanceof RemoteLink)),
      rules,
    );
    // This node comes last: what its devices ask of the new owner must not overtake what that one needs to know.
    for (const [node, term] of owned.terms) if (node !== nodes.name) host.moved(node, name, term, owner, now);
    const own = owned.terms.get(nodes.name);
    if (own !== undefined) host.moved(nodes.name, name, own, owner, now);
  }

  /** This node drains: its rooms go to other nodes, where there are any. */
  leave(now: number): void {
    this.#leaving = true;
    for (const name of [...this.#rooms.keys()]) {
      const to = this.#successor(name, now);
      if (to !== undefined) this.handOver(name, { to, own: true }, now);
    }
  }

  /** A device has a seat in a room of this node. */
  seated(device: Device): void {
    if (device.link instanceof RemoteLink) this.#keep(device);
  }

  /** A device has no seat in that room any more. */
  left(device: Device, name: string): void {
    const owned = this.#rooms.get(name);
    // While the room opens, what the device has asked may still bring it back.
    if (owned?.opening === undefined) owned?.by.delete(device);
    this.#letGo(device);
  }

  /** A device of this node has moved to another one, and has that many seats in rooms here. */
  gaveAway(device: Device, seats: number): void {
    for (let n = this.#seats.get(device) ?? 0; n < seats; n++) this.#keep(device);
  }

  /** The room has no members any more. */
  over(name: string): void {
    const owned = this.#rooms.get(name);
    if (owned === undefined || owned.catchingUp || owned.opening !== undefined) return;
    this.#rooms.delete(name);
    this.#options.owners.release(name);
  }

  #begin(name: string, now: number): OwnedRoom {
    const { owners, host } = this.#options;
    const owned: OwnedRoom = {
      opening: undefined,
      catchingUp: false,
      terms: new Map(),
      by: new Map(),
      sent: new Set(),
    };
    this.#rooms.set(name, owned);
    owned.opening = this.#gather(name, owned, gatherFor, now);
    owners.claim(name);
    host.began(name, now);
    return owned;
  }

  /** Notes the term in which a node asks, and tells the node that what it hears from here on is of that term. */
  #asked(name: string, owned: OwnedRoom, from: string, term: number, device: Device, ask: RoomAsk): void {
    const { nodes } = this.#options;
    // A node that disowns a seat does so without a term.
    if (term === 0) return;
    const known = owned.terms.get(from);
    owned.terms.set(from, term);
    if (from === nodes.name) return;
    if (known !== term) nodes.send(from, { t: "room-term", room: name, term });
    if (ask.request.type === "join") owned.by.set(device, { node: from, term });
  }

  /** A room without members elsewhere opens at once. Otherwise the moderators' rules come with the members. */
  #openSoon(name: string, owned: OwnedRoom): void {
    const { owners, host } = this.#options;
    const returns = () => owned.opening?.hasReturning === true;
    if (returns() || host.hasMembers(name)) return;
    owners.membersElsewhere(name, (some, now) => {
      if (!some && !returns()) this.#open(name, owned, now);
    });
  }

  #gather(name: string, owned: OwnedRoom, wait: number, now: number): RoomOpening {
    return new RoomOpening(this.#options.deadlines, now + wait, (later) => this.#open(name, owned, later));
  }

  #open(name: string, owned: OwnedRoom, now: number): void {
    const { rooms, owners, host } = this.#options;
    if (this.#rooms.get(name) !== owned || owned.opening === undefined) return;
    const waiting = owned.opening.end();
    owned.opening = undefined;
    owned.catchingUp = true;
    const { members, rules } = returningTo(name, waiting);
    if (members.length > 0) {
      restoreSeats(rooms, name, members, rules, now);
      this.#telling.tellRules(name);
      for (const { device } of members) host.settled(device, name, now);
    }
    for (const { from, device, ask } of waiting) {
      if (ask.former !== undefined || device.link.state === "closed") continue;
      const outcome = this.#perform(name, from, device, ask, now);
      if (outcome !== undefined && ask.request.id > 0)
        host.answer(device, name, ask.request.id, outcome, now);
    }
    owned.catchingUp = false;
    for (const device of [...owned.by.keys()])
      if (seatOf(rooms, device, name) === undefined) owned.by.delete(device);
    if (rooms.get(name) !== undefined) return;
    this.#rooms.delete(name);
    owners.release(name);
  }

  #perform(name: string, from: string, device: Device, ask: RoomAsk, now: number): Outcome | undefined {
    const { rooms, nodes } = this.#options;
    const { request } = ask;
    switch (request.type) {
      case "join": {
        const had = seatOf(rooms, device, name) !== undefined;
        const outcome =
          had || ask.seated !== true ? rooms.enter(device, joinedOf(name, ask), now) : failed("no_room");
        // The rules come before the reply, so that every node with members can tell them to a later owner.
        if ("ok" in outcome && from !== nodes.name) this.#telling.tellRules(name, from);
        if (seatOf(rooms, device, name) === undefined) this.#rooms.get(name)?.by.delete(device);
        if (rooms.get(name) === undefined) this.over(name);
        return outcome;
      }
      case "send": {
        const sent = this.#rooms.get(name)?.sent;
        return sent === undefined
          ? failed("no_room")
          : this.#telling.send(name, sent, from, device, request, now);
      }
      case "policy": {
        const outcome = rooms.policy(device, request, now);
        if ("ok" in outcome) this.#telling.tellRules(name);
        return outcome;
      }
      default:
        return rooms.perform(device, request, now);
    }
  }

  #keep(device: Device): void {
    this.#seats.set(device, (this.#seats.get(device) ?? 0) + 1);
    this.#options.host.used(device.user, true);
  }

  #letGo(device: Device): void {
    const seats = this.#seats.get(device);
    if (seats === undefined) return;
    if (seats === 1) this.#seats.delete(device);
    else this.#seats.set(device, seats - 1);
    this.#options.host.used(device.user, false);
  }

  #successor(name: string, now: number): string | undefined {
    const { owners, nodes } = this.#options;
    const next = owners.next(name, now);
    return next === nodes.name ? undefined : next;
  }
}

/** The name of the room that an ask is about. */
export function roomOf({ request }: RoomAsk): string {
  return request.type === "send" ? request.to : request.room;
}
