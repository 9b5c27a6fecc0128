import type { Limits } from "../protocol/limits.ts";
import type { RoomPolicy } from "../protocol/values.ts";
import type { Backplane } from "./backplane.ts";
import type { Ports, Remote, Transport } from "./ports.ts";

/** The rules of rooms whose name matches; the first match counts. */
export interface RoomRule extends RoomPolicy {
  /** An address pattern, such as `room:visit-*`. */
  readonly match: string;
}

export interface CoreOptions {
  /** This node's name, unique in the cluster. */
  readonly node: string;
  readonly limits: Limits;
  readonly ports: Ports;
  readonly backplane: Backplane;
  readonly rooms: readonly RoomRule[];
}

/** What one transport says to the core. */
export interface Connection {
  /** One text frame. */
  receive(text: string, now: number): void;
  /** One binary frame: no client may send one. */
  receiveBinary(now: number): void;
  /** The transport is gone; 1000 is the client's own close. */
  closed(code: number, now: number): void;
}

/** Gauges, for metrics. */
export interface CoreStats {
  readonly linksLive: number;
  readonly linksSuspended: number;
  readonly devices: number;
  readonly users: number;
  readonly sessionsRinging: number;
  readonly sessionsActive: number;
  readonly rooms: number;
  readonly transportsOpen: number;
  readonly logBytes: number;
}

/** The signaling core of one node. Pure: it owns no socket, and time comes in with each call (Unix ms). */
export declare class Core {
  constructor(options: CoreOptions);
  open(transport: Transport, remote: Remote, now: number): Connection;
  /** Does what is due. Call it whenever {@link nextDeadline} has come, or at least twice a second. */
  tick(now: number): void;
  get nextDeadline(): number | undefined;
  /** No new links; every device is told to resume elsewhere, each after its own jitter. */
  drain(now: number, within: number): void;
  /** True when no link is left. */
  get empty(): boolean;
  /** Ends the links of a user, or of one device, and refuses tokens issued before now. */
  kick(user: string, device: string | undefined, now: number): number;
  stats(): CoreStats;
}
