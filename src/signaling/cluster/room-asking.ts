import type { ReplyOf } from "../../protocol/replies.ts";
import type { RequestOf } from "../../protocol/requests.ts";
import type { Deadlines } from "../../shared/deadlines.ts";
import { utf8Length } from "../../shared/utf8.ts";
import type { Device, Outcome } from "../device.ts";
import { failed } from "../outcome.ts";
import type { DeviceList, NodeItem, RoomAsk } from "./node-item.ts";
import type { Nodes } from "./nodes.ts";
import type { OwnerFound, RoomOwners } from "./room-owners.ts";
import { formerSeat, joinAgain, type Membership, type RoomTies, type Tie } from "./room-tie.ts";

export interface RoomAskingHost {
  /** Asks a room of this node. Without an outcome it comes later. */
  askHere(term: number, device: Device, ask: RoomAsk, now: number): Outcome | undefined;
  /** The devices of the user at this node. */
  list(user: string): DeviceList;
}

export interface RoomAskingOptions {
  readonly nodes: Nodes;
  readonly owners: RoomOwners;
  readonly deadlines: Deadlines;
  readonly ties: RoomTies;
  readonly host: RoomAskingHost;
}

/** What may wait for a room's owner to be found. */
const maxOpen = 20_000;
/** ms */
const seekAgain = 1_000;
/** An owner that has not replied for this long is looked at. ms */
const suspectAfter = 3_500;

/**
 * Asks whoever owns a room. Where nobody is known to, or the one who was does not answer, the owner is looked for; what was
 * asked and not replied to is asked of the next one.
 */
export class RoomAsking {
  readonly #options: RoomAskingOptions;
  readonly #ties: RoomTies;
  #terms = 0;

  constructor(options: RoomAskingOptions) {
    this.#options = options;
    this.#ties = options.ties;
  }

  /** Owners found so far: each begins a term. */
  nextTerm(): number {
    this.#terms += 1;
    return this.#terms;
  }

  /** Asks the owner, or whoever is found to be it. Without an outcome the reply comes later. */
  ask(tie: Tie, device: Device, ask: RoomAsk, now: number): Outcome | undefined {
    const { nodes } = this.#options;
    const { id } = ask.request;
    const { owner } = tie;
    const reachable = owner === undefined ? nodes.reachable : this.#answers(owner, now);
    // What this node asks by itself must arrive at last, if the owner is there.
    if ((!reachable || tie.open.size >= maxOpen) && id > 0) {
      // It may be dead, and the room another's by now.
      if (owner !== undefined) this.seek(tie);
      return this.done(tie, device, ask, failed("temporary"));
    }
    if (id > 0) this.#ties.keepOpen(tie, device, ask);
    if (owner === undefined) {
      this.seek(tie);
      return undefined;
    }
    const outcome = this.send(tie, owner, device, ask, now);
    if (outcome === undefined) return undefined;
    this.#ties.closeOpen(tie, device, id);
    return this.done(tie, device, ask, outcome);
  }

  /** Says it to that owner. Nobody waits for it any more than does already. */
  send(tie: Tie, owner: string, device: Device, ask: RoomAsk, now: number): Outcome | undefined {
    const { nodes, host } = this.#options;
    const { term } = tie;
    if (owner === nodes.name) return host.askHere(term, device, ask, now);
    const { link, user } = device;
    const told = ask.request.type === "join" ? { ...ask, list: host.list(user) } : ask;
    nodes.send(owner, { t: "room", link: link.id, term, ask: told } satisfies NodeItem);
    this.#watch(tie, now);
    return undefined;
  }

  /** A device has its outcome. */
  done(tie: Tie, device: Device, { request }: RoomAsk, outcome: Outcome): Outcome {
    const membership = tie.members.get(device);
    if (membership !== undefined && request.type === "join") {
      if ("ok" in outcome) this.#joined(tie, membership, request, outcome.ok as ReplyOf<"join">);
      else if (membership.former === undefined && !this.#ties.joins(tie, device)) {
        this.#ties.remove(tie, device);
        if (membership.haunted && tie.owner !== undefined) this.disown(tie.owner, device, tie.room);
      }
    } else if (request.type === "leave" && ("ok" in outcome || outcome.error.code === "no_room"))
      this.#ties.leave(tie, device);
    this.#ties.tidy(tie);
    return outcome;
  }

