import type { Limits } from "../protocol/limits.ts";
import type { Deadlines } from "../shared/deadlines.ts";
import type { Device, LinkEnd } from "../signaling/device.ts";
import type { Directory } from "../signaling/directory.ts";
import type { KeyedCallElsewhere } from "../signaling/elsewhere.ts";
import type { Kick } from "../signaling/link/kicked-users.ts";
import type { Ports } from "../signaling/ports.ts";
import type { RoomRule } from "../signaling/room/room-policy.ts";
import type { RoomsOptions } from "../signaling/room/rooms.ts";
import type { KeySnapshot } from "../signaling/session/call-keys.ts";
import type { Backplane } from "./backplane.ts";
import type { LinkSource } from "./links/link-transfer.ts";
import type { LegInboxHost } from "./sessions/leg-inbox.ts";
import type { OwnerInboxHost } from "./sessions/owner-inbox.ts";
import type { SessionClaimsHost } from "./sessions/session-claims.ts";
import type { HandoverHost } from "./sessions/session-handover.ts";

/** What the cluster makes happen in the core of this node. */
export interface ClusterHost
  extends Pick<LinkSource, "freeze" | "give" | "thaw">,
    Pick<RoomsOptions, "connect" | "disconnect">,
    HandoverHost,
    SessionClaimsHost,
    LegInboxHost,
    OwnerInboxHost {
  /** A device of another node can be rung from now on. */
  arrived(device: Device, now: number): void;
  /** A device of another node is gone for good. */
  departed(device: Device, why: LinkEnd, now: number): void;
  /** What others may see of the user's devices at other nodes has changed. */
  remoteChanged(user: string, now: number): void;
  /** Ends the link of a local device whose newer run is elsewhere. */
  displace(device: Device, why: "stale" | "replaced", now: number): void;
  /** True when this node owns the session, and the leg of that number can be found again. */
  owns(session: string, leg: number): boolean;
  /** The call that this node has taken under the user's key. */
  keyed(user: string, key: string, now: number): KeyedCallElsewhere | undefined;
  /** Calls of a user, by key, that are over: their node leaves. */
  keysOver(user: string, keys: readonly KeySnapshot[], now: number): void;
  /** Another node was asked to end the links of the user, or of one device. */
  kicked(user: string, device: string | undefined, now: number): void;
  /** Who was kicked, for a node that may not have heard; and what another node tells of that. */
  kicks(now: number): readonly Kick[];
  learnKicks(kicks: readonly Kick[], now: number): void;
}

export interface ClusterOptions {
  readonly node: string;
  /** Random: this run of the node. */
  readonly boot: string;
  readonly limits: Limits;
  readonly ports: Ports;
  readonly backplane: Backplane;
  readonly deadlines: Deadlines;
  readonly directory: Directory;
  /** The rules of rooms. */
  readonly rooms: readonly RoomRule[];
  /** Not called before the cluster is made. */
  readonly host: ClusterHost;
}

/** Gauges, for metrics. */
export interface ClusterStats {
  /** Other nodes that are there. */
  readonly peers: number;
  /** Devices of other nodes that are known here, and users that are followed. */
  readonly devices: number;
  readonly users: number;
  /** Parts that devices here have in sessions of other nodes. */
  readonly sessions: number;
  /** What waits to reach other nodes. */
  readonly backlog: number;
  /** Messages and items since the start that had the wrong shape, and were dropped. */
  readonly malformed: number;
}
