import type { SessionRequest } from "../../protocol/requests.ts";
import type { Deadline } from "../../shared/deadlines.ts";
import { keepNewest } from "../../shared/keep-newest.ts";
import type { Device } from "../../signaling/device.ts";

/** A session that another node owns, as the node of one of its devices sees it. */
export interface RemoteLeg {
  readonly device: Device;
  readonly session: string;
  owner: string;
  epoch: number;
  /** Its number in the session; undefined until a new owner has said it. */
  leg: number | undefined;
  /** The room to whose mesh the session belongs. */
  room?: string;
  /** Whose call rings there, while it does. */
  caller: { readonly user: string; readonly device?: string } | undefined;
  /** When its owner must have said how the ring has ended. */
  rungOut: Deadline | undefined;
  /** When it is given up, while its owner is gone. */
  lostAt: Deadline | undefined;
  /** What the device asks while the session is on its way to another owner. */
  held: SessionRequest[] | undefined;
  /** Requests that the owner has not replied to. */
  readonly open: Map<number, SessionRequest>;
}

export interface Ownership {
  readonly epoch: number;
  readonly owner: string;
}

/** Which of two owners of one session counts: the later epoch, and of two that took it over at once the lower name. */
export function outranks(one: Ownership, than: Ownership): boolean {
  return one.epoch === than.epoch ? one.owner < than.owner : one.epoch > than.epoch;
}

/** A foreign leg as it goes over to another node with its device. */
export interface LegSnapshot {
  readonly session: string;
  readonly owner: string;
  readonly epoch: number;
  readonly leg?: number | undefined;
  readonly caller?: { readonly user: string; readonly device?: string };
  readonly open: readonly SessionRequest[];
  /** What waits for the next owner, while there is none. */
  readonly held?: readonly SessionRequest[];
}

/** Ended sessions whose hang-up is still answered with ok. */
const maxEnded = 4_096;

/** Sessions that have ended lately, and whose they were. */
export class EndedLegs {
  readonly #ended = new Map<string, { readonly user: string; readonly links: Set<string> }>();

  add(session: string, { user, link }: Device): void {
    const known = this.#ended.get(session);
    if (known !== undefined) known.links.add(link.id);
    else keepNewest(this.#ended, session, { user, links: new Set([link.id]) }, maxEnded);
  }

  has(session: string, user: string): boolean {
    return this.#ended.get(session)?.user === user;
  }

  /** This very device had part in it. */
  of(session: string, { link }: Device): boolean {
    return this.#ended.get(session)?.links.has(link.id) === true;
  }
}
