import type { Limits } from "../../protocol/limits.ts";
import type { Deadlines } from "../../shared/deadlines.ts";
import type { Device } from "../device.ts";
import type { SessionRecord } from "../events.ts";
import type { Ports } from "../ports.ts";
import type { Leg } from "./leg.ts";
import type { RingTarget } from "./ring-plan.ts";
import type { Session } from "./session.ts";

/** What a session needs of who keeps it. */
export interface SessionHost {
  readonly limits: Limits;
  readonly ports: Ports;
  readonly deadlines: Deadlines;
  /** True when this device may see whether the user is there, and with which devices. */
  maySee(device: Device, user: string): boolean;
  /** How many sessions the device has part in. */
  load(device: Device): number;
  ticket(session: Session, leg: Leg, now: number): string;
  bound(device: Device, session: Session, leg: number): void;
  /** `goesOn`: at another node, which tells the device's own. */
  unbound(device: Device, session: Session, goesOn?: boolean): void;
  /** How many sessions the target's devices have; infinite where none is online. */
  busy(target: RingTarget): number;
  /** The ring goes on with others than these users. */
  turnedTo(session: Session, former: readonly string[], now: number): void;
  /** Somebody of the first party of a placed call has accepted: the other party rings, and not these users any more. */
  ringsNext(session: Session, former: readonly string[], now: number): void;
  activated(session: Session, now: number): void;
  ended(session: Session, record: SessionRecord): void;
}
