import { channelHeaderBytes } from "../wire/stun/channel-data.ts";
import type { TurnLimits } from "./limits.ts";
import type { PeerPolicy } from "./peer-policy.ts";
import type { Relays } from "./relay.ts";
import type { TurnStats } from "./stats.ts";

type TrafficLimits = Pick<TurnLimits, "bytesPerSecond" | "guestBytesPerSecond" | "totalBytesPerSecond">;

/** What all allocations of a server share when they relay packets. */
export class Traffic {
  readonly stats: TurnStats;
  readonly relays: Relays;
  readonly policy: PeerPolicy;
  /** Payload bytes per second: of one allocation, of a guest's allocation, and of the server. */
  readonly rate: number;
  readonly guestRate: number;
  readonly totalRate: number;
  /** What is left of the server's rate. */
  budget: number;
  /** Room for one message, used only within a call. */
  readonly scratch = new Uint8Array(channelHeaderBytes + 0x10000);

  constructor(stats: TurnStats, relays: Relays, policy: PeerPolicy, limits: TrafficLimits) {
    this.stats = stats;
    this.relays = relays;
    this.policy = policy;
    this.rate = limits.bytesPerSecond;
    this.guestRate = Math.min(limits.guestBytesPerSecond, limits.bytesPerSecond);
    this.totalRate = limits.totalBytesPerSecond;
    this.budget = this.totalRate;
  }

  /** Once a second: refills the budget. What was left of it carries over once. */
  refill(): void {
    this.budget = Math.min(this.budget + this.totalRate, 2 * this.totalRate);
  }
}
