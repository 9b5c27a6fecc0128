import type { Device } from "./device.ts";

const none: readonly Device[] = [];

/** The devices of this node, by user. One entry per (user, device id). */
export class Directory {
  readonly #users = new Map<string, Device[]>();
  #devices = 0;

  get userCount(): number {
    return this.#users.size;
  }

  get deviceCount(): number {
    return this.#devices;
  }

  devices(user: string): readonly Device[] {
    return this.#users.get(user) ?? none;
  }

  device(user: string, id: string): Device | undefined {
    return this.#users.get(user)?.find((device) => device.id === id);
  }

  /** Every device, of this node and those of others that it follows. */
  *all(): Iterable<Device> {
    for (const devices of this.#users.values()) yield* devices;
  }

  add(device: Device): void {
    const devices = this.#users.get(device.user);
    if (devices === undefined) this.#users.set(device.user, [device]);
    else devices.push(device);
    this.#devices += 1;
  }

  remove(device: Device): void {
    const devices = this.#users.get(device.user);
    const index = devices?.indexOf(device) ?? -1;
    if (devices === undefined || index < 0) return;
    this.#devices -= 1;
    if (devices.length === 1) this.#users.delete(device.user);
    else devices.splice(index, 1);
  }
}
