import { channelHeaderBytes } from "../wire/stun/channel-data.ts";
import type { PeerPolicy } from "./peer-policy.ts";
import type { Relays } from "./relay.ts";
import type { TurnStats } from "./stats.ts";

/** What all allocations of a server share on the way of a packet. */
export class Traffic {
  readonly stats: TurnStats;
  readonly relays: Relays;
  readonly policy: PeerPolicy;
  /** Payload bytes per second of one allocation, and of the server. */
  readonly rate: number;
  readonly totalRate: number;
  /** What is left of the server's rate. */
  budget: number;
  /** Room for one message; taken and given back within a call. */
  readonly scratch = new Uint8Array(channelHeaderBytes + 0x10000);

  constructor(stats: TurnStats, relays: Relays, policy: PeerPolicy, rate: number, totalRate: number) {
    this.stats = stats;
    this.relays = relays;
    this.policy = policy;
    this.rate = rate;
    this.totalRate = totalRate;
    this.budget = totalRate;
  }

  /** A second has passed: what wasn't used carries over once. */
  refill(): void {
    this.budget = Math.min(this.budget + this.totalRate, 2 * this.totalRate);
  }
}
