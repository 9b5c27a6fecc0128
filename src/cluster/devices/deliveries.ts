import type { Device } from "../../signaling/device.ts";
import type { Nodes } from "../nodes.ts";
import { RemoteLink } from "./remote-link.ts";

interface Open {
  count: number;
  readonly waiting: (() => void)[];
}

/**
 * Messages of devices of this node that are on their way to devices of others. A link leaves its node only when there are none
 * by it: what its device says from elsewhere would overtake them.
 */
export class Deliveries {
  readonly #nodes: Nodes;
  readonly #now: () => number;
  readonly #open = new Map<Device, Open>();

  constructor(nodes: Nodes, now: () => number) {
    this.#nodes = nodes;
    this.#now = now;
  }

  /** The device has said something that is under way until the answer is called. */
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

  /** Calls back when nothing that the device has said is under way. */
  whenNone(device: Device, done: () => void): void {
    const open = this.#open.get(device);
    if (open === undefined) done();
    else open.waiting.push(done);
  }

  /**
   * Calls back when everything that was said to these devices has arrived where their links are, or may not have at one of
   * them.
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
        // It has gone on meanwhile, and what was said to it is on its way there.
        if (arrived && (link.holds || link.node !== node)) this.#settle(link, done);
        else done(arrived);
      });
    });
  }
}
