import type { ReplyOf } from "../../protocol/replies.ts";
import type { RequestOf } from "../../protocol/requests.ts";
import type { Deadlines } from "../../shared/deadlines.ts";
import { utf8Length } from "../../shared/utf8.ts";
import type { Device, Outcome } from "../../signaling/device.ts";
import { failed } from "../../signaling/outcome.ts";
import { may } from "../../signaling/permissions.ts";
import type { DeviceList, NodeItem, RoomAsk } from "../items.ts";
import type { Nodes } from "../nodes.ts";
import { formerSeat, joinAgain, type Membership, type RemoteRoom, type RemoteRooms } from "./remote-room.ts";
import type { OwnerFound, RoomOwners } from "./room-owners.ts";

export interface RoomAskingHost {
  /** Asks a room that this node owns. Undefined: the outcome comes later. */
  askHere(term: number, device: Device, ask: RoomAsk, now: number): Outcome | undefined;
  /** The devices of the user at this node. */
  list(user: string): DeviceList;
}

export interface RoomAskingOptions {
  readonly nodes: Nodes;
  readonly owners: RoomOwners;
  readonly deadlines: Deadlines;
  readonly remotes: RemoteRooms;
  readonly host: RoomAskingHost;
}

/** Requests of a room that may be without a reply. */
const maxOpen = 20_000;
/** How long after a search that failed an owner is looked for again. ms */
const seekAgain = 1_000;
/** How long after a request the owner is checked. ms */
const suspectAfter = 3_500;

/**
 * Asks the owner of a room. Where none is known, or the known one does not answer, the owner is looked for; requests
 * without a reply are made again to the next owner.
 */
export class RoomAsking {
  readonly #options: RoomAskingOptions;
  readonly #remotes: RemoteRooms;
  #terms = 0;

  constructor(options: RoomAskingOptions) {
    this.#options = options;
    this.#remotes = options.remotes;
  }

  /** The next term: a number that no room of this run has had. */
  nextTerm(): number {
    this.#terms += 1;
    return this.#terms;
  }

  /** Asks the owner, which is looked for if none is known. Undefined: the reply comes later. */
  ask(remote: RemoteRoom, device: Device, ask: RoomAsk, now: number): Outcome | undefined {
    const { nodes } = this.#options;
    const { id } = ask.request;
    const { owner } = remote;
    const reachable = owner === undefined ? nodes.reachable : this.#answers(owner, now);
    // What this node asks by itself is never refused: if the owner is there, it must hear of it at last.
    if ((!reachable || remote.open.size >= maxOpen) && id > 0) {
      // The owner may be dead, and another node may own the room by now.
      if (owner !== undefined) this.seek(remote);
      return this.done(remote, device, ask, failed("temporary"));
    }
    if (id > 0) this.#remotes.keepOpen(remote, device, ask);
    if (owner === undefined) {
      this.seek(remote);
      return undefined;
    }
    const outcome = this.send(remote, owner, device, ask, now);
    if (outcome === undefined) return undefined;
    this.#remotes.closeOpen(remote, device, id);
    return this.done(remote, device, ask, outcome);
  }

  /**
   * Sends an ask to that owner. The caller has noted who waits for the reply. A join says what the device's token allows
   * now, which may be more or less than when the device asked.
   */
  send(remote: RemoteRoom, owner: string, device: Device, ask: RoomAsk, now: number): Outcome | undefined {
    const { nodes, host } = this.#options;
    const { room, term } = remote;
    const joins = ask.request.type === "join";
    const allowed = joins ? { ...ask, moderator: may(device, "moderate", room) } : ask;
    if (owner === nodes.name) return host.askHere(term, device, allowed, now);
    const { link, user } = device;
    const told = joins ? { ...allowed, list: host.list(user) } : ask;
    nodes.send(owner, { t: "room", link: link.id, term, ask: told } satisfies NodeItem);
    this.#watch(remote, now);
    return undefined;
  }

  /** Takes note of the outcome of what a device has asked. Returns the outcome. */
  done(remote: RemoteRoom, device: Device, { request }: RoomAsk, outcome: Outcome): Outcome {
    const membership = remote.members.get(device);
    if (membership !== undefined && request.type === "join") {
      if ("ok" in outcome) this.#joined(remote, membership, request, outcome.ok as ReplyOf<"join">);
      else if (membership.former === undefined && !this.#remotes.joins(remote, device)) {
        this.#remotes.remove(remote, device);
        if (membership.staleSeat && remote.owner !== undefined)
          this.disown(remote.owner, device, remote.room);
      }
    } else if (request.type === "leave" && ("ok" in outcome || outcome.error.code === "no_room"))
      this.#remotes.leave(remote, device);
    this.#remotes.tidy(remote);
    return outcome;
  }

