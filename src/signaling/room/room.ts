import { overLimit, type WireError, wireError } from "../../protocol/error-codes.ts";
import type { Limits } from "../../protocol/limits.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import type { ReplyOf } from "../../protocol/replies.ts";
import type { RoomPolicy } from "../../protocol/values.ts";
import type { Deadline, Deadlines } from "../../shared/deadlines.ts";
import { fail, ok, type Result } from "../../shared/result.ts";
import type { RoomEndReason, RoomEvent, RoomLeaveReason } from "../events.ts";
import { Lobby } from "./lobby.ts";
import { type FormerSeat, type JoinOptions, RoomMember, type Seat } from "./room-member.ts";
import { type MeshHost, RoomMesh } from "./room-mesh.ts";
import { effectivePolicy, windowRefusal } from "./room-policy.ts";
import { Roster } from "./roster.ts";

export interface RoomOptions {
  /** `room:NAME`. */
  readonly room: string;
  readonly rule: RoomPolicy;
  readonly limits: Pick<Limits, "roomSize" | "roomList" | "meshSize">;
  readonly deadlines: Deadlines;
  readonly mesh: MeshHost;
  /** An id that was never given out before. */
  readonly newId: () => string;
  /** Hears what happens in the room. */
  readonly emit: (event: RoomEvent) => void;
}

/** One who was a member before, at another owner of the room. */
export interface Returning {
  readonly seat: Seat;
  readonly join: JoinOptions;
  readonly former: FormerSeat;
}

/** The rules that moderators have set, and when: of two the later one counts. */
export interface SetRules {
  readonly set: RoomPolicy;
  readonly at: number;
}

/**
 * One room, as its owner keeps it: the single writer of its list, its lobby and its policy. A member:
 *
 *     enter ──▶ in the lobby ──admit──▶ joined ──leave · refuse · the room ends──▶ gone
 *        └────────(no lobby, or a moderator)────▲
 *
 * Pushes to who is being answered come after the reply: they are deadlines.
 */
export class Room {
  readonly #options: RoomOptions;
  readonly #roster: Roster;
  readonly #lobby: Lobby;
  readonly #mesh: RoomMesh;
  /** Joined and waiting, by address: a device is one member. */
  readonly #byAddress = new Map<string, RoomMember>();
  #policy: RoomPolicy;
  /** What the moderators have set, where they have. */
  #rules: SetRules | undefined;
  #joins = 0;
  #closing: Deadline | undefined;

  constructor(options: RoomOptions) {
    const { room, rule, limits, deadlines } = options;
    this.#options = options;
    this.#policy = rule;
    this.#roster = new Roster(room, limits.roomList, deadlines);
    this.#lobby = new Lobby(room, deadlines);
    this.#mesh = new RoomMesh(options.mesh, deadlines);
  }

  get empty(): boolean {
    return this.#byAddress.size === 0;
  }

  get rules(): SetRules | undefined {
    return this.#rules;
  }

  /** The rules in force: the configuration's, and what was set on top of them. */
  get policy(): RoomPolicy {
    return this.#policy;
  }

