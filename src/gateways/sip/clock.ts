import type { Deadline } from "../../shared/deadlines.ts";

/** Timers, for the pure parts. */
export interface Clock {
  /** Calls `due` once, this many ms after `now`. */
  after(ms: number, now: number, due: (now: number) => void): Deadline;
}
