import type { Limits } from "../../protocol/limits.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import type { ReplyOf } from "../../protocol/replies.ts";
import type { RequestOf } from "../../protocol/requests.ts";
import type { Member } from "../../protocol/values.ts";
import type { Deadline, Deadlines } from "../../shared/deadlines.ts";
import { utf8Length } from "../../shared/utf8.ts";
import type { Device, Outcome } from "../device.ts";
import type { LinkEnd } from "../links.ts";
import { done, failed } from "../outcome.ts";
import { may } from "../permissions.ts";
import type { SetRules } from "../room.ts";
import { joinOf, overCaps } from "../room-door.ts";
import type { FormerSeat } from "../room-member.ts";
import type { RoomRequest, SeatNow } from "../rooms.ts";
import type { DeviceList, NodeItem, RoomAsk } from "./node-item.ts";
import type { Nodes } from "./nodes.ts";
import type { NewOwner } from "./owned-rooms.ts";
import type { OwnerFound, RoomOwners } from "./room-owners.ts";

type RoomPush = Extract<PushBody, { room: string; type: "room" | "admitted" | "knock" | "room_ended" }>;
type Asked = RoomRequest | RequestOf<"send">;

export interface RoomMembershipsHost {
  /** Asks a room of this node. Without an outcome it comes later, through {@link RoomMemberships.replied}. */
  askHere(term: number, device: Device, ask: RoomAsk, now: number): Outcome | undefined;
  /** The device leaves a room of this node; what it has asked and that has not done yet is not to be done. */
  withdrawHere(device: Device, room: string, now: number): void;
  /** The devices of the user at this node. */
  list(user: string): DeviceList;
  /** What a device is in a room of this node, and how many others are. */
  seatHere(device: Device, room: string): { readonly former: FormerSeat; readonly count: number } | undefined;
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

/** A membership as it goes along with a link to another node. */
export interface MembershipRecord {
  readonly room: string;
  readonly owner: string | undefined;
  readonly mode: RequestOf<"join">["mode"];
  readonly data?: unknown;
  /** Undefined while it has only asked. */
  readonly former?: FormerSeat;
  readonly count: number;
  readonly rules?: SetRules;
  /** What the owner has not replied to. */
  readonly open: readonly RoomAsk[];
}

/** A device's part in a room: what it wishes, and what it is there; undefined before its first reply. */
interface Membership {
  join: Pick<RequestOf<"join">, "mode" | "data">;
  dataBytes: number;
  moderator: boolean;
  former: FormerSeat | undefined;
  /** It has been taken to an owner that has not told it the room yet: what that said before is not for it. */
  returning?: boolean;
  /** It is not in, as its client knows, and the owner has said something to it: that may have a seat for it. */
  haunted?: boolean;
}

interface Open {
  readonly device: Device;
  readonly ask: RoomAsk;
  /** It was asked at the device's former node: its reply may come before anything else of the term does. */
  carried?: boolean;
}

/** A room that devices of this node are in, or want to be in. */
class Tie {
  readonly room: string;
  /** Undefined while it is looked for. */
  owner: string | undefined;
  /** How often an owner was found: what another term's owner says counts no more. */
  term = 0;
  /** What the owner says is of this term by now; what it said before was to one who had given it up. */
  marked = false;
  /** Members, as last heard. */
  count = 0;
  rules: SetRules | undefined;
  readonly members = new Map<Device, Membership>();
  /** What the owner has not replied to, in the order in which it was asked. */
  readonly open = new Map<string, Open>();
  seeking = false;
  /** The owner that is gone, while another is looked for: silence is not waited for then. */
  dead: string | undefined;
  /** When the owner is looked for again, for it does not answer. */
  again: Deadline | undefined;

  constructor(room: string) {
    this.room = room;
  }

  /** Somebody here is in the room, or in its lobby. */
  get settled(): boolean {
    for (const { former } of this.members.values()) if (former !== undefined) return true;
    return false;
  }
}

/** What may wait for a room's owner to be found. */
const maxOpen = 20_000;
const seekAgain = 1_000;
/** An owner that has not replied for this long is looked at. */
const suspectAfter = 3_500;

/**
 * The rooms that devices of this node are in, whoever owns them. It checks what they may, asks the owner, and when that
 * is gone or another, takes them there by itself: with what they were, and by the rules that were the last.
 */
export class RoomMemberships {
  readonly #options: RoomMembershipsOptions;
  readonly #ties = new Map<string, Tie>();
  readonly #byDevice = new Map<Device, Map<string, Membership>>();
  /** Device → id of a request without a reply → the room that it is about. */
  readonly #open = new Map<Device, Map<number, Tie>>();
  #terms = 0;

