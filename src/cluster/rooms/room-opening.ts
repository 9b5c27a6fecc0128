import type { Deadline, Deadlines } from "../../shared/deadlines.ts";
import { utf8Length } from "../../shared/utf8.ts";
import type { Device } from "../../signaling/device.ts";
import type { Joined } from "../../signaling/room/join-request.ts";
import type { SetRules } from "../../signaling/room/room.ts";
import type { RoomAsk } from "../items.ts";
import type { ReturningDevice } from "./seats.ts";

/** How long a new owner waits for the room's members before it opens the room, in ms: their nodes hear of it at once. */
export const gatherFor = 500;
/** How long an open room waits for more of them, so that those of one node come in as one change. ms */
export const gatherMore = 50;
/** Asks that may wait for a room to open. */
const maxWaiting = 20_000;

/** What a device asked of a room that is not open yet. */
export interface Waiting {
  readonly from: string;
  readonly term: number;
  readonly device: Device;
  readonly ask: RoomAsk;
}

/**
 * A room that another node owned until now, or that this one did, as its members come back to it: whatever is asked of the
 * room waits, until they are there and it opens. Then they are put back first, with what they were.
 */
export class RoomOpening {
  readonly #due: Deadline;
  #waiting: Waiting[] = [];

  /** The room opens at that time, unless {@link end} is called before. */
  constructor(deadlines: Deadlines, at: number, open: (now: number) => void) {
    this.#due = deadlines.add(at, open);
  }

  /** Keeps an ask until the room opens. False: too many wait already. Members that come back always may. */
  add(one: Waiting): boolean {
    if (this.#waiting.length >= maxWaiting && one.ask.former === undefined) return false;
    this.#waiting.push(one);
    return true;
  }

  /** True when a device that waits was in the room before. */
  get hasReturning(): boolean {
    return this.#waiting.some(({ ask }) => ask.former !== undefined);
  }

  /** What the device has asked is not to be done. */
  withdraw(device: Device): void {
    this.#waiting = this.#waiting.filter((one) => one.device !== device);
  }

  /** What that node has asked in other terms is not to be done. */
  since(node: string, term: number): void {
    this.#waiting = this.#waiting.filter((one) => one.from !== node || one.term === term);
  }

  /** The wait is over. Returns what has waited, in the order in which it was asked. */
  end(): readonly Waiting[] {
    this.#due.cancel();
    return this.#waiting;
  }
}

/** Who comes back to the room, and the newest of the rules that its moderators had set. */
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

/** The join that a node asks of the room's owner, which takes that node's word for what the device may. */
export function joinedOf(name: string, { request, moderator }: RoomAsk): Joined {
  const { mode, data } = request.type === "join" ? request : {};
  return {
    name,
    join: { moderator: moderator === true, mesh: mode === "mesh", data },
    dataBytes: data === undefined ? 0 : utf8Length(JSON.stringify(data)),
  };
}
