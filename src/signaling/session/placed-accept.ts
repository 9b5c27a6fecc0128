import type { RequestOf } from "../../protocol/requests.ts";
import type { Description } from "../../protocol/values.ts";
import type { Outcome } from "../device.ts";
import { failed } from "../outcome.ts";
import type { Leg } from "./leg.ts";
import { Pair } from "./pair.ts";
import { firstOfferer, type Party, type Placement, sideOf } from "./placement.ts";
import type { Session } from "./session.ts";
import type { SessionHost } from "./session-host.ts";

/**
 * A device accepts a call that the application has placed, in its ring: the other party rings, and the reply waits; or both have
 * accepted, and are connected.
 */
export function acceptPlaced(
  session: Session,
  host: SessionHost,
  placement: Placement,
  leg: Leg,
  { id, description }: RequestOf<"accept">,
  now: number,
): Outcome | undefined {
  const { ring } = session;
  const { device } = leg;
  if (device === undefined) return failed("no_session");
  if (description !== undefined && (description.type !== "offer" || !ring.calleeOffers(device)))
    return failed("wrong_state", "the offer follows, once both have accepted");
  const refusal = description === undefined ? undefined : session.pairs.current.refusal(leg, description);
  if (refusal !== undefined) return { error: refusal };
  ring.remove(device);
  const { next, first } = placement;
  if (next === undefined) return connect(session, host, placement, leg, description, now);
  ring.stop("answered_elsewhere", { device: leg.deviceId }, now);
  joins(session, host, leg, first);
  placement.next = undefined;
  placement.reply = { device, id };
  placement.offer = description;
  session.caller = leg;
  session.pairs.current.offerer = leg;
  session.ringAnew(next.callRequest, next.timeout, now);
  return undefined;
}

/** Both parties have accepted: one of them makes the offer, and nobody has to confirm. */
function connect(
  session: Session,
  host: SessionHost,
  placement: Placement,
  leg: Leg,
  description: Description | undefined,
  now: number,
): Outcome {
  const waited = session.caller;
  const { reply = { device: undefined, id: 0 } } = placement;
  const [caller, callee] = placement.first === "from" ? [waited, leg] : [leg, waited];
  const offerer = firstOfferer(caller, callee);
  joins(session, host, leg, placement.first === "from" ? "to" : "from");
  placement.reply = undefined;
  if (offerer === undefined) {
    reply.device?.link.reply(reply.id, failed("incompatible"), now);
    session.release(leg);
    session.end("incompatible", now);
    return failed("incompatible");
  }
  const offer = description ?? placement.offer;
  const answerer = offerer === caller ? callee : caller;
  const pair = new Pair(session.pairs.current.number, session.id, offerer, answerer, session.limits);
  session.pairs.current = pair;
  if (offer !== undefined) pair.described(offerer, offer);
  session.caller = caller;
  session.phase = { name: "active", callee };
  session.times.accepted = now;
  session.ring.stop("answered_elsewhere", { device: leg.deviceId }, now);
  const after = now - session.times.started;
  host.ports.emit({ type: "session_accepted", session: session.id, device: callee.deviceId, after });
  host.activated(session, now);
  session.tellWon(waited, reply, now);
  // After both have their replies.
  host.deadlines.add(now, (later) => {
    if (session.state !== "active" || session.pairs.current !== pair) return;
    pair.opens(later);
    if (offer === undefined || pair.generation > 1) return;
    const push = { type: "signal", session: session.id, ...pair.position, description: offer } as const;
    answerer.deliver(push, later);
  });
  return { ok: session.wonBy(leg, now) };
}

/** Somebody of that party has accepted. */
function joins(session: Session, host: SessionHost, leg: Leg, party: Party): void {
  leg.side = sideOf(party);
  const { user, deviceId: device, side } = leg;
  host.ports.emit({ type: "session_joined", session: session.id, user, device, side });
}
