import type { Device } from "../../signaling/device.ts";

/** Devices of other nodes with seats in rooms of this one: as long as they have any, their users must stay known. */
export class KeptDevices {
  /** Device → how many seats it has here. */
  readonly #seats = new Map<Device, number>();
  readonly #used: (user: string, used: boolean) => void;

  constructor(used: (user: string, used: boolean) => void) {
    this.#used = used;
  }

  keep(device: Device): void {
    this.#seats.set(device, (this.#seats.get(device) ?? 0) + 1);
    this.#used(device.user, true);
  }

  /** It has as many seats here, which were not all counted: it was one of this node until now. */
  atLeast(device: Device, seats: number): void {
    for (let n = this.#seats.get(device) ?? 0; n < seats; n++) this.keep(device);
  }

  letGo(device: Device): void {
    const seats = this.#seats.get(device);
    if (seats === undefined) return;
    if (seats === 1) this.#seats.delete(device);
    else this.#seats.set(device, seats - 1);
    this.#used(device.user, false);
  }
}
