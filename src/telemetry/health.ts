import type { Core } from "../signaling/core.ts";

/** What a part of the server shows of itself in `/health/ready`. */
export interface HealthPart {
  /** The field that it is shown by. */
  readonly name: string;
  /** What stands in that field. */
  readonly state: unknown;
  /** False: the server is `degraded`. */
  readonly ok: boolean;
}

/**
 * `ready`: send clients here. `degraded`: a part does not work, such as the backplane (sessions of this node only) or TURN.
 * `draining`: send them elsewhere.
 */
export interface Readiness {
  /**
   * `ready`: send clients here. `degraded`: only calls within this node work, or TURN does not relay. `draining`: send
   * clients to other nodes.
   */
  readonly status: "ready" | "degraded" | "draining";
  readonly links?: number;
  readonly sessions?: number;
  /** What the parts show. */
  readonly [part: string]: unknown;
}

/** `counts`: tells links and sessions too. Not to strangers, who could see from them when somebody comes or calls. */
export function readiness(
  core: Pick<Core, "draining" | "stats">,
  parts: readonly HealthPart[],
  counts: boolean,
): Readiness {
  const { linksLive, linksSuspended, sessionsActive, sessionsRinging } = core.stats();
  const whole = parts.every(({ ok }) => ok);
  return {
    status: core.draining ? "draining" : whole ? "ready" : "degraded",
    ...(counts && {
      links: linksLive + linksSuspended,
      sessions: sessionsActive + sessionsRinging,
    }),
    ...Object.fromEntries(parts.map(({ name, state }) => [name, state])),
  };
}
