import type { Device } from "../../signaling/device.ts";
import type { Nodes } from "../nodes.ts";
import { RemoteLink } from "./remote-link.ts";

interface Open {
  count: number;
  readonly waiting: (() => void)[];
}

/**
 * Messages of this node's devices that are on their way to devices of other nodes. A link leaves its node only when its
 * device has none under way: what the device says from its next node would overtake them.
 */
export class Deliveries {
  readonly #nodes: Nodes;
  readonly #now: () => number;
  readonly #open = new Map<Device, Open>();

  constructor(nodes: Nodes, now: () => number) {
    this.#nodes = nodes;
    this.#now = now;
  }

  /** The device has sent a message, which is under way until the returned function is called. */
  begin(device: Device): () => void {
    const open = this.#open.get(device) ?? { count: 0, waiting: [] };
    open.count += 1;
    this.#open.set(device, open);
    return () => {
      open.count -= 1;
      if (open.count > 0) return;
      this.#open.delete(device);
      for (const done of open.waiting) done();
    };
  }

  /** Calls back when no message of the device is under way. */
  whenNone(device: Device, done: () => void): void {
    const open = this.#open.get(device);
    if (open === undefined) done();
    else open.waiting.push(done);
  }

  /**
   * Calls back when everything that was said to these devices has arrived where their links are, or with false when it
   * may not have arrived at one of them.
   */
  arrived(devices: readonly Device[], done: (arrived: boolean, now: number) => void): void {
    let left = 1;
    let all = true;
    const one = (arrived: boolean): void => {
      left -= 1;
      all &&= arrived;
      if (left === 0) done(all, this.#now());
    };
    for (const { link } of devices) {
      if (!(link instanceof RemoteLink)) continue;
      left += 1;
      this.#settle(link, one);
    }
    one(true);
  }

  #settle(link: RemoteLink, done: (arrived: boolean) => void): void {
    link.whenReleased(() => {
      if (link.state === "closed") {
        done(true);
        return;
      }
      const { node } = link;
      this.#nodes.flushed(node, (arrived) => {
        // The link has moved meanwhile, and what was said to it is on its way after it.
        if (arrived && (link.holds || link.node !== node)) this.#settle(link, done);
        else done(arrived);
      });
    });
  }
}
