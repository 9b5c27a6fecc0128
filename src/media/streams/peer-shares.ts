import type { MediaIdentity } from "../service.ts";

/** How many publishers and viewers there may be of one user, and of one address. */
export interface ShareLimits {
  readonly peersPerUser: number;
  readonly peersPerAddress: number;
}

/** Counts publishers and viewers by who they are and where they come from, so that nobody takes all places. */
export class PeerShares {
  readonly #limits: ShareLimits;
  readonly #counts = new Map<string, number>();

  constructor(limits: ShareLimits) {
    this.#limits = limits;
  }

  /** True where one more of this user or address would be too many. */
  full(identity: MediaIdentity): boolean {
    const { peersPerUser, peersPerAddress } = this.#limits;
    return keysOf(identity).some(
      (key) => (this.#counts.get(key) ?? 0) >= (key.startsWith("user ") ? peersPerUser : peersPerAddress),
    );
  }

  entered(identity: MediaIdentity): void {
    for (const key of keysOf(identity)) this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  /** Once for each {@link entered}. */
  left(identity: MediaIdentity): void {
    for (const key of keysOf(identity)) {
      const count = (this.#counts.get(key) ?? 0) - 1;
      if (count > 0) this.#counts.set(key, count);
      else this.#counts.delete(key);
    }
  }
}

function keysOf({ user, address }: MediaIdentity): string[] {
  return address === undefined ? [`user ${user}`] : [`user ${user}`, `address ${address}`];
}