  /** All members, and whether they are in or wait. */
  *members(): Iterable<{ readonly member: RoomMember; readonly joined: boolean }> {
    for (const member of this.#byAddress.values()) yield { member, joined: this.#isJoined(member) };
  }

  /** A new seat: joins, or waits in the lobby. An older one of the same device leaves. */
  enter(
    seat: Seat,
    join: JoinOptions,
    now: number,
  ): Result<{ member: RoomMember; reply: ReplyOf<"join"> }, WireError> {
    const member = new RoomMember(this.#options.newId(), this.#joins + 1, seat, join);
    const older = this.#byAddress.get(member.address);
    if (older !== undefined) this.leave(older, now, "replaced");
    const waits = this.#policy.lobby === true && !join.moderator;
    const refusal =
      windowRefusal(this.#policy, now) ??
      (join.moderator ? undefined : this.#lobby.refusalOf(seat.user, now)) ??
      (waits ? this.#lobby.fullness() : this.#fullness(join.mesh));
    if (refusal !== undefined) return fail(refusal);
    this.#joins += 1;
    if (this.empty) this.#options.emit({ type: "room_opened", room: this.#options.room });
    this.#byAddress.set(member.address, member);
    if (this.#closing === undefined) this.#armClosing();
    if (waits) {
      this.#lobby.add(member, now);
      this.#options.emit({ type: "room_knocked", ...this.#person(member) });
    } else this.#join(member, now);
    return ok({ member, reply: this.#reply(member) });
  }

  /**
   * Takes in who was in this room, or in its lobby, under another owner: with the ids that they had, without knocking
   * once more, however full the room is. Each is told the room as it is now. Answers those whom it could not take:
   * its time is over, or the lobby is full.
   */
  restore(returning: readonly Returning[], now: number): { members: RoomMember[]; refused: Seat[] } {
    const members: RoomMember[] = [];
    const refused: Seat[] = [];
    const joined: RoomMember[] = [];
    for (const { seat, join, former } of returning) {
      const index = former.index ?? this.#joins + 1;
      const member = new RoomMember(this.#idFor(seat, former), index, seat, join);
      const older = this.#byAddress.get(member.address);
      if (older !== undefined) this.leave(older, now, "replaced");
      const waits = former.state === "lobby" && this.#policy.lobby === true && !join.moderator;
      if ((windowRefusal(this.#policy, now) ?? (waits ? this.#lobby.fullness() : undefined)) !== undefined) {
        refused.push(seat);
        this.#toldLeft(member, former.state, "closed");
        continue;
      }
      this.#joins = Math.max(this.#joins, index);
      this.#byAddress.set(member.address, member);
      members.push(member);
      if (waits) this.#lobby.add(member, now);
      else joined.push(member);
    }
    if (this.#closing === undefined) this.#armClosing();
    this.#roster.add(joined, now);
    for (const member of joined) this.#deliverState(member, now);
    for (const member of joined) {
      if (member.moderator) this.#lobby.addModerator(member, now);
      if (member.mesh) this.#mesh.update(member, now);
    }
    return { members, refused };
  }

  /** Tells a member the whole room, as it is now. */
  tellState(member: RoomMember, now: number): void {
    if (this.#isJoined(member)) this.#deliverState(member, now);
  }

  /** The same seat joins again: its mode and data may be others now. */
  update(member: RoomMember, join: JoinOptions, now: number): Result<ReplyOf<"join">, WireError> {
    const joined = this.#isJoined(member);
    if (joined && join.mesh && !member.mesh && this.#isMeshFull()) return fail(this.#meshFull());
    const before = member.change(join);
    if (joined) {
      this.#mesh.update(member, now);
      if (before !== undefined) this.#roster.update(member, before, now);
    } else if (before !== undefined) this.#lobby.add(member, now);
    this.setModerator(member, join.moderator, now);
    return ok(this.#reply(member));
  }

  leave(member: RoomMember, now: number, reason: RoomLeaveReason = "left"): void {
    if (this.#byAddress.get(member.address) !== member) return;
    this.#byAddress.delete(member.address);
    const joined = this.#isJoined(member);
    if (joined) {
      this.#mesh.remove(member, now);
      this.#lobby.removeModerator(member);
      this.#roster.remove(member, now);
    } else this.#lobby.remove(member, now);
    this.#toldLeft(member, joined ? "joined" : "lobby", reason);
    member.seat.left(now);
    if (this.empty) this.#over("empty");
  }

  /** Leaves because it must: the member is told why. */
  expel(member: RoomMember, reason: RoomEndReason, now: number): void {
    this.leave(member, now, reason);
    member.deliver({ type: "room_ended", room: this.#options.room, reason }, now);
  }

  /** Lets a waiting member in. One that is in already is fine. */
  admit(id: string, now: number): WireError | undefined {
    const member = this.#lobby.get(id);
    if (member !== undefined) return this.#admit(member, now);
    if (this.#roster.get(id) !== undefined) return undefined;
    return wireError("wrong_state", "Nobody of that id waits in the lobby (any more).");
  }

  /** Turns a waiting or a joined member away, for a minute. One that is gone already is fine. */
  refuse(id: string, now: number): void {
    const member = this.#lobby.get(id) ?? this.#roster.get(id);
    if (member === undefined) return;
    this.#lobby.refuse(member.info.user, now);
    this.expel(member, "refused", now);
  }

  /** The moderators' rules, in place of what they had set before. `at`: the time of all nodes. */
  setPolicy(set: RoomPolicy, now: number, at = now): void {
    // A clock that was put back must not make these look older than those before.
    this.#setRules({ set, at: Math.max(at, (this.#rules?.at ?? 0) + 1) }, now);
  }

  /** Rules that were set under another owner of the room: they count where they are the later ones. */
  adopt(rules: SetRules, now: number): void {
    if (rules.at > (this.#rules?.at ?? 0)) this.#setRules(rules, now);
  }

  /** The member's token says something else about moderating than before. */
  setModerator(member: RoomMember, moderator: boolean, now: number): void {
    if (member.moderator === moderator) return;
    member.moderator = moderator;
    if (!this.#isJoined(member)) {
      if (moderator) this.#admit(member, now);
    } else if (moderator) this.#lobby.addModerator(member, now);
    else this.#lobby.removeModerator(member);
  }

  /** How many others this member has; undefined when it only waits in the lobby. */
  othersOf(member: RoomMember): number | undefined {
    return this.#isJoined(member) ? this.#roster.count - 1 : undefined;
  }

  /** Tells all members but this one. */
  tell(from: RoomMember, push: PushBody, now: number): void {
    this.#roster.tell(push, [from], now);
  }

  /** Tells all who have joined; answers how many. */
  announce(push: PushBody, now: number): number {
    this.#roster.tell(push, [], now);
    return this.#roster.count;
  }

  isJoinedModerator(member: RoomMember): boolean {
    return member.moderator && this.#isJoined(member);
  }

  /** Everybody leaves, and is told why. */
  end(reason: RoomEndReason, now: number): void {
    const members = [...this.members()];
    this.#byAddress.clear();
    for (const { member, joined } of members) this.#toldLeft(member, joined ? "joined" : "lobby", reason);
    this.#over(reason);
    for (const { member } of members) {
      this.#mesh.remove(member, now);
      member.seat.left(now);
      member.deliver({ type: "room_ended", room: this.#options.room, reason }, now);
    }
  }

  /** Another node owns the room from now on: here it is over, and nobody is told. Its members have no meshes here. */
  giveUp(now: number): void {
    for (const { member } of this.members()) this.#mesh.remove(member, now);
    this.#byAddress.clear();
    this.#dispose();
  }

  #setRules(rules: SetRules, now: number): void {
    this.#rules = rules;
    const { set } = rules;
    const { rule, limits } = this.#options;
    const policy = effectivePolicy(rule, set, limits.roomSize);
    if (JSON.stringify(policy) === JSON.stringify(this.#policy)) return;
    this.#policy = policy;
    this.#roster.tellPolicy(policy, now);
    this.#armClosing();
    if (policy.lobby !== true) for (const member of this.#lobby.waiting()) this.#admit(member, now);
  }

  #isJoined(member: RoomMember): boolean {
    return this.#roster.get(member.id) === member;
  }

  #join(member: RoomMember, now: number): void {
    this.#roster.add([member], now);
    if (member.moderator) this.#lobby.addModerator(member, now);
    if (member.mesh) this.#mesh.update(member, now);
    const { moderator } = member;
    this.#options.emit({ type: "room_joined", ...this.#person(member), moderator });
  }

  #person({ id: member, seat: { user, device } }: RoomMember) {
    return { room: this.#options.room, member, user, device };
  }

  #toldLeft(member: RoomMember, state: "joined" | "lobby", reason: RoomLeaveReason): void {
    this.#options.emit({ type: "room_left", ...this.#person(member), state, reason });
  }

  #admit(member: RoomMember, now: number): WireError | undefined {
    const refusal = this.#fullness(member.mesh);
    if (refusal !== undefined) return refusal;
    this.#lobby.remove(member, now);
    this.#join(member, now);
    this.#deliverState(member, now);
    return undefined;
  }

  #deliverState(member: RoomMember, now: number): void {
    const { room } = this.#options;
    const { version, count, members } = this.#roster.state();
    const policy = this.#policy;
    member.deliver({ type: "admitted", room, member: member.id, version, count, members, policy }, now);
  }

  /** The id that it had, unless another device has it. */
  #idFor(seat: Seat, { member: id }: FormerSeat): string {
    const holder = this.#roster.get(id) ?? this.#lobby.get(id);
    const free = holder === undefined || holder.address === `${seat.user}/${seat.device}`;
    return free ? id : this.#options.newId();
  }

  #fullness(mesh: boolean): WireError | undefined {
    const { roomSize } = this.#options.limits;
    if (this.#roster.count >= (this.#policy.size ?? roomSize))
      return this.#policy.size === undefined ? overLimit("roomSize", "room_full") : wireError("room_full");
    return mesh && this.#isMeshFull() ? this.#meshFull() : undefined;
  }

  #isMeshFull(): boolean {
    return this.#mesh.size >= this.#options.limits.meshSize;
  }

  #meshFull(): WireError {
    return overLimit(
      "meshSize",
      "room_full",
      `The mesh of the room has reached ${this.#options.limits.meshSize} members.`,
    );
  }

  #reply(member: RoomMember): ReplyOf<"join"> {
    const joined = this.#isJoined(member);
    return {
      member: member.id,
      state: joined ? "joined" : "lobby",
      moderator: member.moderator,
      // Who waits learns nothing of who is inside.
      ...(joined ? this.#roster.state() : { version: 0, count: 0, members: [] }),
      policy: this.#policy,
    };
  }

  #armClosing(): void {
    this.#closing?.cancel();
    const { closes } = this.#policy;
    this.#closing =
      closes === undefined
        ? undefined
        : this.#options.deadlines.add(closes, (now) => this.end("closed", now));
  }

  #over(reason: "empty" | RoomEndReason): void {
    this.#options.emit({ type: "room_closed", room: this.#options.room, reason });
    this.#dispose();
  }

  #dispose(): void {
    this.#closing?.cancel();
    this.#closing = undefined;
    this.#roster.close();
    this.#lobby.close();
  }
}
