/** The share of the quotas that an allocation or reservation holds. */
export interface Lease {
  /** Gives the share back. A second call does nothing. */
  release(): void;
}

export type QuotaRule =
  | "quota_device"
  | "quota_user"
  | "quota_address"
  | "quota_guests"
  | "quota_guest_address"
  | "quota_total";

export interface QuotaLimits {
  readonly allocationsPerDevice: number;
  readonly allocationsPerUser: number;
  readonly allocationsPerAddress: number;
  readonly allocations: number;
  readonly allocationsPerGuest: number;
  readonly guestAllocationsPerAddress: number;
  readonly guestAllocations: number;
}

/** Whom an allocation is for. */
export interface QuotaHolder {
  /** The whole name: `alice/web`, or a static user's. */
  readonly user: string;
  /** The user whose device that is. */
  readonly owner: string;
  readonly guest: boolean;
}

/**
 * Counts allocations per device, per user, per source address, of guests and in all. A user may sign in as any number of devices, and
 * anybody may be a guest: each has a share that doesn't grow with the names it takes. What has no allocation takes no memory.
 */
export class Quotas {
  readonly #limits: QuotaLimits;
  readonly #devices = new Counts();
  readonly #users = new Counts();
  readonly #addresses = new Counts();
  readonly #guestAddresses = new Counts();
  #guests = 0;
  #total = 0;

  constructor(limits: QuotaLimits) {
    this.#limits = limits;
  }

  get total(): number {
    return this.#total;
  }

  /** Devices, users and addresses that are kept. */
  get size(): number {
    return this.#devices.size + this.#users.size + this.#addresses.size + this.#guestAddresses.size;
  }

  /** Takes a lease. Answers the limit that was reached instead, if there is one. */
  take({ user, owner, guest }: QuotaHolder, address: string): Lease | QuotaRule {
    const limits = this.#limits;
    if (this.#total >= limits.allocations) return "quota_total";
    const perUser = guest
      ? Math.min(limits.allocationsPerGuest, limits.allocationsPerUser)
      : limits.allocationsPerUser;
    if (this.#users.of(owner) >= perUser) return "quota_user";
    if (this.#devices.of(user) >= limits.allocationsPerDevice) return "quota_device";
    if (guest && this.#guests >= limits.guestAllocations) return "quota_guests";
    if (guest && this.#guestAddresses.of(address) >= limits.guestAllocationsPerAddress)
      return "quota_guest_address";
    if (this.#addresses.of(address) >= limits.allocationsPerAddress) return "quota_address";
    const change = (by: 1 | -1): void => {
      this.#total += by;
      this.#devices.change(user, by);
      this.#users.change(owner, by);
      this.#addresses.change(address, by);
      if (!guest) return;
      this.#guests += by;
      this.#guestAddresses.change(address, by);
    };
    change(1);
    let held = true;
    return {
      release: () => {
        if (held) change(-1);
        held = false;
      },
    };
  }
}

/** A number for each name; 0 is not kept. */
class Counts {
  readonly #byName = new Map<string, number>();

  get size(): number {
    return this.#byName.size;
  }

  of(name: string): number {
    return this.#byName.get(name) ?? 0;
  }

  change(name: string, by: number): void {
    const count = this.of(name) + by;
    if (count === 0) this.#byName.delete(name);
    else this.#byName.set(name, count);
  }
}
