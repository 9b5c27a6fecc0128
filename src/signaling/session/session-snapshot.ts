import type { WireReason } from "../../protocol/end-reasons.ts";
import type { Candidate, PeerInfo, Stats } from "../../protocol/values.ts";
import type { Device } from "../device.ts";
import { Leg, type PendingReply, type Side } from "./leg.ts";
import type { Placement } from "./placement.ts";
import type { CallRequest } from "./ring.ts";
import type { RingTurn } from "./ring-plan.ts";

/**
 * A whole session as plain JSON: another node goes on with it exactly. Times are relative, for the clocks of two
 * nodes differ: `…Ago` is how long something is past, `…In` how long it takes until it is due, both in ms.
 * Legs are named by their number, devices by the id of their link.
 */
export interface SessionSnapshot {
  readonly id: string;
  readonly epoch: number;
  readonly room?: string | undefined;
  readonly members?: readonly [string, string] | undefined;
  readonly key?: string | undefined;
  readonly crossing?: { readonly other: string; readonly survivor: string } | undefined;
  readonly callRequest: CallRequest;
  readonly startedAgo: number;
  readonly acceptedAgo?: number | undefined;
  readonly connectedAgo?: number | undefined;
  readonly state: StateSnapshot;
  readonly caller: number;
  readonly legs: readonly LegSnapshot[];
  /** Legs that the session has had. */
  readonly legCount: number;
  readonly ring: RingSnapshot;
  readonly pairs: PairsSnapshot;
  readonly move?: MoveSnapshot | undefined;
  /** The caller rang with an offer that is not known any more. */
  readonly offerLost?: boolean | undefined;
  readonly placement?: PlacementSnapshot | undefined;
}

type PlacementSnapshot = Omit<Placement, "reply"> & { readonly reply?: ReplySnapshot | undefined };

export type StateSnapshot =
  | { readonly name: "ringing" }
  | {
      readonly name: "answering";
      readonly leg: number;
      readonly reply: ReplySnapshot;
      readonly confirmIn: number;
    }
  | { readonly name: "active"; readonly callee: number };

/** A request that still waits for its reply. Without a link: nobody is left to hear it. */
export interface ReplySnapshot {
  readonly link?: string | undefined;
  readonly id: number;
}

export interface LegSnapshot {
  readonly id: number;
  readonly side: Side;
  readonly user: string;
  readonly device: string;
  readonly info: PeerInfo;
  readonly alerting: boolean;
  readonly stats?: Stats | undefined;
  /** The link of the device; a leg without one is detached. */
  readonly link?: string | undefined;
  /** When a detached leg is given up. */
  readonly lostIn?: number | undefined;
}

export interface RingSnapshot {
  readonly legs: readonly number[];
  readonly rung: readonly string[];
  /** Links of devices that will not answer. */
  readonly refusing: readonly string[];
  readonly refusal?: WireReason | undefined;
  readonly automaticRefusal?: WireReason | undefined;
  /** The caller's offer still goes to those who are rung. */
  readonly offer: boolean;
  readonly endIn?: number | undefined;
  readonly unreachableIn?: number | undefined;
  /** Where its plan stands, and when this turn ends. */
  readonly turn?: RingTurn | undefined;
  readonly turnIn?: number | undefined;
}

export interface PairsSnapshot {
  readonly current: PairSnapshot;
  readonly next?: PairSnapshot | undefined;
  readonly count: number;
  readonly generations: number;
}

export interface PairSnapshot {
  readonly number: number;
  readonly generation: number;
  readonly offerer: number;
  readonly answerer?: number | undefined;
  readonly open: boolean;
  readonly established?: boolean | undefined;
  readonly connected: readonly number[];
  readonly fromOfferer: FlowSnapshot;
  readonly fromAnswerer: FlowSnapshot;
}

interface FlowSnapshot {
  readonly described: number;
  readonly held: readonly Candidate[];
  readonly heldEnd: boolean;
  readonly offered?: boolean | undefined;
}

export interface MoveSnapshot {
  readonly phase: "ringing" | "connecting";
  readonly from: number;
  readonly to: number;
  readonly peer: number;
  readonly reply: ReplySnapshot;
  readonly startedAgo: number;
  readonly endsIn: number;
}

/** Finds a device by the id of its link. */
export type FindDevice = (link: string) => Device | undefined;

/** The legs of a snapshot, by number, bound to the devices that are found. */
export class RestoredLegs {
  readonly #legs = new Map<number, Leg>();

  constructor(snapshots: readonly LegSnapshot[], find: FindDevice) {
    for (const { id, side, user, device, info, alerting, stats, link } of snapshots) {
      const found = link === undefined ? undefined : find(link);
      const leg = new Leg(id, side, { user, id: device, info }, found);
      leg.alerting = alerting;
      leg.stats = stats;
      this.#legs.set(id, leg);
    }
  }

  get(id: number): Leg {
    const leg = this.#legs.get(id);
    if (leg === undefined) throw new Error(`a snapshot without its leg ${id}`);
    return leg;
  }

  maybe(id: number | undefined): Leg | undefined {
    return id === undefined ? undefined : this.get(id);
  }
}

export function replySnapshot({ device, id }: PendingReply): ReplySnapshot {
  const link = device?.link;
  return { link: link === undefined || link.state === "closed" ? undefined : link.id, id };
}

export function restoreReply({ link, id }: ReplySnapshot, find: FindDevice): PendingReply {
  return { device: link === undefined ? undefined : find(link), id };
}
