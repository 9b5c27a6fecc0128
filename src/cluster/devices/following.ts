import type { Deadline } from "../../shared/deadlines.ts";
import type { Device } from "../../signaling/device.ts";
import type { Closed } from "../items.ts";

export type Ready = (complete: boolean, now: number) => void;

/** What this node knows of one user's devices elsewhere, and why it wants to know. */
export class Following {
  readonly user: string;
  /** The end of the user's subjects: names of users may hold what a subject may not. */
  readonly key: string;
  /** Watches, rings, sessions … that need to know. */
  refs = 0;
  /** This node has devices of the user itself. */
  holds = false;
  /** Node → its list. */
  readonly lists = new Map<string, { version: number; readonly devices: Map<string, Device> }>();
  /** All holders have answered since the follow began. */
  complete = false;
  /** Holders that are to answer yet. */
  awaited: Set<string> | undefined;
  /** Those that have, since the question was asked. */
  readonly answered = new Set<string>();
  readonly ready: Ready[] = [];
  /** A question is on its way. */
  asking = false;
  failures = 0;
  again: Deadline | undefined;
  /** Until when it goes on though nobody needs it. */
  linger: Deadline | undefined;
  /** An announcement that is due, and the ends that it tells. */
  announcing: Deadline | undefined;
  heldBack = 0;
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
