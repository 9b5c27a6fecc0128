import { after } from "../../net/clock.ts";
import type { GatheredPackets } from "../forward/ports.ts";
import { gatherTime } from "./busy-meter.ts";

/** A packet that is longer belongs to video. */
const longestAudio = 400;

/**
 * Decides when packets that have come from publishers go on to viewers: what comes in one turn of the event loop goes on together, and while the
 * process is busy what comes in a few ms. A viewer's keys and counters are then fetched from memory once for all of a frame's packets, which
 * leave in fewer, longer messages. Sound alone never waits.
 */
export class Gatherer {
  readonly #busy: () => number;
  readonly #now: () => number;
  readonly #sent: () => void;
  #waiting: GatheredPackets[] = [];
  #scheduled = false;
  #stopTimer: (() => void) | undefined;

  /** `busy`: the share of its core that this process uses, from 0 to 1. `sent`: called when everything that waited was given to its viewers. */
  constructor(busy: () => number, now: () => number, sent: () => void) {
    this.#busy = busy;
    this.#now = now;
    this.#sent = sent;
  }

  /** Takes packets that begin to wait. `bytes`: the payload of the first. */
  add(packets: GatheredPackets, bytes: number): void {
    this.#waiting.push(packets);
    if (this.#scheduled) return;
    this.#scheduled = true;
    const wait = bytes > longestAudio ? gatherTime(this.#busy()) : 0;
    if (wait > 0) this.#stopTimer = after(wait, () => this.flush());
    else setImmediate(() => this.flush());
  }

  /** Gives viewers everything that waits, now. */
  flush(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    this.#scheduled = false;
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    const now = this.#now();
    for (const packets of waiting) packets.flush(now);
    this.#sent();
  }
}
