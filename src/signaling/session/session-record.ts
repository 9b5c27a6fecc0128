import type { WireReason } from "../../protocol/end-reasons.ts";
import type { SessionRecord } from "../events.ts";
import type { Leg } from "./leg.ts";
import { placedCaller } from "./placement.ts";
import type { Session } from "./session.ts";

/** When a session came how far. Unix ms. */
export interface SessionTimes {
  readonly started: number;
  accepted?: number;
  connected?: number;
}

/** What is left of a session at its end. */
export function sessionRecord(
  session: Session,
  times: SessionTimes,
  end: { readonly reason: WireReason; readonly by: Leg | undefined; readonly at: number },
): SessionRecord {
  const { caller, answered: callee, pairs, room, placement } = session;
  const lastStats: { caller?: NonNullable<Leg["stats"]>; callee?: NonNullable<Leg["stats"]> } = {};
  if (caller.stats !== undefined) lastStats.caller = caller.stats;
  if (callee?.stats !== undefined) lastStats.callee = callee.stats;
  return {
    session: session.id,
    kind: session.kind,
    caller: placement === undefined ? caller.identity : placedCaller(placement, caller),
    callee: callee?.identity ?? { user: placement?.user ?? session.callRequest.user },
    ...(room === undefined ? {} : { room }),
    startedAt: times.started,
    ...(times.accepted === undefined ? {} : { acceptedAt: times.accepted }),
    ...(times.connected === undefined ? {} : { connectedAt: times.connected }),
    endedAt: end.at,
    reason: end.reason,
    ...(end.by === undefined ? {} : { by: end.by.identity }),
    rung: session.ring.rung,
    pairs: pairs.count,
    generations: pairs.generations,
    lastStats,
  };
}
