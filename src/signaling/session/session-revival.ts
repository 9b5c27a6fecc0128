import type { LegSnapshot, PairSnapshot, SessionSnapshot } from "./session-snapshot.ts";
import type { Ticket, TicketState } from "./tickets.ts";

/**
 * The session of a ticket made anew, after its owner has died with it: as the ticket has it, `link` at its holder's end.
 * The other end is detached until it comes with its own ticket. A ring goes on for the rest of its time, and takes
 * the callee's devices in again (one that rings already hears nothing of that); what the call said to them (`data`, the
 * offer) was in the lost owner only.
 * Undefined where the ticket does not say enough, or the ring is over.
 */
export function revivalSnapshot(ticket: Ticket, link: string, now: number): SessionSnapshot | undefined {
  const { ticketState } = ticket;
  if (ticketState === undefined) return undefined;
  const {
    active,
    direct,
    side,
    peerDevice,
    peerLeg,
    media,
    startedAt,
    acceptedAt,
    ringEnds = 0,
  } = ticketState;
  if (!active && ringEnds <= now) return undefined;
  const calls = side === "caller";
  // Of a ring the other end is not known yet to the caller.
  const known = peerDevice !== undefined && peerLeg !== undefined;
  if (!known && (active || !calls)) return undefined;
  const own: LegSnapshot = { ...legOf(ticket.leg, ticket.user, ticket.device, calls), link };
  const peer = known ? legOf(peerLeg, ticket.peer, peerDevice, !calls) : undefined;
  const [caller, callee] = calls ? [own, peer] : [peer ?? own, own];
  const user = calls ? ticket.peer : ticket.user;
  const device = direct ? (calls ? peerDevice : ticket.device) : undefined;
  const { described } = ticketState;
  return {
    id: ticket.session,
    epoch: ticket.epoch,
    callRequest: {
      to: device === undefined ? user : `${user}/${device}`,
      ...{ user, device, media, description: undefined, data: undefined },
    },
    startedAgo: Math.max(0, now - startedAt),
    acceptedAgo: acceptedAt === undefined ? undefined : Math.max(0, now - acceptedAt),
    state: active && callee !== undefined ? { name: "active", callee: callee.id } : { name: "ringing" },
    caller: caller.id,
    // A ring's devices are rung again, each with a leg of its own.
    legs: active && callee !== undefined ? [caller, callee] : [caller],
    legCount: Math.max(ticket.leg, peerLeg ?? 0),
    ring: {
      ...{ legs: [], rung: [], refusing: [], offer: false },
      endIn: active ? undefined : ringEnds - now,
    },
    pairs: pairsOf(ticketState, caller.id, active ? callee?.id : undefined),
    offerLost: !active && described,
  };
}

/** Numbers of pairs that the lost owner may have given to moves that came to nothing. */
const sparePairs = 16;

function pairsOf({ side, active, pair, generation, offers }: TicketState, caller: number, callee?: number) {
  const callerOffers = (side === "caller") === offers;
  const [offerer, answerer] = callerOffers || callee === undefined ? [caller, callee] : [callee, caller];
  // What had crossed, had: candidates don't wait for it.
  const flow = { described: active ? generation : 0, held: [], heldEnd: false };
  const current: PairSnapshot = {
    ...{ number: pair, generation, offerer, answerer, open: active, connected: [] },
    fromOfferer: flow,
    fromAnswerer: flow,
  };
  return { current, count: active ? pair + sparePairs : pair, generations: generation };
}

function legOf(id: number, user: string, device: string, calls: boolean): LegSnapshot {
  const side = calls ? "caller" : "callee";
  return { id, side, user, device, info: { user, device }, alerting: false };
}

/** True when the ticket has seen more of the session than is known of it here. */
export function isNewer(
  { active, pair, generation }: TicketState,
  known: Pick<TicketState, "active" | "pair" | "generation">,
): boolean {
  if (active !== known.active) return active;
  return pair > known.pair || (pair === known.pair && generation > known.generation);
}
