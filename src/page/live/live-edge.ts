/** A player keeps so much behind the target beside it, and catches up from the second to the first. s */
const [slackOfTarget, catchUpAt, catchUpTo] = [0.2, 0.15, 0.05];
/** Each stall adds this to what the player keeps behind, up to the second; calm time takes it away again. s */
const [stallSlack, mostSlack] = [0.25, 3];
/** How long it takes without a stall until one of them is forgotten, ms. */
const calm = 20_000;
/** A player that catches up needs so much that it hasn't shown yet, s. */
const leastAhead = 0.3;
/** Who is further behind looks at what was. s */
const farthest = 6;
/** How much faster than life. */
const fast = 1.2;

/**
 * How fast a live picture plays, so that it stays near the live edge: a player that stalled, or began late, catches up. It keeps more distance
 * where the network makes it stall.
 */
export class LiveEdge {
  #slack = slackOfTarget;
  #changedAt: number;
  #catching = false;

  constructor(now: number) {
    this.#changedAt = now;
  }

  /** The player ran out of what to show. */
  stalled(now: number): void {
    this.#slack = Math.min(mostSlack, this.#slack + stallSlack);
    this.#changedAt = now;
  }

  /** `behind`: the live edge, `target`: what the server asks to keep, `ahead`: what is loaded and not shown; in s. */
  rate(behind: number, target: number, ahead: number, now: number): number {
    if (now - this.#changedAt >= calm && this.#slack > slackOfTarget) {
      this.#slack = Math.max(slackOfTarget, this.#slack - stallSlack);
      this.#changedAt = now;
    }
    const late = behind - target - this.#slack;
    this.#catching = late > (this.#catching ? catchUpTo : catchUpAt) && late < farthest;
    return this.#catching && ahead > leastAhead ? fast : 1;
  }
}
