import type { PushRegistration } from "./registration.ts";

export interface RegistrationLimits {
  /** Devices of one user. A registration more takes the place of the oldest. */
  readonly perUser: number;
  readonly all: number;
  /** How long a registration lives unless it is renewed, ms. */
  readonly life: number;
}

/** A change, for a file that keeps them. */
export type RegistrationLine =
  | { readonly put: PushRegistration }
  | { readonly removed: { readonly user: string; readonly device: string } };

/** Which devices can be woken, and how. One for each device; bounded. */
export class PushRegistrations {
  readonly #limits: RegistrationLimits;
  readonly #changed: (line: RegistrationLine) => void;
  readonly #users = new Map<string, Map<string, PushRegistration>>();
  #size = 0;

  /** `changed` is told of each change, before the call that makes it returns. */
  constructor(limits: RegistrationLimits, changed: (line: RegistrationLine) => void) {
    this.#limits = limits;
    this.#changed = changed;
  }

  get size(): number {
    return this.#size;
  }

  /** Registers a device; what it had registered is replaced. False: there are too many. */
  put(registration: PushRegistration): boolean {
    if (!this.#add(registration)) return false;
    this.#changed({ put: registration });
    return true;
  }

  /** False where there was none. */
  remove(user: string, device: string): boolean {
    if (!this.#drop(user, device)) return false;
    this.#changed({ removed: { user, device } });
    return true;
  }

  /** Removes those of a user. Answers how many there were. */
  removeUser(user: string): number {
    const devices = [...(this.#users.get(user)?.keys() ?? [])];
    for (const device of devices) this.remove(user, device);
    return devices.length;
  }

  /** `now`: Unix time in ms. */
  of(user: string, now: number): PushRegistration[] {
    const registrations = [...(this.#users.get(user)?.values() ?? [])];
    return registrations.filter(({ at }) => now - at <= this.#limits.life);
  }

  get(user: string, device: string, now: number): PushRegistration | undefined {
    return this.of(user, now).find((one) => one.device === device);
  }

  /** What these lines, in their order, leave: registrations that have not expired. */
  restore(lines: readonly RegistrationLine[], now: number): void {
    for (const line of lines)
      if ("removed" in line) this.#drop(line.removed.user, line.removed.device);
      else if (now - line.put.at <= this.#limits.life) this.#add(line.put);
  }

  *all(now: number): Generator<PushRegistration> {
    for (const user of this.#users.keys()) yield* this.of(user, now);
  }

  #add(registration: PushRegistration): boolean {
    const { user, device } = registration;
    const devices = this.#users.get(user) ?? new Map<string, PushRegistration>();
    const known = devices.delete(device);
    if (!known && this.#size >= this.#limits.all) return false;
    if (!known && devices.size >= this.#limits.perUser) {
      const [oldest] = devices.keys();
      if (oldest !== undefined) this.remove(user, oldest);
    }
    if (!known) this.#size += 1;
    devices.set(device, registration);
    this.#users.set(user, devices);
    return true;
  }

  #drop(user: string, device: string): boolean {
    const devices = this.#users.get(user);
    if (devices?.delete(device) !== true) return false;
    if (devices.size === 0) this.#users.delete(user);
    this.#size -= 1;
    return true;
  }
}
