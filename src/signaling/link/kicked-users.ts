import type { Identity } from "../ports.ts";

/** Users and devices whose older tokens are refused; the bound of what is remembered. */
export const maxKicks = 100_000;
/** How long a kick is remembered: no sensible token lives longer. ms */
export const kickLife = 365 * 86_400_000;
/** Two times of one user that differ by less are of one kick. ms */
const sameWithin = 2_000;
/** How long a secret, which has no date, is refused. Its key or version can be changed meanwhile. ms */
const secretsRefusedFor = 3_600_000;

/** A kick as it goes over to another node: `alice` or `alice/phone`, and how long ago it was, ms. */
export type Kick = readonly [name: string, ago: number];

/** The name of a user, or of one device. */
export function kickName(user: string, device: string | undefined): string {
  return device === undefined ? user : `${user}/${device}`;
}

/** Who was kicked, and when: tokens that were issued before are void, whenever they expire. */
export class KickedUsers {
  readonly #kickedAt = new Map<string, number>();

  add(name: string, now: number): void {
    this.#kickedAt.set(name, now);
    this.#bound(now);
  }

  /** True when the user, or that device, was kicked after this token was issued; or not long ago, where it was a secret. */
  has(identity: Identity, device: string | undefined, now: number): boolean {
    if (this.#kickedAt.size === 0) return false;
    const { user } = identity;
    const of = (name: string): number => this.#kickedAt.get(name) ?? Number.NEGATIVE_INFINITY;
    const kickedAt = Math.max(
      of(user),
      device === undefined ? Number.NEGATIVE_INFINITY : of(kickName(user, device)),
    );
    return identity.undated === true ? now - kickedAt < secretsRefusedFor : identity.issuedAt < kickedAt;
  }

  /** All of them, for a node that may not have heard. */
  list(now: number): Kick[] {
    return [...this.#kickedAt].map(([name, at]) => [name, now - at]);
  }

  /** Takes over what another node, or an earlier run of this one, remembers. Answers what is news. */
  learn(kicks: readonly Kick[], now: number): Kick[] {
    // The same kick comes with a time that is later by its way from node to node.
    const before = (name: string): number =>
      (this.#kickedAt.get(name) ?? Number.NEGATIVE_INFINITY) + sameWithin;
    const news = kicks.filter(([name, ago]) => ago < kickLife && now - ago > before(name));
    for (const [name, ago] of news) this.#kickedAt.set(name, now - ago);
    this.#bound(now);
    return news;
  }

  /** Forgets what is too old, and of more than may be the oldest ones: some at once, so that it seldom has to. */
  #bound(now: number): void {
    if (this.#kickedAt.size <= maxKicks) return;
    const all = [...this.#kickedAt].sort(([, one], [, other]) => other - one);
    for (const [index, [name, at]] of all.entries())
      if (index >= maxKicks * 0.9 || now - at >= kickLife) this.#kickedAt.delete(name);
  }
}
