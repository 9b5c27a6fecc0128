import { dueIn } from "../../shared/deadlines.ts";
import type { Device } from "../device.ts";
import type { Leg } from "./leg.ts";
import { Move } from "./move.ts";
import { Session } from "./session.ts";
import type { SessionHost } from "./session-host.ts";
import {
  type FindDevice,
  type MoveSnapshot,
  RestoredLegs,
  replySnapshot,
  restoreReply,
  type SessionSnapshot,
  type StateSnapshot,
} from "./session-snapshot.ts";
import type { TicketState } from "./tickets.ts";

/** Where the session stands, as the holder of this leg may find it again; undefined for one that is not its own. */
export function ticketState(session: Session, leg: Leg, now: number): TicketState | undefined {
  const { caller, callee, answered, callRequest, ring, pairs, times, placement } = session;
  const active = session.phase.name === "active";
  const current = active ? leg === caller || leg === callee : leg !== session.move?.leg;
  if (session.kind !== "call" || !current) return undefined;
  // Until both parties have accepted, only the session knows what is to be done.
  if (placement !== undefined && !active) return undefined;
  const peer = leg === caller ? answered : caller;
  return {
    side: leg.side,
    active,
    direct: callRequest.device !== undefined,
    peerDevice: peer?.deviceId ?? (leg === caller ? callRequest.device : undefined),
    peerLeg: peer?.id,
    pair: pairs.current.number,
    generation: pairs.current.generation,
    offers: pairs.current.offerer === leg,
    described: callRequest.description !== undefined || session.offerLost,
    media: callRequest.media,
    startedAt: times.started,
    acceptedAt: times.accepted,
    // While somebody answers the clock of the ring stands still.
    ringEnds: active ? undefined : (ring.endsAt ?? now + session.limits.confirmTimeout),
  };
}

/** All there is to know of a session, to go on with it elsewhere; undefined once it has ended. */
export function sessionSnapshot(session: Session, now: number): SessionSnapshot | undefined {
  const state = stateSnapshot(session, now);
  if (state === undefined) return undefined;
  const { id, epoch, room, members, key, crossing, callRequest, caller, ring, pairs, move, times } = session;
  const { placement } = session;
  const ago = (then: number | undefined) => (then === undefined ? undefined : now - then);
  return {
    ...{ id, epoch, room, members, key, crossing, callRequest },
    startedAgo: now - times.started,
    acceptedAgo: ago(times.accepted),
    connectedAgo: ago(times.connected),
    state,
    caller: caller.id,
    legs: session.legs().map((leg) => leg.snapshot(now)),
    legCount: session.legCount,
    ring: ring.snapshot(now),
    pairs: pairs.snapshot(),
    move: move?.snapshot(now),
    offerLost: session.offerLost,
    placement: placement && {
      ...placement,
      reply: placement.reply && replySnapshot(placement.reply),
    },
  };
}

function stateSnapshot({ phase, confirmEnd }: Session, now: number): StateSnapshot | undefined {
  switch (phase.name) {
    case "ringing":
      return phase;
    case "answering": {
      const reply = replySnapshot(phase.reply);
      return { name: "answering", leg: phase.leg.id, reply, confirmIn: dueIn(confirmEnd, now) ?? 0 };
    }
    case "active":
      return { name: "active", callee: phase.callee.id };
    case "ended":
      return undefined;
  }
}

/**
 * Goes on with a session of another node, or of an earlier life of this one. A leg whose device is not found is
 * detached: the device has `limits.detachedTimeout` to come back. Tells nobody anything.
 */
export function restoreSession(
  host: SessionHost,
  snapshot: SessionSnapshot,
  find: FindDevice,
  now: number,
  epoch: number,
): Session {
  const { callRequest, state, startedAgo, acceptedAgo, connectedAgo, room, move } = snapshot;
  const legs = new RestoredLegs(snapshot.legs, find);
  const caller = legs.get(snapshot.caller);
  const session = new Session(host, snapshot.id, caller, callRequest, now - startedAgo, room, epoch);
  session.legCount = snapshot.legCount;
  session.members = snapshot.members;
  session.key = snapshot.key;
  session.crossing = snapshot.crossing;
  session.offerLost = snapshot.offerLost === true;
  if (snapshot.placement !== undefined) {
    const { reply, ...placement } = snapshot.placement;
    session.placement = { ...placement, reply: reply && restoreReply(reply, find) };
  }
  if (acceptedAgo !== undefined) session.times.accepted = now - acceptedAgo;
  if (connectedAgo !== undefined) session.times.connected = now - connectedAgo;
  session.pairs.restore(snapshot.pairs, legs);
  const rings = snapshot.ring.legs.map((leg) => legs.get(leg));
  session.ring.restore(snapshot.ring, rings, now);
  if (state.name === "active") session.phase = { name: "active", callee: legs.get(state.callee) };
  else if (state.name === "answering") {
    const reply = restoreReply(state.reply, find);
    session.phase = { name: "answering", leg: legs.get(state.leg), reply };
    session.answering.awaitConfirm(state.confirmIn, now);
  }
  if (move !== undefined) restoreMove(session, host, move, legs, find, now);
  const lostIn = new Map(snapshot.legs.map((leg) => [leg.id, leg.lostIn]));
  for (const leg of session.legs())
    if (leg.device !== undefined) host.bound(leg.device, session, leg.id);
    else if (isStandIn(session, leg)) continue;
    else if (leg === session.caller || leg === session.answered)
      session.links.awaitReturn(leg, lostIn.get(leg.id) ?? host.limits.detachedTimeout, now);
  // Once who keeps the session knows it.
  host.deadlines.add(now, (later) => settle(session, later));
  return session;
}

/** True for the caller of a placed call that nobody has accepted yet: it has no device that could come back. */
function isStandIn({ placement, caller }: Session, leg: Leg): boolean {
  return placement?.next !== undefined && leg === caller;
}

function restoreMove(
  session: Session,
  host: SessionHost,
  snapshot: MoveSnapshot,
  legs: RestoredLegs,
  find: FindDevice,
  now: number,
): void {
  const pair = session.pairs.next;
  if (pair === undefined) return;
  const { from, to, peer, reply } = snapshot;
  const plan = { from: legs.get(from), to: legs.get(to), peer: legs.get(peer), pair };
  session.move = new Move(session, host, { ...plan, reply: restoreReply(reply, find) }, now, snapshot);
}

/** Gives up what can't go on without devices that were not found. */
function settle(session: Session, now: number): void {
  const { move } = session;
  if (move !== undefined && move.leg !== move.from && move.leg.device === undefined) move.fail(now);
  if (session.phase.name === "ringing") session.ring.settle(now);
}

/**
 * The session goes on at another node: this copy holds no device, and does and says nothing any more. Answers the devices
 * that had part in it.
 */
export function retireSession(session: Session): Device[] {
  const legs = session.legs();
  const devices = session.devices();
  session.confirmEnd?.cancel();
  session.ring.retire();
  session.move?.retire();
  session.move = undefined;
  for (const leg of legs) {
    session.release(leg, true);
    leg.device = undefined;
  }
  session.phase = { name: "ended", reason: "lost" };
  return devices;
}
