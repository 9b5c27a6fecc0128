import type { Channel } from "./channel.ts";
import type { Relay } from "./relay.ts";

/** How long CreatePermission, ChannelBind hold (RFC 8656 §9, §12). ms */
export const permissionLife = 300_000;

/** One peer address that an allocation may talk to, on any port (RFC 8656 §9). */
export interface Permission {
  /** As the platform writes it. */
  readonly address: string;
  /** The relay of the address' family. */
  readonly relay: Relay;
  /** It is an address of our own relays, reached inside the server. */
  readonly own: boolean;
  expiresAt: number;
  /** Channels of this address by the peer's port. */
  readonly channels: Map<number, Channel>;
}
