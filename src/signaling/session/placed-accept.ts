import type { RequestOf } from "../../protocol/requests.ts";
import type { Description } from "../../protocol/values.ts";
import type { Outcome } from "../device.ts";
import { failed } from "../outcome.ts";
import type { Leg } from "./leg.ts";
import { canOffer, firstOfferer, offersOnly, type Party, type Placement, sideOf } from "./placement.ts";
import type { Session } from "./session.ts";
import type { SessionHost } from "./session-host.ts";
import { acceptedPush } from "./session-pushes.ts";

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
  const offers = ring.calleeOffers(device);
  // Without an offer nobody can answer one.
  if (
    description !== undefined &&
    (description.type === "offer" ? !offers : offers || ring.offer === undefined)
  )
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

/**
 * A device of the second party needs an offer to ring: who has accepted makes it now, and goes on as the caller of any call that rings.
 */
export function wantPlacedOffer(session: Session, now: number): void {
  const { placement, caller } = session;
  if (placement?.reply === undefined || !canOffer(caller.device)) return;
  const { reply } = placement;
  placement.reply = undefined;
  placement.early = true;
  session.tellWon(caller, reply, now, { early: true });
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
  const { reply, early } = placement;
  const [caller, callee] = placement.first === "from" ? [waited, leg] : [leg, waited];
  const offerer = early ? waited : firstOfferer(caller, callee);
  joins(session, host, leg, placement.first === "from" ? "to" : "from");
  placement.reply = undefined;
  if (offerer === undefined || (early && offersOnly(leg.device))) {
    reply?.device?.link.reply(reply.id, failed("incompatible"), now);
    session.release(leg);
    session.end("incompatible", now);
    return failed("incompatible");
  }
  const answerer = offerer === waited ? leg : waited;
  if (!early) session.pairs.remake(offerer, answerer);
  const pair = session.pairs.current;
  pair.answerer = answerer;
  const offer = early ? session.ring.offer : (description ?? placement.offer);
  if (description !== undefined) pair.described(leg, description);
  else if (!early && offer !== undefined) pair.described(offerer, offer);
  session.caller = caller;
  session.phase = { name: "active", callee };
  session.times.accepted = now;
  session.ring.stop("answered_elsewhere", { device: leg.deviceId }, now);
  const after = now - session.times.started;
  host.ports.emit({ type: "session_accepted", session: session.id, device: callee.deviceId, after });
  host.activated(session, now);
  if (early) waited.deliver(acceptedPush(session, leg), now);
  else session.tellWon(waited, reply ?? { device: undefined, id: 0 }, now);
  // After both have their replies.
  host.deadlines.add(now, (later) => {
    if (session.state !== "active" || session.pairs.current !== pair || pair.generation > 1) return;
    const tell = (to: Leg, said: Description): void =>
      to.deliver({ type: "signal", session: session.id, ...pair.position, description: said }, later);
    if (offer !== undefined && !answerer.offered) tell(answerer, offer);
    if (description?.type === "answer") tell(offerer, description);
    pair.opens(later);
  });
  return { ok: session.wonBy(leg, now) };
}

/** Somebody of that party has accepted. */
function joins(session: Session, host: SessionHost, leg: Leg, party: Party): void {
  leg.side = sideOf(party);
  const { user, deviceId: device, side } = leg;
  host.ports.emit({ type: "session_joined", session: session.id, user, device, side });
}
