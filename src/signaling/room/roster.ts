import type { PushBody, PushOf } from "../../protocol/pushes.ts";
import type { Member, RoomPolicy } from "../../protocol/values.ts";
import type { Deadline, Deadlines } from "../../shared/deadlines.ts";
import { utf8Length } from "../../shared/utf8.ts";
import type { RoomMember } from "./room-member.ts";

/** The most bytes of a list that is told, so that no reply to `join` passes 16 KiB. */
const listBytes = 15_000;
/** A scoped room is listed again when it has shrunk to this part of the bounds: no flapping at the edge. */
const hysteresis = 0.75;
/** The count of a scoped room is told at most this often, in ms. */
const countInterval = 1_000;

/** The part of a roster that a newcomer is told. */
export interface RosterState {
  readonly version: number;
  readonly count: number;
  readonly members: Member[];
}

/**
 * The versioned list of a room's members. Each change counts the version up by one and is told to all members as one
 * delta, so that who replays deltas from the version of the join reply has the list.
 *
 *     listed ──more than `roomList` members, or a list of more than 15,000 bytes──▶ scoped
 *     scoped ──both shrunk to three quarters──▶ listed
 *
 * In a scoped room only the count is told, once a second: a member's cost does not grow with the room. The delta
 * that says `scoped:false` has the whole list in `joined`.
 */
export class Roster {
  readonly #room: string;
  readonly #roomList: number;
  readonly #deadlines: Deadlines;
  readonly #members = new Map<string, RoomMember>();
  #version = 0;
  #bytes = 0;
  #scoped = false;
  #counting: Deadline | undefined;

  constructor(room: string, roomList: number, deadlines: Deadlines) {
    this.#room = room;
    this.#roomList = roomList;
    this.#deadlines = deadlines;
  }

  get count(): number {
    return this.#members.size;
  }

  get(member: string): RoomMember | undefined {
    return this.#members.get(member);
  }

  state(): RosterState {
    return {
      version: this.#version,
      count: this.#members.size,
      members: this.#scoped ? [] : this.#list(),
    };
  }

  /** Adds members, and tells the others. */
  add(members: readonly RoomMember[], now: number): void {
    if (members.length === 0) return;
    for (const member of members) {
      this.#members.set(member.id, member);
      this.#bytes += sizeOf(member.info);
    }
    this.#changed({ joined: members.map(({ info }) => info) }, members, now);
  }

  /** A member's info became another than `before`; tells the others. */
  update(member: RoomMember, before: Member, now: number): void {
    this.#bytes += sizeOf(member.info) - sizeOf(before);
    this.#changed({ joined: [member.info] }, [member], now);
  }

  /** Removes a member, and tells those who are left. */
  remove(member: RoomMember, now: number): void {
    if (!this.#members.delete(member.id)) return;
    this.#bytes -= sizeOf(member.info);
    this.#changed({ left: [member.id] }, [], now);
  }

  /** Tells everybody the room's policy, as a change of its own. */
  tellPolicy(policy: RoomPolicy, now: number): void {
    this.#version += 1;
    this.tell(this.#delta({ policy }), [], now);
  }

  /** Delivers a push to all members but these. It is one object for all: to many at one node it travels once. */
  tell(push: PushBody, except: readonly RoomMember[], now: number): void {
    const without = new Set(except);
    for (const member of this.#members.values()) if (!without.has(member)) member.deliver(push, now);
  }

  /** The room is over: takes back what was still to be told. */
  close(): void {
    this.#counting?.cancel();
    this.#members.clear();
  }

  #changed(fields: Partial<PushOf<"room">>, by: readonly RoomMember[], now: number): void {
    this.#version += 1;
    const scoped = this.#isLarge(this.#scoped ? hysteresis : 1);
    if (scoped && this.#scoped) this.#countLater(now);
    else if (scoped !== this.#scoped) this.#rescope(scoped, by, now);
    else this.tell(this.#delta(fields), by, now);
  }

  #rescope(scoped: boolean, by: readonly RoomMember[], now: number): void {
    this.#scoped = scoped;
    this.#counting?.cancel();
    this.#counting = undefined;
    this.tell(this.#delta(scoped ? { scoped } : { scoped, joined: this.#list() }), by, now);
  }

  #countLater(now: number): void {
    this.#counting ??= this.#deadlines.add(now + countInterval, (then) => {
      this.#counting = undefined;
      this.tell(this.#delta({}), [], then);
    });
  }

  #isLarge(part: number): boolean {
    return this.#members.size > this.#roomList * part || this.#bytes > listBytes * part;
  }

  #list(): Member[] {
    return Array.from(this.#members.values(), (member) => member.info);
  }

  #delta(fields: Partial<PushOf<"room">>): PushBody {
    return {
      type: "room",
      room: this.#room,
      version: this.#version,
      count: this.#members.size,
      ...fields,
    };
  }
}

/** Bytes of a member in a list, its comma included. */
function sizeOf(info: Member): number {
  return utf8Length(JSON.stringify(info)) + 1;
}
