import type { Grants } from "../signaling/grants.ts";
import type { Identity } from "../signaling/ports.ts";
import type { PushRegistration } from "./registration.ts";

const prefix = "wake.";
/** How long a device that a ticket has signed in may stay before it must show a token. ms */
const wokenLife = 3_600_000;

/** A wake ticket, unsealed. Times are Unix ms by the system's clock: a ticket may be opened by another process. */
interface Contents {
  readonly user: string;
  readonly device: string;
  readonly grants: Grants;
  readonly guest: boolean;
  readonly made: number;
  readonly until: number;
}

/**
 * What a push carries so that the woken device signs in at once, in place of a token: for this device alone, and until the ring ends.
 * `now`: Unix time in ms.
 */
export function wakeTicket(
  { user, device, grants, guest }: PushRegistration,
  now: number,
  life: number,
  seal: (text: string) => string,
): string {
  const contents: Contents = { user, device, grants, guest, made: now, until: now + life };
  return prefix + seal(JSON.stringify(contents));
}

export function isWakeTicket(token: string): boolean {
  return token.startsWith(prefix);
}

/** Who signs in with this ticket; undefined where nobody may. */
export function openWakeTicket(
  token: string,
  now: number,
  unseal: (sealed: string) => string | undefined,
): Identity | "expired" | undefined {
  const text = unseal(token.slice(prefix.length));
  if (text === undefined) return undefined;
  const { user, device, grants, guest, made, until } = JSON.parse(text) as Partial<Contents>;
  // Tickets of sessions are sealed with the same key, and are none of these.
  if (user === undefined || device === undefined || grants === undefined) return undefined;
  if (guest === undefined || made === undefined || until === undefined) return undefined;
  if (until <= now) return "expired";
  return { user, device, grants, guest, issuedAt: made, expires: now + wokenLife };
}
