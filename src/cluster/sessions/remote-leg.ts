import type { SessionRequest } from "../../protocol/requests.ts";
import type { Deadline } from "../../shared/deadlines.ts";
import { keepNewest } from "../../shared/keep-newest.ts";
import type { Device } from "../../signaling/device.ts";

/** The leg of a device of this node in a session that another node owns. */
export interface RemoteLeg {
  readonly device: Device;
  readonly session: string;
  owner: string;
  epoch: number;
  /** The leg's number in the session; undefined until a new owner has told it. */
  leg: number | undefined;
  /** The room whose mesh the session belongs to. */
  room?: string;
  /** The caller, while the device rings. */
  caller: { readonly user: string; readonly device?: string } | undefined;
  /** When the owner must have said how the ring has ended. */
  rungOut: Deadline | undefined;
  /** When the leg is given up, while its owner is gone. */
  lostAt: Deadline | undefined;
  /** What the device has asked since the session is on its way to another owner; undefined while it is not. */
  held: SessionRequest[] | undefined;
  /** Requests without a reply, by id. */
  readonly open: Map<number, SessionRequest>;
}

export interface Ownership {
  readonly epoch: number;
  readonly owner: string;
}

/** True when the one owner of a session counts and the other doesn't: the later epoch, and in one epoch the lower name. */
export function outranks(one: Ownership, than: Ownership): boolean {
  return one.epoch === than.epoch ? one.owner < than.owner : one.epoch > than.epoch;
}

/** A leg as it moves to another node with its device. */
export interface LegSnapshot {
  readonly session: string;
  readonly owner: string;
  readonly epoch: number;
  readonly leg?: number | undefined;
  readonly caller?: { readonly user: string; readonly device?: string };
  readonly open: readonly SessionRequest[];
  /** See {@link RemoteLeg.held}. */
  readonly held?: readonly SessionRequest[];
}

/** How many ended sessions are kept, for hang-ups that come late. */
const maxEnded = 4_096;

/** Sessions of other nodes that have ended lately, with the users and links that were in them. */
export class EndedLegs {
  readonly #ended = new Map<string, { readonly user: string; readonly links: Set<string> }>();

  add(session: string, { user, link }: Device): void {
    const known = this.#ended.get(session);
    if (known !== undefined) known.links.add(link.id);
    else keepNewest(this.#ended, session, { user, links: new Set([link.id]) }, maxEnded);
  }

  /** True when the user was in the session. */
  has(session: string, user: string): boolean {
    return this.#ended.get(session)?.user === user;
  }

  /** True when this very device was in the session. */
  of(session: string, { link }: Device): boolean {
    return this.#ended.get(session)?.links.has(link.id) === true;
  }
}