  #joined(
    remote: RemoteRoom,
    membership: Membership,
    request: RequestOf<"join">,
    reply: ReplyOf<"join">,
  ): void {
    const { member, state, members, count } = reply;
    membership.join = request;
    membership.dataBytes = request.data === undefined ? 0 : utf8Length(JSON.stringify(request.data));
    membership.former = formerSeat(member, state, members);
    membership.staleSeat = false;
    if (state === "joined") remote.count = count;
    this.#options.owners.attend(remote.room);
  }

  /** Looks for the owner of the room. */
  seek(remote: RemoteRoom): void {
    const { owners, nodes } = this.#options;
    remote.again?.cancel();
    remote.again = undefined;
    if (remote.seeking || !nodes.reachable) return;
    if (owners.owns(remote.room)) {
      this.bind(remote, nodes.name, false, nodes.now());
      return;
    }
    remote.seeking = true;
    const { term } = remote;
    owners.find(remote.room, (found, now) => {
      remote.seeking = false;
      // An owner was found by other means meanwhile, or no device here has to do with the room any more.
      if (this.#remotes.get(remote.room) !== remote || remote.term !== term) return;
      this.#found(remote, found, now);
    });
  }

  #found(remote: RemoteRoom, found: OwnerFound, now: number): void {
    if (typeof found === "object") {
      if (found.node === remote.owner) return;
      if (remote.owner !== undefined) this.doubt(remote, now);
      this.bind(remote, found.node, found.own, now);
      return;
    }
    if (remote.owner !== undefined) return;
    if (found === "timeout" && remote.dead !== undefined) {
      this.bind(remote, this.#options.owners.next(remote.room, now), true, now);
      return;
    }
    for (const { device, ask } of [...remote.open.values()])
      this.answer(remote, device, ask, failed("temporary"), now);
    if (remote.members.size === 0) return;
    remote.again = this.#options.deadlines.add(now + seekAgain, () => this.seek(remote));
  }

  /** The room has that owner from now on: members come back there, and requests without a reply are made again. */
  bind(remote: RemoteRoom, owner: string, own: boolean, now: number): void {
    this.#detach(remote);
    remote.owner = owner;
    remote.termConfirmed = owner === this.#options.nodes.name;
    remote.dead = undefined;
    remote.again?.cancel();
    remote.again = undefined;
    const { term } = remote;
    for (const [device, membership] of [...remote.members]) {
      if (membership.former === undefined) continue;
      if (remote.term !== term) return;
      this.comeBack(remote, device, membership, own, now);
    }
    for (const open of [...remote.open.values()]) {
      if (remote.term !== term) return;
      const { device, ask } = open;
      // The former owner would have replied by now if it had done this. Whether the request ever arrived there is not known.
      if (open.askedElsewhere && ask.request.type === "send") {
        this.answer(remote, device, ask, failed("outcome_unknown"), now);
        continue;
      }
      open.askedElsewhere = false;
      const outcome = this.send(remote, owner, device, own ? { ...ask, own } : ask, now);
      if (outcome !== undefined) this.answer(remote, device, ask, outcome, now);
    }
    this.#since(owner, remote);
    this.#remotes.tidy(remote);
  }

  /** Asks the owner for the seat that the device had. */
  comeBack(remote: RemoteRoom, device: Device, membership: Membership, own: boolean, now: number): void {
    const { room, rules, owner } = remote;
    const { former } = membership;
    if (owner === undefined || former === undefined) return;
    membership.returning = former.state === "joined" && owner !== this.#options.nodes.name;
    const request = joinAgain(room, membership.join);
    const ask = { request, former, ...(rules === undefined ? {} : { rules }) };
    this.send(remote, owner, device, own ? { ...ask, own } : ask, now);
  }

  /**
   * The owner is another one, or gone: messages without a reply, of that device or of all, have an unknown outcome.
   * Everything else can be asked again, for done twice it is as done once.
   */
  doubt(remote: RemoteRoom, now: number, of?: Device): void {
    for (const { device, ask } of [...remote.open.values()])
      if (ask.request.type === "send" && (of === undefined || of === device))
        this.answer(remote, device, ask, failed("outcome_unknown"), now);
  }

  /** The owner is gone: looks for another one. */
  lose(remote: RemoteRoom): void {
    this.#detach(remote);
    remote.seeking = false;
    this.seek(remote);
    this.#remotes.tidy(remote);
  }

  /**
   * Begins a new term, without an owner yet. The former owner is told that what it was asked is void, for it may be
   * late.
   */
  #detach(remote: RemoteRoom): void {
    const { owner } = remote;
    remote.term = this.nextTerm();
    remote.owner = undefined;
    remote.termConfirmed = false;
    if (owner !== undefined) this.#since(owner, remote);
  }

  #since(owner: string, { room, term }: RemoteRoom): void {
    const { nodes } = this.#options;
    if (owner !== nodes.name && nodes.isLive(owner)) nodes.send(owner, { t: "room-since", room, term });
  }

  /** Replies to a device. */
  answer(remote: RemoteRoom, device: Device, ask: RoomAsk, outcome: Outcome, now: number): void {
    this.#remotes.closeOpen(remote, device, ask.request.id);
    this.done(remote, device, ask, outcome);
    device.link.reply(ask.request.id, outcome, now);
  }

  /** Checks after a while whether an owner that was asked still answers, as long as requests are without a reply. */
  #watch(remote: RemoteRoom, now: number): void {
    remote.again ??= this.#options.deadlines.add(now + suspectAfter, (later) => {
      remote.again = undefined;
      const { owner } = remote;
      if (owner === undefined || owner === this.#options.nodes.name) return;
      if (!this.#answers(owner, later)) this.seek(remote);
      if (remote.open.size > 0) this.#watch(remote, later);
    });
  }

  #answers(owner: string, now: number): boolean {
    const { nodes } = this.#options;
    return owner === nodes.name || nodes.responsive(owner, now);
  }

  /**
   * A node has a seat for a device that is not in the room, or is in it under another owner: the device asked there
   * before. The node is to give the seat up.
   */
  disown(from: string, device: Device, room: string): void {
    const remote = this.#remotes.get(room);
    if (remote?.owner === from && remote.members.has(device)) return;
    const ask = { request: { id: 0, type: "leave", room } } as const;
    this.#options.nodes.send(from, { t: "room", link: device.link.id, term: 0, ask });
  }
}
