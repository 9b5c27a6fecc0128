import { type WireError, wireError } from "../../protocol/error-codes.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import type { Deadlines } from "../../shared/deadlines.ts";
import type { RoomMember } from "./room-member.ts";

/** The most that wait in one lobby: a moderator who comes in is told of all of them at once. */
const lobbySize = 128;
/** How long a user who was turned away can't knock again, in ms; how many of them a room remembers. */
const refusedFor = 60_000;
const refusedMax = 256;

/** Who waits to be let into a room, and the moderators who hear them knock. A knock that is over is told as `gone`. */
export class Lobby {
  readonly #room: string;
  readonly #deadlines: Deadlines;
  readonly #waiting = new Map<string, RoomMember>();
  readonly #moderators = new Set<RoomMember>();
  /** User → until when. */
  readonly #refused = new Map<string, number>();

  constructor(room: string, deadlines: Deadlines) {
    this.#room = room;
    this.#deadlines = deadlines;
  }

  get(member: string): RoomMember | undefined {
    return this.#waiting.get(member);
  }

  /** Who waits now, the longest first. */
  waiting(): RoomMember[] {
    return [...this.#waiting.values()];
  }

  fullness(): WireError | undefined {
    return this.#waiting.size >= lobbySize ? wireError("room_full", "The lobby is full.") : undefined;
  }

  /** The error for a user who was turned away a short time ago. */
  refusalOf(user: string, now: number): WireError | undefined {
    const until = this.#refused.get(user) ?? now;
    return until > now ? wireError("refused", undefined, until - now) : undefined;
  }

  /** The user was turned away. */
  refuse(user: string, now: number): void {
    this.#refused.delete(user);
    const [oldest] = this.#refused.keys();
    if (oldest !== undefined && this.#refused.size >= refusedMax) this.#refused.delete(oldest);
    this.#refused.set(user, now + refusedFor);
  }

  /** Knocks; once more where what it shows of itself has changed. */
  add(member: RoomMember, now: number): void {
    this.#waiting.set(member.id, member);
    for (const moderator of this.#moderators) moderator.deliver(this.#knock(member), now);
  }

  /** Let in, turned away, or gone by itself. */
  remove(member: RoomMember, now: number): void {
    if (!this.#waiting.delete(member.id)) return;
    for (const moderator of this.#moderators) moderator.deliver({ ...this.#knock(member), gone: true }, now);
  }

  /** A moderator who is in the room hears who waits, after the reply of the request in hand. */
  addModerator(moderator: RoomMember, now: number): void {
    this.#moderators.add(moderator);
    if (this.#waiting.size === 0) return;
    this.#deadlines.add(now, (then) => {
      if (!this.#moderators.has(moderator)) return;
      for (const member of this.#waiting.values()) moderator.deliver(this.#knock(member), then);
    });
  }

  removeModerator(moderator: RoomMember): void {
    this.#moderators.delete(moderator);
  }

  /** The room is over. */
  close(): void {
    this.#waiting.clear();
    this.#moderators.clear();
  }

  #knock(member: RoomMember): Extract<PushBody, { type: "knock" }> {
    return { type: "knock", room: this.#room, member: member.info };
  }
}
