import { keepNewest } from "../../shared/keep-newest.ts";
import type { Identity } from "../ports.ts";

/** Users and devices whose older tokens are refused; the bound of what is remembered. */
const maxKicks = 100_000;
/** How long a secret, which has no date, is refused. Its key or version can be changed meanwhile. ms */
const secretsRefusedFor = 3_600_000;

/** A kick as it goes over to another node: `alice` or `alice/phone`, and how long ago it was, ms. */
export type Kick = readonly [name: string, ago: number];

/** Who was kicked, and when: tokens that were issued before are void, whenever they expire. */
export class KickedUsers {
  readonly #kickedAt = new Map<string, number>();

  add(user: string, device: string | undefined, now: number): void {
    keepNewest(this.#kickedAt, device === undefined ? user : `${user}/${device}`, now, maxKicks);
  }

  /** True when the user, or that device, was kicked after this token was issued; or not long ago, where it was a secret. */
  has(identity: Identity, device: string | undefined, now: number): boolean {
    if (this.#kickedAt.size === 0) return false;
    const { user } = identity;
    const of = (name: string): number => this.#kickedAt.get(name) ?? Number.NEGATIVE_INFINITY;
    const kickedAt = Math.max(
      of(user),
      device === undefined ? Number.NEGATIVE_INFINITY : of(`${user}/${device}`),
    );
    return identity.undated === true ? now - kickedAt < secretsRefusedFor : identity.issuedAt < kickedAt;
  }

  /** All of them, for a node that may not have heard. */
  list(now: number): Kick[] {
    return [...this.#kickedAt].map(([name, at]) => [name, now - at]);
  }

  /** Takes over what another node remembers. */
  learn(kicks: readonly Kick[], now: number): void {
    for (const [name, ago] of kicks)
      if (now - ago > (this.#kickedAt.get(name) ?? Number.NEGATIVE_INFINITY))
        keepNewest(this.#kickedAt, name, now - ago, maxKicks);
  }
}