  #joined(tie: Tie, membership: Membership, request: RequestOf<"join">, reply: ReplyOf<"join">): void {
    const { member, state, members, moderator, count } = reply;
    membership.join = request;
    membership.dataBytes = request.data === undefined ? 0 : utf8Length(JSON.stringify(request.data));
    membership.moderator = moderator;
    membership.former = formerSeat(member, state, members);
    membership.haunted = false;
    if (state === "joined") tie.count = count;
    this.#options.owners.attend(tie.room);
  }

  /** Looks who owns the room now. */
  seek(tie: Tie): void {
    const { owners, nodes } = this.#options;
    tie.again?.cancel();
    tie.again = undefined;
    if (tie.seeking || !nodes.reachable) return;
    if (owners.owns(tie.room)) {
      this.bind(tie, nodes.name, false, nodes.now());
      return;
    }
    tie.seeking = true;
    const { term } = tie;
    owners.find(tie.room, (found, now) => {
      tie.seeking = false;
      // It was found by other means meanwhile, or nobody here wants to know any more.
      if (this.#ties.get(tie.room) !== tie || tie.term !== term) return;
      this.#found(tie, found, now);
    });
  }

  #found(tie: Tie, found: OwnerFound, now: number): void {
    if (typeof found === "object") {
      if (found.node === tie.owner) return;
      if (tie.owner !== undefined) this.doubt(tie, now);
      this.bind(tie, found.node, found.own, now);
      return;
    }
    if (tie.owner !== undefined) return;
    if (found === "timeout" && tie.dead !== undefined) {
      this.bind(tie, this.#options.owners.next(tie.room, now), true, now);
      return;
    }
    for (const { device, ask } of [...tie.open.values()])
      this.answer(tie, device, ask, failed("temporary"), now);
    if (tie.members.size === 0) return;
    tie.again = this.#options.deadlines.add(now + seekAgain, () => this.seek(tie));
  }

  /** The room has that owner from now on: who is in it comes in again there, and what is open is asked again. */
  bind(tie: Tie, owner: string, own: boolean, now: number): void {
    this.#untie(tie);
    tie.owner = owner;
    tie.marked = owner === this.#options.nodes.name;
    tie.dead = undefined;
    tie.again?.cancel();
    tie.again = undefined;
    const { term } = tie;
    for (const [device, membership] of [...tie.members]) {
      if (membership.former === undefined) continue;
      if (tie.term !== term) return;
      this.comeBack(tie, device, membership, own, now);
    }
    for (const open of [...tie.open.values()]) {
      if (tie.term !== term) return;
      const { device, ask } = open;
      // Its reply would have been here before the news of another owner, if it was done; whether it ever arrived is not known.
      if (open.carried && ask.request.type === "send") {
        this.answer(tie, device, ask, failed("outcome_unknown"), now);
        continue;
      }
      open.carried = false;
      const outcome = this.send(tie, owner, device, own ? { ...ask, own } : ask, now);
      if (outcome !== undefined) this.answer(tie, device, ask, outcome, now);
    }
    this.#since(owner, tie);
    this.#ties.tidy(tie);
  }

  /** The device was in the room: it comes in again, as what it was. */
  comeBack(tie: Tie, device: Device, membership: Membership, own: boolean, now: number): void {
    const { room, rules, owner } = tie;
    const { moderator, former } = membership;
    if (owner === undefined || former === undefined) return;
    membership.returning = former.state === "joined" && owner !== this.#options.nodes.name;
    const request = joinAgain(room, membership.join);
    const ask = { request, moderator, former, ...(rules === undefined ? {} : { rules }) };
    this.send(tie, owner, device, own ? { ...ask, own } : ask, now);
  }

  /**
   * Whom it was asked (of that device, or of all) is not the owner any more. What is no message can be asked again: done
   * twice it is as done once.
   */
  doubt(tie: Tie, now: number, of?: Device): void {
    for (const { device, ask } of [...tie.open.values()])
      if (ask.request.type === "send" && (of === undefined || of === device))
        this.answer(tie, device, ask, failed("outcome_unknown"), now);
  }

  /** The owner is gone: another is looked for. */
  lose(tie: Tie): void {
    this.#untie(tie);
    tie.seeking = false;
    this.seek(tie);
    this.#ties.tidy(tie);
  }

  /** A new term begins, without an owner yet: what the former one was asked is not meant any more, even if it is late. */
  #untie(tie: Tie): void {
    const { owner } = tie;
    tie.term = this.nextTerm();
    tie.owner = undefined;
    tie.marked = false;
    if (owner !== undefined) this.#since(owner, tie);
  }

  #since(owner: string, { room, term }: Tie): void {
    const { nodes } = this.#options;
    if (owner !== nodes.name && nodes.isLive(owner)) nodes.send(owner, { t: "room-since", room, term });
  }

  /** The device has its outcome, and hears it. */
  answer(tie: Tie, device: Device, ask: RoomAsk, outcome: Outcome, now: number): void {
    this.#ties.closeOpen(tie, device, ask.request.id);
    this.done(tie, device, ask, outcome);
    device.link.reply(ask.request.id, outcome, now);
  }

  /** Looks after an owner that has been asked. */
  #watch(tie: Tie, now: number): void {
    tie.again ??= this.#options.deadlines.add(now + suspectAfter, (later) => {
      tie.again = undefined;
      const { owner } = tie;
      if (owner === undefined || owner === this.#options.nodes.name) return;
      if (!this.#answers(owner, later)) this.seek(tie);
      if (tie.open.size > 0) this.#watch(tie, later);
    });
  }

  #answers(owner: string, now: number): boolean {
    const { nodes } = this.#options;
    return owner === nodes.name || nodes.responsive(owner, now);
  }

  /** A node has a seat for a device that is not in the room, or is in it under another owner: it asked there before. */
  disown(from: string, device: Device, room: string): void {
    const tie = this.#ties.get(room);
    if (tie?.owner === from && tie.members.has(device)) return;
    const ask = { request: { id: 0, type: "leave", room } } as const;
    this.#options.nodes.send(from, { t: "room", link: device.link.id, term: 0, ask });
  }
}
