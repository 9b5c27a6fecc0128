import type { RoomPolicy } from "../../protocol/values.ts";

/** Rules that the application has set for a room, whether or not somebody is in. */
export interface OpenedRoom {
  /** `room:NAME`. */
  readonly room: string;
  readonly policy: RoomPolicy;
  /** When they were set. Unix ms: of two the later ones count. */
  readonly at: number;
}

/** How many are kept, and for how long after the room has closed, or where it does not close after they were set. ms */
const most = 5_000;
const [keptClosed, keptOpen] = [86_400_000, 30 * 86_400_000];

/** The rooms that the application has opened, as this node knows them. Pure. */
export class OpenedRooms {
  readonly #rooms = new Map<string, OpenedRoom>();

  get(room: string): OpenedRoom | undefined {
    return this.#rooms.get(room);
  }

  /** Takes rules that are later than those that are known; answers those that it took. */
  merge(entries: Iterable<OpenedRoom>, now: number): OpenedRoom[] {
    const taken: OpenedRoom[] = [];
    for (const entry of entries) {
      const known = this.#rooms.get(entry.room);
      if (isOver(entry, now) || (known !== undefined && known.at >= entry.at)) continue;
      if (known === undefined && this.full(now)) continue;
      this.#rooms.set(entry.room, entry);
      taken.push(entry);
    }
    return taken;
  }

  /** True when no other room can be opened. */
  full(now: number): boolean {
    if (this.#rooms.size >= most) this.all(now);
    return this.#rooms.size >= most;
  }

  /** All that are still of use; the others are forgotten. */
  all(now: number): OpenedRoom[] {
    for (const [room, entry] of this.#rooms) if (isOver(entry, now)) this.#rooms.delete(room);
    return [...this.#rooms.values()];
  }
}

function isOver({ policy: { closes }, at }: OpenedRoom, now: number): boolean {
  return closes === undefined ? now - at > keptOpen : now - Math.max(closes, at) > keptClosed;
}
