import type { Deadline } from "../../shared/deadlines.ts";

/** Time, as the pure parts are given it. */
export interface Clock {
  /** Calls `due` once, this many ms after `now`. */
  after(ms: number, now: number, due: (now: number) => void): Deadline;
}
