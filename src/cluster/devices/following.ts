import type { Deadline } from "../../shared/deadlines.ts";
import type { Device } from "../../signaling/device.ts";
import type { Closed } from "../items.ts";

/** `complete`: every holder has sent its list. False: the holders could not be asked, or have not answered in time. */
export type Ready = (complete: boolean, now: number) => void;

/** What this node knows of one user's devices at other nodes, and how many parts of it need to know. */
export class Following {
  readonly user: string;
  /** The end of the user's subjects: a hash of the user's name, which may hold what a subject may not. */
  readonly key: string;
  /** How many watches, rings, sessions and seats need to know. */
  refs = 0;
  /** True while this node has devices of the user itself. */
  holds = false;
  /** Node → the devices of the user that it has listed. */
  readonly lists = new Map<string, { version: number; readonly devices: Map<string, Device> }>();
  /** True once every holder has sent its list. */
  complete = false;
  /** Holders that have not sent their lists yet; undefined before the holders are known. */
  awaited: Set<string> | undefined;
  /** Holders that have sent their lists since the question was asked. */
  readonly answered = new Set<string>();
  /** Callers that wait for every list. */
  readonly ready: Ready[] = [];
  /** True while the question for the holders is on its way. */
  asking = false;
  failures = 0;
  /** When the holders are asked for again. */
  again: Deadline | undefined;
  /** Until when the user is followed though nothing needs it. */
  linger: Deadline | undefined;
  /** An announcement that is due. */
  announcing: Deadline | undefined;
  /** How many callers hold announcements back. */
  heldBack = 0;
  /** Links of this node that have ended, for the next announcement. */
  readonly closed: Closed[] = [];
  subscribed: { readonly subject: string; readonly stop: () => void } | undefined;

  constructor(user: string, key: string) {
    this.user = user;
    this.key = key;
  }

  /** The user's devices at other nodes. */
  *devices(): Iterable<Device> {
    for (const { devices } of this.lists.values()) yield* devices.values();
  }
}
