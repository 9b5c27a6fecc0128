import type { Ports } from "./ports.ts";

/**
 * What a ticket says: which leg of which session its holder has, and where that session is looked for. It is sealed
 * with the cluster's key, so that a client can neither read nor make one; it counts only for the same user and device.
 */
export interface Ticket {
  readonly session: string;
  readonly leg: number;
  readonly user: string;
  readonly device: string;
  /** The node that owned the session, and the epoch of that ownership, when the ticket was made. */
  readonly owner: string;
  readonly epoch: number;
  /** The user at the other end: through her a new owner announces itself. */
  readonly peer: string;
  /** Unix ms. */
  readonly expires: number;
}

export function sealTicket(ports: Ports, ticket: Ticket): string {
  const { session, leg, user, device, owner, epoch, peer, expires } = ticket;
  return ports.seal(JSON.stringify([session, leg, user, device, owner, epoch, peer, expires]));
}

/** The ticket, when this cluster sealed it and it has not expired. */
export function openTicket(ports: Ports, sealed: string, now: number): Ticket | undefined {
  const text = ports.unseal(sealed);
  if (text === undefined) return undefined;
  const [session, leg, user, device, owner, epoch, peer, expires] = JSON.parse(text);
  if (typeof expires !== "number" || expires <= now) return undefined;
  return { session, leg, user, device, owner, epoch, peer, expires };
}
