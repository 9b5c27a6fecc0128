import type { Deadline, Deadlines } from "../../shared/deadlines.ts";
import { utf8Length } from "../../shared/utf8.ts";
import type { Device } from "../../signaling/device.ts";
import type { Joined } from "../../signaling/room/join-request.ts";
import type { SetRules } from "../../signaling/room/room.ts";
import type { RoomAsk } from "../items.ts";
import type { ReturningDevice } from "./seats.ts";

/** How long a new owner waits for the members' nodes, which hear of it at once, before it opens the room. ms */
export const gatherFor = 500;
/** How long an open room waits when a member comes back, so that all members of a node come in as one change. ms */
export const gatherMore = 50;
/** Asks that may wait for a room to open. */
const maxWaiting = 20_000;

/** What a device has asked of a room that is not open yet. */
export interface Waiting {
  readonly from: string;
  readonly term: number;
  readonly device: Device;
  readonly ask: RoomAsk;
}

/**
 * The opening of a room that had another owner: while its members come back, everything that is asked of the room
 * waits. When the room opens, the members get their former seats first, then the rest is done in order.
 */
export class RoomOpening {
  readonly #due: Deadline;
  #waiting: Waiting[] = [];

  /** Calls `open` at that time, unless {@link end} was called before. */
  constructor(deadlines: Deadlines, at: number, open: (now: number) => void) {
    this.#due = deadlines.add(at, open);
  }

  /** Keeps an ask until the room opens. False: too many wait already; members that come back are always kept. */
  add(one: Waiting): boolean {
    if (this.#waiting.length >= maxWaiting && one.ask.former === undefined) return false;
    this.#waiting.push(one);
    return true;
  }

  /** True when a member that comes back waits. */
  get hasReturning(): boolean {
    return this.#waiting.some(({ ask }) => ask.former !== undefined);
  }

  /** Drops what the device has asked. */
  withdraw(device: Device): void {
    this.#waiting = this.#waiting.filter((one) => one.device !== device);
  }

  /** Drops what that node has asked in other terms. */
  since(node: string, term: number): void {
    this.#waiting = this.#waiting.filter((one) => one.from !== node || one.term === term);
  }

  /** Ends the wait. Returns what has waited, in the order in which it was asked. */
  end(): readonly Waiting[] {
    this.#due.cancel();
    return this.#waiting;
  }
}

/** The members that come back to the room, and the newest rules that its moderators had set. */
export function returningTo(
  name: string,
  waiting: readonly Waiting[],
): { readonly members: readonly ReturningDevice[]; readonly rules: SetRules | undefined } {
  const members = new Map<Device, ReturningDevice>();
  let rules: SetRules | undefined;
  for (const { device, ask } of waiting) {
    const { former } = ask;
    if (former === undefined || device.link.state === "closed") continue;
    members.set(device, { device, joined: joinedOf(name, ask), former });
    if (ask.rules !== undefined && ask.rules.at > (rules?.at ?? 0)) rules = ask.rules;
  }
  return { members: [...members.values()], rules };
}

/** The join in an ask. The asking node has checked the device's grants. */
export function joinedOf(name: string, { request, moderator }: RoomAsk): Joined {
  const { mode, data } = request.type === "join" ? request : {};
  return {
    name,
    join: { moderator: moderator === true, mesh: mode === "mesh", data },
    dataBytes: data === undefined ? 0 : utf8Length(JSON.stringify(data)),
  };
}
