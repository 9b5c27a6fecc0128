import type { Permission } from "./permission.ts";
import type { DatagramTarget } from "./udp-listener.ts";

/** Life of a channel binding, and how long after it neither number nor peer may be bound otherwise (RFC 8656 §12). ms */
export const channelLife = 600_000;
export const channelRest = 300_000;

/** A number bound to a peer's address and port. */
export interface Channel {
  readonly number: number;
  readonly port: number;
  readonly target: DatagramTarget;
  /** It relays only while this one is among the allocation's. */
  permission: Permission;
  expiresAt: number;
}
