import type { DatagramTarget } from "./datagram-socket.ts";
import type { Relay } from "./relay.ts";

/** Life of a permission (RFC 8656 §9). ms */
export const permissionLife = 300_000;
/** Life of a channel binding, and how long after that its number and its peer must not be bound to others (RFC 8656 §12). ms */
export const channelLife = 600_000;
export const channelRest = 300_000;

/** One peer address that an allocation may talk to, on any port (RFC 8656 §9). */
export interface Permission {
  /** As the platform writes it. */
  readonly address: string;
  /** The relay of the address family. */
  readonly relay: Relay;
  /** The address is that of our own relays: reached inside the server. */
  readonly own: boolean;
  expiresAt: number;
  /** Channels of this address by the peer's port. */
  readonly channels: Map<number, Channel>;
}

/** A channel: a number bound to the address and port of a peer (RFC 8656 §12). */
export interface Channel {
  readonly number: number;
  readonly port: number;
  readonly target: DatagramTarget;
  /** The channel relays only while the allocation has this permission. */
  permission: Permission;
  expiresAt: number;
}
