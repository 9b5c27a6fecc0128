import { after } from "../../net/clock.ts";
import type { GatheredPackets } from "../forward/ports.ts";
import { gatherTime } from "./busy-meter.ts";

/** Viewers that are given packets before those leave: few enough that they are still in the processor's cache then. */
const viewersAtOnce = 32;
/** How long viewers are given packets before whatever else waits gets its turn, in ms. */
const longestTurn = 4;

/**
 * Decides when packets that have come from publishers go on to viewers: what comes in one turn of the event loop goes on together, and while the
 * process is busy what comes in a few ms. A viewer's keys and counters are then fetched from memory once for all of a frame's packets, which
 * leave in fewer, longer messages. Where there are many viewers, other tasks run in between.
 */
export class Gatherer {
  readonly #busy: () => number;
  readonly #now: () => number;
  readonly #sent: () => void;
  /** Whose viewers are being given packets, and whose packets wait for the next time. */
  #round = new Set<GatheredPackets>();
  #waiting = new Set<GatheredPackets>();
  #scheduled = false;
  #stopTimer: (() => void) | undefined;

  /** `busy`: the share of its core that this process uses, from 0 to 1. `sent`: called when some viewers were given everything that waited. */
  constructor(busy: () => number, now: () => number, sent: () => void) {
    this.#busy = busy;
    this.#now = now;
    this.#sent = sent;
  }

  /** Takes packets that begin to wait. */
  add(packets: GatheredPackets): void {
    this.#waiting.add(packets);
    if (!this.#scheduled) this.#schedule();
  }

  /** Gives viewers what waits, now; those that it would take too long for come in the next turn of the event loop. */
  flush(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    if (this.#round.size === 0) [this.#round, this.#waiting] = [this.#waiting, this.#round];
    if (this.#round.size === 0) return;
    const end = this.#now() + longestTurn;
    for (const packets of this.#round) {
      while (!packets.flush(this.#now(), viewersAtOnce)) {
        // What has come since the first viewer's turn gathers for as long as anything else: otherwise it would leave alone.
        if (packets.waitingSince !== undefined) {
          this.#waiting.add(packets);
          break;
        }
        this.#sent();
        if (this.#now() < end) continue;
        this.#soon();
        return;
      }
      this.#round.delete(packets);
    }
    this.#scheduled = false;
    this.#sent();
    if (this.#waiting.size > 0) this.#schedule();
  }

  /** Lets what waits go on as soon as the first of it has waited for long enough. */
  #schedule(): void {
    this.#scheduled = true;
    const now = this.#now();
    let since = now;
    for (const { waitingSince = now } of this.#waiting) since = Math.min(since, waitingSince);
    const wait = since + gatherTime(this.#busy()) - now;
    if (wait > 0) this.#stopTimer = after(wait, () => this.flush());
    else this.#soon();
  }

  #soon(): void {
    setImmediate(() => this.flush());
  }
}
