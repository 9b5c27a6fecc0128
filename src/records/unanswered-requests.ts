import type { Device } from "../signaling/device.ts";

/** Requests of a device that are kept until their replies. Replies to further ones are not shown. */
const mostKept = 64;

/** What is kept of devices' requests, by device and request id, until they are answered. */
export class UnansweredRequests<Kept> {
  readonly #byDevice = new WeakMap<Device, Map<number, Kept>>();

  hold(device: Device, id: number, one: Kept): void {
    const kept = this.#byDevice.get(device);
    if (kept === undefined) this.#byDevice.set(device, new Map([[id, one]]));
    else if (kept.size < mostKept) kept.set(id, one);
  }

  has(device: Device, id: number): boolean {
    return this.#byDevice.get(device)?.has(id) === true;
  }

  /** Takes what is kept of the request, which is answered. */
  take(device: Device, id: number): Kept | undefined {
    const kept = this.#byDevice.get(device);
    const one = kept?.get(id);
    kept?.delete(id);
    if (kept?.size === 0) this.#byDevice.delete(device);
    return one;
  }
}
