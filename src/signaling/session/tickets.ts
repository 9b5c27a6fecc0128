import type { MediaWanted } from "../../protocol/values.ts";
import type { Ports } from "../ports.ts";
import type { Side } from "./leg.ts";

/**
 * What a ticket says: which leg of which session its holder has, and where that session is looked for. It is sealed
 * with the cluster's key, so that a client can neither read nor make one; it counts only for the same user and device.
 */
export interface Ticket {
  readonly session: string;
  readonly leg: number;
  readonly user: string;
  readonly device: string;
  /** The node that owned the session, and the epoch of that ownership, when the ticket was made. */
  readonly owner: string;
  readonly epoch: number;
  /** The user at the other end: through her a new owner announces itself. */
  readonly peer: string;
  /** Unix ms. */
  readonly expires: number;
  /** Absent where the session can't be made anew: in a room's mesh, and for the device that a call is moving to. */
  readonly ticketState?: TicketState | undefined;
}

/** Where the session stands: enough to make it anew when its owner has died with it. Times are Unix ms. */
export interface TicketState {
  readonly side: Side;
  readonly active: boolean;
  /** The call rings one device only. */
  readonly direct: boolean;
  /** The device at the other end and its leg, where they are known. */
  readonly peerDevice?: string | undefined;
  readonly peerLeg?: number | undefined;
  readonly pair: number;
  readonly generation: number;
  /** This end made the pair's first offer. */
  readonly offers: boolean;
  /** The call rings with an offer of its caller. */
  readonly described: boolean;
  readonly media?: MediaWanted | undefined;
  readonly startedAt: number;
  readonly acceptedAt?: number | undefined;
  /** When the ring ends by itself. */
  readonly ringEnds?: number | undefined;
}

/** Seals a ticket: as a list, for a client sends all its tickets with each hello. Below 1 KB for the longest ids. */
export function sealTicket(ports: Ports, ticket: Ticket): string {
  const dated = later(ticket, ports.wallAhead());
  const { session, leg, user, device, owner, epoch, peer, expires, ticketState } = dated;
  const head = [session, leg, user, device, owner, epoch, peer, expires];
  return ports.seal(JSON.stringify(ticketState === undefined ? head : [...head, listOf(ticketState)]));
}

/** The ticket, when this cluster sealed it and it has not expired. */
export function openTicket(ports: Ports, sealed: string, now: number): Ticket | undefined {
  const text = ports.unseal(sealed);
  if (text === undefined) return undefined;
  const [session, leg, user, device, owner, epoch, peer, expires, list] = JSON.parse(text);
  const ahead = ports.wallAhead();
  if (typeof expires !== "number" || expires - ahead <= now) return undefined;
  const ticketState = list === undefined ? undefined : ticketStateOf(list);
  return later({ session, leg, user, device, owner, epoch, peer, expires, ticketState }, -ahead);
}

/** The ticket with times that are so much later. A sealed one has those of the system's clock, for another process may open it. */
function later(ticket: Ticket, by: number): Ticket {
  const { expires, ticketState } = ticket;
  if (by === 0) return ticket;
  const moved = (time: number | undefined) => (time === undefined ? undefined : time + by);
  const state = ticketState && {
    ...ticketState,
    startedAt: ticketState.startedAt + by,
    acceptedAt: moved(ticketState.acceptedAt),
    ringEnds: moved(ticketState.ringEnds),
  };
  return { ...ticket, expires: expires + by, ticketState: state };
}

/** Those of these tickets that are good, and are this user's. */
export function openTickets(
  ports: Ports,
  sealed: readonly string[] | undefined,
  user: string,
  now: number,
): Ticket[] {
  const tickets: Ticket[] = [];
  for (const one of sealed ?? []) {
    const ticket = openTicket(ports, one, now);
    if (ticket?.user === user) tickets.push(ticket);
  }
  return tickets;
}

/** Flags as digits of one text; what is absent is null. */
function listOf(ticketState: TicketState): readonly unknown[] {
  const { side, active, direct, offers, described, media } = ticketState;
  const flags = [side === "caller", active, direct, offers, described];
  const wanted = media === undefined ? null : [media.audio, media.video, media.data].map(digit).join("");
  const { peerDevice, peerLeg, pair, generation, startedAt, acceptedAt, ringEnds } = ticketState;
  const times = [startedAt, acceptedAt, ringEnds];
  return [flags.map(digit).join(""), wanted, peerDevice, peerLeg, pair, generation, ...times];
}

// biome-ignore lint/suspicious/noExplicitAny: it was sealed by this cluster
function ticketStateOf([flags, wanted, ...rest]: readonly any[]): TicketState {
  const [peerDevice, peerLeg, pair, generation, startedAt, acceptedAt, ringEnds] = rest.map(
    (value) => value ?? undefined,
  );
  const [caller, active, direct, offers, described] = [...flags].map((flag) => flag === "1");
  return {
    side: caller ? "caller" : "callee",
    active: active === true,
    direct: direct === true,
    offers: offers === true,
    described: described === true,
    media: wanted === null ? undefined : mediaOf(wanted),
    ...{ peerDevice, peerLeg, pair, generation, startedAt, acceptedAt, ringEnds },
  };
}

function mediaOf(wanted: string): MediaWanted {
  const media: MediaWanted = {};
  for (const [index, name] of (["audio", "video", "data"] as const).entries())
    if (wanted[index] !== "-") media[name] = wanted[index] === "1";
  return media;
}

const digit = (flag: boolean | undefined): string => (flag === undefined ? "-" : flag ? "1" : "0");
