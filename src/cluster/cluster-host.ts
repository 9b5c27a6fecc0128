import type { Request } from "../protocol/requests.ts";
import type { Device, Outcome } from "../signaling/device.ts";
import type { LinkEnd } from "../signaling/link/links.ts";
import type { KeySnapshot } from "../signaling/session/call-keys.ts";
import type { LocalDevice } from "./devices/device-notice.ts";
import type { LinkSource } from "./links/link-transfer.ts";
import type { KeyedCallElsewhere } from "./sessions/session-finder.ts";
import type { HandoverHost } from "./sessions/session-handover.ts";

/** What the cluster makes happen in the core of this node. */
export interface ClusterHost extends Pick<LinkSource, "freeze" | "give" | "thaw">, HandoverHost {
  /** A device of this node, by its link. */
  localByLink(link: string): Device | undefined;
  local(user: string): readonly LocalDevice[];
  /** Performs what a device of another node asks. */
  perform(device: Device, request: Request, now: number): Outcome | undefined;
  /** A device of another node can be rung from now on. */
  arrived(device: Device, now: number): void;
  /** The link of a device of another node was lost for now, or is back. */
  remoteLink(device: Device, state: "live" | "suspended", now: number): void;
  /** A device of another node is gone for good. */
  departed(device: Device, why: LinkEnd, now: number): void;
  /** What others may see of the user's devices at other nodes has changed. */
  remoteChanged(user: string, now: number): void;
  /** Ends the link of a local device whose newer run is elsewhere. */
  displace(device: Device, why: "stale" | "replaced", now: number): void;
  /** A session of another node rings a device of this one. */
  rung(device: Device, caller: Device, session: string, now: number): void;
  /** True when this node owns the session, and the leg of that number can be found again. */
  owns(session: string, leg: number): boolean;
  /** The number of the device's leg in a session of this node. */
  legNumber(session: string, device: Device): number | undefined;
  /** The call that this node has taken under the user's key. */
  keyed(user: string, key: string, now: number): KeyedCallElsewhere | undefined;
  /** Calls of a user, by key, that are over: their node leaves. */
  keysOver(user: string, keys: readonly KeySnapshot[], now: number): void;
  /** The epoch of a session that this node owns. */
  epochOf(session: string): number | undefined;
  /** A device comes back to its part in a session of this node. `rings`: it rings for it already. False: it has none. */
  rejoin(device: Device, session: string, now: number, rings?: boolean): boolean;
  /** Another node owns the session in a newer epoch: the copy of this one counts no more. Answers the devices that had part in it. */
  surrender(session: string, epoch: number, owner: string, now: number): Device[];
  /** True when a session of this node in which the user had part has ended not long ago. */
  isOver(session: string, user: string): boolean;
  /** How many sessions the device has part in, here and elsewhere. */
  load(device: Device): number;
  kicked(user: string, device: string | undefined, now: number): void;
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
}
