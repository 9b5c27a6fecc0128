import type { Family } from "../wire/stun/transport-address.ts";
import type { Lease } from "./quotas.ts";
import type { RelaySocket } from "./relay.ts";

/** How long a reserved port waits for its allocation (RFC 8656 §7.2). ms */
const reservationLife = 30_000;

interface Reservation {
  readonly family: Family;
  readonly socket: RelaySocket;
  readonly user: string;
  readonly lease: Lease;
  readonly expiresAt: number;
}

/** Ports reserved by EVEN-PORT. Each counts in the quotas like the allocation that it is reserved for. */
export class Reservations {
  readonly #byToken = new Map<string, Reservation>();

  get size(): number {
    return this.#byToken.size;
  }

  add(token: Uint8Array, family: Family, socket: RelaySocket, user: string, lease: Lease, now: number): void {
    this.#byToken.set(token.join(), { family, socket, user, lease, expiresAt: now + reservationLife });
  }

  /** Removes the reservation of this token and user. The caller then owns its socket and its lease. */
  claim(token: Uint8Array, user: string): Reservation | undefined {
    const name = token.join();
    const reservation = this.#byToken.get(name);
    if (reservation?.user !== user) return undefined;
    this.#byToken.delete(name);
    return reservation;
  }

  /** Frees reservations that have expired. */
  sweep(now: number): void {
    for (const [token, { socket, lease, expiresAt }] of this.#byToken)
      if (expiresAt <= now) {
        this.#byToken.delete(token);
        socket.close();
        lease.release();
      }
  }
}
