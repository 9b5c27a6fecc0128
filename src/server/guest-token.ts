import { random } from "../net/crypto.ts";
import type { Identity } from "../signaling/ports.ts";

const prefix = "guest.";

/** A guest's token, unsealed. Times are Unix ms by the system's clock: any process of the cluster may open it. */
interface Contents {
  readonly guest: string;
  /** The id of the publishable key. */
  readonly key: string;
  readonly target: string;
  readonly made: number;
  readonly until: number;
}

/** A token for a guest of that key, under a name that nobody else has: it may call that target, and do nothing else. */
export function guestToken(
  { id: key, target, lifetime }: { readonly id: string; readonly target: string; readonly lifetime: number },
  now: number,
  seal: (text: string) => string,
): { readonly token: string; readonly user: string; readonly expires: number } {
  const guest = `${guestsOf(key)}${random(12)}`;
  const until = now + lifetime * 1_000;
  const contents: Contents = { guest, key, target, made: now, until };
  return { token: prefix + seal(JSON.stringify(contents)), user: guest, expires: until };
}

/** What the names of the guests of a publishable key begin with. `key`: its id. */
export function guestsOf(key: string): string {
  return `guest-${key}-`;
}

export function isGuestToken(token: string): boolean {
  return token.startsWith(prefix);
}

/** Who signs in with this token, and the id of its key; undefined where nobody may. */
export function openGuestToken(
  token: string,
  now: number,
  unseal: (sealed: string) => string | undefined,
): { readonly identity: Identity; readonly key: string } | "expired" | undefined {
  const text = unseal(token.slice(prefix.length));
  if (text === undefined) return undefined;
  const { guest, key, target, made, until } = JSON.parse(text) as Partial<Contents>;
  // Tickets are sealed with the same key, and are none of these.
  if (guest === undefined || key === undefined || target === undefined) return undefined;
  if (made === undefined || until === undefined) return undefined;
  if (until <= now) return "expired";
  const identity = { user: guest, guest: true, grants: { call: [target] }, issuedAt: made, expires: until };
  return { identity, key };
}
