/** The share of the quotas that an allocation or reservation holds. */
export interface Lease {
  /** Gives the share back. A second call does nothing. */
  release(): void;
}

export type QuotaRule = "quota_user" | "quota_address" | "quota_guests" | "quota_total";

export interface QuotaLimits {
  readonly allocationsPerUser: number;
  readonly allocationsPerAddress: number;
  readonly allocations: number;
  readonly allocationsPerGuest: number;
  readonly guestAllocations: number;
}

/** Counts allocations per user, per source address, of guests and in all. Users without an allocation take no memory. */
export class Quotas {
  readonly #limits: QuotaLimits;
  readonly #users = new Map<string, number>();
  readonly #addresses = new Map<string, number>();
  #guests = 0;
  #total = 0;

  constructor(limits: QuotaLimits) {
    this.#limits = limits;
  }

  get total(): number {
    return this.#total;
  }

  /** Users and addresses that are kept. */
  get size(): number {
    return this.#users.size + this.#addresses.size;
  }

  /** Takes a lease. Answers the limit that was reached instead, if there is one. */
  take(
    { user, guest }: { readonly user: string; readonly guest: boolean },
    address: string,
  ): Lease | QuotaRule {
    const limits = this.#limits;
    if (this.#total >= limits.allocations) return "quota_total";
    const perUser = guest
      ? Math.min(limits.allocationsPerGuest, limits.allocationsPerUser)
      : limits.allocationsPerUser;
    if ((this.#users.get(user) ?? 0) >= perUser) return "quota_user";
    if (guest && this.#guests >= limits.guestAllocations) return "quota_guests";
    if ((this.#addresses.get(address) ?? 0) >= limits.allocationsPerAddress) return "quota_address";
    this.#total++;
    if (guest) this.#guests++;
    change(this.#users, user, 1);
    change(this.#addresses, address, 1);
    let held = true;
    return {
      release: () => {
        if (!held) return;
        held = false;
        this.#total--;
        if (guest) this.#guests--;
        change(this.#users, user, -1);
        change(this.#addresses, address, -1);
      },
    };
  }
}

function change(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
