import type { Backplane } from "../cluster/backplane.ts";
import type { Core } from "../signaling/core.ts";

/** What became of STUN and TURN. `failed`: the server's test of itself did not pass. */
export type TurnHealth =
  | { readonly state: "off" | "external" | "testing" }
  | { readonly state: "ok"; readonly ms: number }
  | { readonly state: "failed"; readonly failure: string };

export interface Readiness {
  /**
   * `ready`: send clients here. `degraded`: only calls within this node work, or TURN does not relay. `draining`: send
   * clients to other nodes.
   */
  readonly status: "ready" | "degraded" | "draining";
  /** `none`: this node is not one of a cluster. */
  readonly backplane: "up" | "down" | "none";
  readonly links: number;
  readonly sessions: number;
  readonly turn: TurnHealth;
}

export function readiness(
  core: Pick<Core, "draining" | "stats">,
  backplane: Pick<Backplane, "state"> | undefined,
  turn: TurnHealth,
): Readiness {
  const { linksLive, linksSuspended, sessionsActive, sessionsRinging } = core.stats();
  const whole = backplane?.state !== "down" && turn.state !== "failed";
  return {
    status: core.draining ? "draining" : whole ? "ready" : "degraded",
    backplane: backplane?.state ?? "none",
    links: linksLive + linksSuspended,
    sessions: sessionsActive + sessionsRinging,
    turn,
  };
}