  constructor(options: RoomMembershipsOptions) {
    this.#options = options;
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
    return this.#ask(tie, device, { request }, now);
  }

  /** An owner has replied. False: it is nothing that was asked of it, as things are now. */
  replied(from: string, device: Device, id: number, outcome: Outcome): boolean {
    const tie = this.#open.get(device)?.get(id);
    const open = tie?.open.get(keyOf(device, id));
    if (tie?.owner !== from || open === undefined || !(tie.marked || open.carried)) return false;
    const { ask } = open;
    this.#closeOpen(tie, device, id);
    this.#done(tie, device, ask, outcome);
    return true;
  }

  /** A device here is told something by that node. False: it must not be, for it speaks for the room no longer. */
  heard(from: string, device: Device, push: RoomPush, now: number): boolean {
    const tie = this.#ties.get(push.room);
    const membership = tie?.members.get(device);
    if (tie === undefined || membership === undefined || tie.owner !== from) {
      if (push.type !== "room_ended") this.disown(from, device, push.room);
      return false;
    }
    if (!tie.marked) return false;
    if (membership.former === undefined) {
      membership.haunted = push.type !== "room_ended";
      return false;
    }
    if (push.type === "room_ended") {
      // It may have been said before it came back, which must not be then; a join that it has asked for since counts.
      if (membership.returning && this.#joins(tie, device)) membership.haunted = true;
      else if (membership.returning)
        this.#ask(tie, device, { request: { id: 0, type: "leave", room: tie.room } }, now);
      this.#leave(tie, device);
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

  /** A node has a seat for a device that is not in the room, or is in it under another owner: it asked there before. */
  disown(from: string, device: Device, room: string): void {
    const tie = this.#ties.get(room);
    if (tie?.owner === from && tie.members.has(device)) return;
    const ask = { request: { id: 0, type: "leave", room } } as const;
    this.#options.nodes.send(from, { t: "room", link: device.link.id, term: 0, ask });
  }

  /** A device has no seat in a room of this node any more. */
  left(device: Device, room: string): void {
    const tie = this.#ties.get(room);
    if (tie !== undefined && tie.owner === this.#options.nodes.name) this.#leave(tie, device);
  }

  /** The owner has lost sight of a device: it comes back, if it is still here. */
  lost(from: string, room: string, link: string, now: number): void {
    const tie = this.#ties.get(room);
    if (tie?.owner !== from || !tie.marked) return;
    for (const [device, membership] of tie.members)
      if (device.link.id === link) this.#comeBack(tie, device, membership, false, now);
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
    for (const tie of this.#tiesOf(device)) {
      if (tie.owner !== undefined && tie.owner !== nodes.name) owners.add(tie.owner);
      this.#remove(tie, device);
    }
    for (const [id, tie] of [...(this.#open.get(device) ?? [])]) {
      this.#closeOpen(tie, device, id);
      this.#tidy(tie);
    }
    for (const owner of owners) nodes.send(owner, { t: "closed", link: device.link.id, why });
  }

  /** The device's grants are others: it must leave the rooms that they don't cover, and may moderate others. */
  recheck(device: Device, now: number): void {
    for (const tie of this.#tiesOf(device)) {
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
      const request = this.#joinAsked(tie, device, membership);
      this.#ask(tie, device, { request, moderator, seated: true }, now);
    }
  }

  /** The device must leave. What the room has not replied to by now is replied to here. */
  #putOut(tie: Tie, device: Device, told: boolean, now: number): void {
    const { room, owner } = tie;
    if (owner === this.#options.nodes.name) this.#options.host.withdrawHere(device, room, now);
    else if (owner !== undefined) this.#ask(tie, device, { request: { id: 0, type: "leave", room } }, now);
    for (const { device: by, ask } of [...tie.open.values()]) {
      if (by !== device) continue;
      const { type } = ask.request;
      const outcome = type === "leave" ? done : failed(type === "join" ? "forbidden" : "outcome_unknown");
      this.#answer(tie, device, ask, outcome, now);
    }
    this.#remove(tie, device);
    if (told) device.link.deliver({ type: "room_ended", room, reason: "forbidden" }, now);
  }

  // Owners that come and go

  /** The owner says that the room is another's. */
  moved(from: string, room: string, term: number, { to, own = false }: NewOwner, now: number): void {
    const tie = this.#ties.get(room);
    if (tie === undefined || tie.owner !== from || tie.term !== term) return;
    if (to === undefined) this.#lose(tie);
    else this.#bind(tie, to, own, now);
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
    if (tie.owner === undefined || node === here) this.#bind(tie, node, false, now);
    // Of two owners the one that answers counts; the other gives way to it.
    else this.#seek(tie);
  }

  /** A node is gone, and the rooms that it owned. */
  gone(node: string, now: number): void {
    for (const tie of [...this.#ties.values()]) {
      if (tie.owner !== node) continue;
      this.#doubt(tie, now);
      tie.dead = node;
      this.#lose(tie);
    }
  }

  /** Nodes can be reached again: owners are looked for that could not be. */
  restored(): void {
    for (const tie of [...this.#ties.values()]) if (tie.owner === undefined) this.#seek(tie);
  }

  // A link that goes to another node

  /** The other nodes that own rooms that the device is in. */
  ownersOf(device: Device): string[] {
    const owners = new Set<string>();
    for (const { owner } of this.#tiesOf(device))
      if (owner !== undefined && owner !== this.#options.nodes.name) owners.add(owner);
    return [...owners];
  }

  recordsOf(device: Device): MembershipRecord[] {
    const records: MembershipRecord[] = [];
    const open = this.#open.get(device);
    for (const tie of this.#tiesOf(device)) {
      const { room, owner, rules } = tie;
      const { join, former: heard } = tie.members.get(device) as Membership;
      const here = owner === this.#options.nodes.name ? this.#options.host.seatHere(device, room) : undefined;
      const former = here?.former ?? heard;
      const asks: RoomAsk[] = [];
      for (const [id, about] of open ?? []) {
        const asked = about === tie ? tie.open.get(keyOf(device, id)) : undefined;
        if (asked !== undefined) asks.push(asked.ask);
      }
      records.push({
        room,
        owner,
        mode: join.mode,
        data: join.data,
        ...(former === undefined ? {} : { former }),
        count: here?.count ?? tie.count,
        ...(rules === undefined ? {} : { rules }),
        open: asks,
      });
    }
    return records;
  }

  /** The device goes on at another node: it leaves nothing. */
  release(device: Device): void {
    for (const [id, tie] of [...(this.#open.get(device) ?? [])]) this.#closeOpen(tie, device, id);
    for (const tie of this.#tiesOf(device)) this.#remove(tie, device);
  }

  /** The device has come from another node, where it was this. */
  adopt(device: Device, records: readonly MembershipRecord[], now: number): void {
    for (const { room, owner, mode, data, former, count, rules, open } of records) {
      const tie = this.#tie(room);
      const join = { ...(mode === undefined ? {} : { mode }), data };
      const dataBytes = data === undefined ? 0 : utf8Length(JSON.stringify(data));
      const moderator = may(device, "moderate", room);
      const membership: Membership = { join, dataBytes, moderator, former };
      this.#enter(tie, device, membership);
      if (former !== undefined) this.#options.owners.attend(room);
      if (rules !== undefined && rules.at > (tie.rules?.at ?? 0)) tie.rules = rules;
      if (tie.owner === undefined && owner !== undefined && tie.members.size === 1) {
        this.#terms += 1;
        tie.term = this.#terms;
        tie.owner = owner;
        tie.count = count;
        tie.marked = true;
      }
      const same = tie.owner === owner;
      for (const ask of open) this.#keepOpen(tie, device, ask, same);
      if (tie.owner === undefined) this.#seek(tie);
      // Its owner hears where it is now, and what it is to be there.
      else if (same && (tie.marked || former === undefined))
        this.#ask(tie, device, { request: this.#joinAsked(tie, device, membership), moderator }, now);
      else {
        this.#comeBack(tie, device, membership, false, now);
        if (!same) for (const ask of open) this.#send(tie, tie.owner, device, ask, now);
      }
    }
  }

  // Inside

  #join(device: Device, request: RequestOf<"join">, now: number): Outcome | undefined {
    const read = joinOf(device, request);
    if ("error" in read) return read;
    const { dataBytes, wish } = read;
    const { moderator } = wish;
    const refusal = overCaps(this.#options.limits, this.#byDevice.get(device), read);
    if (refusal !== undefined) return { error: refusal };
    const tie = this.#tie(request.room);
    if (!tie.members.has(device))
      this.#enter(tie, device, { join: request, dataBytes, moderator, former: undefined });
    return this.#ask(tie, device, { request, moderator }, now);
  }

  #ask(tie: Tie, device: Device, ask: RoomAsk, now: number): Outcome | undefined {
    const { nodes } = this.#options;
    const { id } = ask.request;
    const { owner } = tie;
    const reachable = owner === undefined ? nodes.reachable : this.#answers(owner, now);
    // What this node asks by itself must arrive at last, if the owner is there.
    if ((!reachable || tie.open.size >= maxOpen) && id > 0) {
      // It may be dead, and the room another's by now.
      if (owner !== undefined) this.#seek(tie);
      return this.#done(tie, device, ask, failed("temporary"));
    }
    if (id > 0) this.#keepOpen(tie, device, ask);
    if (owner === undefined) {
      this.#seek(tie);
      return undefined;
    }
    const outcome = this.#send(tie, owner, device, ask, now);
    if (outcome === undefined) return undefined;
    this.#closeOpen(tie, device, id);
    return this.#done(tie, device, ask, outcome);
  }

  #keepOpen(tie: Tie, device: Device, ask: RoomAsk, carried = false): void {
    const { id } = ask.request;
    tie.open.set(keyOf(device, id), { device, ask, carried });
    const open = this.#open.get(device);
    if (open === undefined) this.#open.set(device, new Map([[id, tie]]));
    else open.set(id, tie);
  }

  #closeOpen(tie: Tie, device: Device, id: number): RoomAsk | undefined {
    const key = keyOf(device, id);
    const open = tie.open.get(key);
    tie.open.delete(key);
    const ids = this.#open.get(device);
    if (ids?.delete(id) && ids.size === 0) this.#open.delete(device);
    return open?.ask;
  }

  #send(tie: Tie, owner: string, device: Device, ask: RoomAsk, now: number): Outcome | undefined {
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
  #done(tie: Tie, device: Device, { request }: RoomAsk, outcome: Outcome): Outcome {
    const membership = tie.members.get(device);
    if (membership !== undefined && request.type === "join") {
      if ("ok" in outcome) this.#joined(tie, membership, request, outcome.ok as ReplyOf<"join">);
      else if (membership.former === undefined && !this.#joins(tie, device)) {
        this.#remove(tie, device);
        if (membership.haunted && tie.owner !== undefined) this.disown(tie.owner, device, tie.room);
      }
    } else if (request.type === "leave" && ("ok" in outcome || outcome.error.code === "no_room"))
      this.#leave(tie, device);
    this.#tidy(tie);
    return outcome;
  }

  /** The device has asked to come in, and has not been replied to. */
  #joins(tie: Tie, device: Device): boolean {
    return this.#lastJoin(tie, device) !== undefined;
  }

  /** What it has asked for last to come in, and has not been replied to. */
  #lastJoin(tie: Tie, device: Device): RequestOf<"join"> | undefined {
    let last: RequestOf<"join"> | undefined;
    for (const id of this.#open.get(device)?.keys() ?? []) {
      const request = tie.open.get(keyOf(device, id))?.ask.request;
      if (request?.type === "join") last = request;
    }
    return last;
  }

  /** A join by which nothing of the wish that it last asked for changes: without a reply it would not hear of it. */
  #joinAsked(tie: Tie, device: Device, membership: Membership): RequestOf<"join"> {
    return joinAgain(tie.room, this.#lastJoin(tie, device) ?? membership.join);
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
  #seek(tie: Tie): void {
    const { owners, nodes } = this.#options;
    tie.again?.cancel();
    tie.again = undefined;
    if (tie.seeking || !nodes.reachable) return;
    if (owners.owns(tie.room)) {
      this.#bind(tie, nodes.name, false, nodes.now());
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
      if (tie.owner !== undefined) this.#doubt(tie, now);
      this.#bind(tie, found.node, found.own, now);
      return;
    }
    if (tie.owner !== undefined) return;
    if (found === "timeout" && tie.dead !== undefined) {
      this.#bind(tie, this.#options.owners.next(tie.room, now), true, now);
      return;
    }
    for (const { device, ask } of [...tie.open.values()])
      this.#answer(tie, device, ask, failed("temporary"), now);
    if (tie.members.size === 0) return;
    tie.again = this.#options.deadlines.add(now + seekAgain, () => this.#seek(tie));
  }

  /** The room has that owner from now on: who is in it comes in again there, and what is open is asked again. */
  #bind(tie: Tie, owner: string, own: boolean, now: number): void {
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
      this.#comeBack(tie, device, membership, own, now);
    }
    for (const open of [...tie.open.values()]) {
      if (tie.term !== term) return;
      const { device, ask } = open;
      open.carried = false;
      const outcome = this.#send(tie, owner, device, own ? { ...ask, own } : ask, now);
      if (outcome !== undefined) this.#answer(tie, device, ask, outcome, now);
    }
    this.#since(owner, tie);
    this.#tidy(tie);
  }

  #comeBack(tie: Tie, device: Device, membership: Membership, own: boolean, now: number): void {
    const { room, rules, owner } = tie;
    const { moderator, former } = membership;
    if (owner === undefined || former === undefined) return;
    membership.returning = former.state === "joined" && owner !== this.#options.nodes.name;
    const request = joinAgain(room, membership.join);
    const ask = { request, moderator, former, ...(rules === undefined ? {} : { rules }) };
    this.#send(tie, owner, device, own ? { ...ask, own } : ask, now);
  }

  /** The owner is gone. What it was asked and is no message can be asked again: done twice it is as done once. */
  #doubt(tie: Tie, now: number): void {
    for (const { device, ask } of [...tie.open.values()])
      if (ask.request.type === "send") this.#answer(tie, device, ask, failed("outcome_unknown"), now);
  }

  #lose(tie: Tie): void {
    this.#untie(tie);
    tie.seeking = false;
    this.#seek(tie);
    this.#tidy(tie);
  }

  /** A new term begins, without an owner yet: what the former one was asked is not meant any more, even if it is late. */
  #untie(tie: Tie): void {
    const { owner } = tie;
    this.#terms += 1;
    tie.term = this.#terms;
    tie.owner = undefined;
    tie.marked = false;
    if (owner !== undefined) this.#since(owner, tie);
  }

  #since(owner: string, { room, term }: Tie): void {
    const { nodes } = this.#options;
    if (owner !== nodes.name && nodes.isLive(owner)) nodes.send(owner, { t: "room-since", room, term });
  }

  #answer(tie: Tie, device: Device, ask: RoomAsk, outcome: Outcome, now: number): void {
    this.#closeOpen(tie, device, ask.request.id);
    this.#done(tie, device, ask, outcome);
    device.link.reply(ask.request.id, outcome, now);
  }

  /** Looks after an owner that has been asked. */
  #watch(tie: Tie, now: number): void {
    tie.again ??= this.#options.deadlines.add(now + suspectAfter, (later) => {
      tie.again = undefined;
      const { owner } = tie;
      if (owner === undefined || owner === this.#options.nodes.name) return;
      if (!this.#answers(owner, later)) this.#seek(tie);
      if (tie.open.size > 0) this.#watch(tie, later);
    });
  }

