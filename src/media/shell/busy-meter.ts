/** From this share of a core on packets are gathered, and from that share on for the longest time. */
const [gatherFrom, longestAt] = [0.2, 0.4];
/** ms: the pace of sound. Shorter, a message holds hardly more packets than without: frames are 33 ms apart, and a packet of sound between two frames leaves alone. */
const longestGather = 20;

/** How long to gather packets before they are sent, in ms: not at all while there is time, and up to 20 ms while the process is busy. */
export function gatherTime(busy: number): number {
  const share = (busy - gatherFrom) / (longestAt - gatherFrom);
  return Math.round(longestGather * Math.min(1, Math.max(0, share)));
}

/** How long one reading counts, in ms. */
const interval = 100;

/** The share of a core that this process uses: of the last tenth of a second or more, half of what it was before counted in. */
export class BusyMeter {
  readonly #now: () => number;
  readonly #cpu: () => number;
  #at: number;
  #used: number;
  #share = 0;

  /** `now`: ms; `cpu`: µs of CPU time that were used so far. */
  constructor(now: () => number, cpu: () => number) {
    this.#now = now;
    this.#cpu = cpu;
    this.#at = now();
    this.#used = cpu();
  }

  /** From 0 to 1, or more where several threads are busy. */
  read(): number {
    const now = this.#now();
    const passed = now - this.#at;
    if (passed < interval) return this.#share;
    const used = this.#cpu();
    this.#share = (this.#share + (used - this.#used) / 1_000 / passed) / 2;
    this.#at = now;
    this.#used = used;
    return this.#share;
  }
}
