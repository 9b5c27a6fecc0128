import type { CoreStats } from "../signaling/core.ts";

export interface ReadinessSource {
  /** False once it drains. */
  accepting(): boolean;
  backplane(): "up" | "down";
  stats(): CoreStats;
}

/** `ready`: send clients here. `degraded`: local sessions only. `draining`: send them elsewhere. */
export interface Readiness {
  readonly status: "ready" | "degraded" | "draining";
  readonly backplane: "up" | "down";
  readonly links: number;
  readonly sessions: number;
}

export function readiness(source: ReadinessSource): Readiness {
  const backplane = source.backplane();
  const { linksLive, linksSuspended, sessionsActive, sessionsRinging } = source.stats();
  return {
    status: source.accepting() ? (backplane === "up" ? "ready" : "degraded") : "draining",
    backplane,
    links: linksLive + linksSuspended,
    sessions: sessionsActive + sessionsRinging,
  };
}
