import type { Backplane } from "../signaling/backplane.ts";
import type { Core } from "../signaling/core.ts";

/** `ready`: send clients here. `degraded`: local sessions only. `draining`: send them elsewhere. */
export interface Readiness {
  readonly status: "ready" | "degraded" | "draining";
  readonly backplane: "up" | "down";
  readonly links: number;
  readonly sessions: number;
}

export function readiness(
  core: Pick<Core, "draining" | "stats">,
  backplane: Pick<Backplane, "state">,
): Readiness {
  const { linksLive, linksSuspended, sessionsActive, sessionsRinging } = core.stats();
  return {
    status: core.draining ? "draining" : backplane.state === "up" ? "ready" : "degraded",
    backplane: backplane.state,
    links: linksLive + linksSuspended,
    sessions: sessionsActive + sessionsRinging,
  };
}