  #answers(owner: string, now: number): boolean {
    const { nodes } = this.#options;
    return owner === nodes.name || nodes.responsive(owner, now);
  }

  #tie(room: string): Tie {
    let tie = this.#ties.get(room);
    if (tie === undefined) {
      tie = new Tie(room);
      this.#ties.set(room, tie);
    }
    return tie;
  }

  #enter(tie: Tie, device: Device, membership: Membership): void {
    tie.members.set(device, membership);
    const memberships = this.#byDevice.get(device);
    if (memberships === undefined) this.#byDevice.set(device, new Map([[tie.room, membership]]));
    else memberships.set(tie.room, membership);
  }

  /** The device is out of the room. It may have asked to come in again before it heard of that. */
  #leave(tie: Tie, device: Device): void {
    const membership = tie.members.get(device);
    if (membership !== undefined && this.#joins(tie, device)) membership.former = undefined;
    else this.#remove(tie, device);
  }

  #remove(tie: Tie, device: Device): void {
    if (!tie.members.delete(device)) return;
    const memberships = this.#byDevice.get(device);
    memberships?.delete(tie.room);
    if (memberships?.size === 0) this.#byDevice.delete(device);
    this.#tidy(tie);
  }

  /** Forgets a room that nobody here is in. */
  #tidy(tie: Tie): void {
    if (tie.members.size > 0 || tie.open.size > 0 || this.#ties.get(tie.room) !== tie) return;
    tie.again?.cancel();
    this.#options.owners.ignore(tie.room);
    this.#ties.delete(tie.room);
  }

  /** A copy: they end while one goes through them. */
  #tiesOf(device: Device): Tie[] {
    const ties: Tie[] = [];
    for (const room of this.#byDevice.get(device)?.keys() ?? []) {
      const tie = this.#ties.get(room);
      if (tie !== undefined) ties.push(tie);
    }
    return ties;
  }
}

function keyOf(device: Device, id: number): string {
  return `${id} ${device.link.id}`;
}

function formerSeat(member: string, state: FormerSeat["state"], members: readonly Member[]): FormerSeat {
  const index = members.find((one) => one.member === member)?.index;
  return index === undefined ? { member, state } : { member, index, state };
}

function joinAgain(room: string, { mode, data }: Membership["join"]): RequestOf<"join"> {
  return {
    id: 0,
    type: "join",
    room,
    ...(mode === undefined ? {} : { mode }),
    ...(data === undefined ? {} : { data }),
  };
}
