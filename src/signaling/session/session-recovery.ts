import type { Device } from "../device.ts";
import type { Elsewhere, Place, Places } from "../elsewhere.ts";
import { failed } from "../outcome.ts";
import type { Leg } from "./leg.ts";
import type { Session } from "./session.ts";
import { restoreSession, sessionSnapshot } from "./session-restore.ts";
import { isNewer, revivalSnapshot } from "./session-revival.ts";
import type { FindDevice, SessionSnapshot } from "./session-snapshot.ts";
import type { SessionTable } from "./session-table.ts";
import type { Ticket } from "./tickets.ts";

/** Finds sessions again for the holders of their tickets, and makes those anew whose owner has died. */
export class SessionRecovery {
  readonly #sessions: SessionTable;
  readonly #elsewhere: Elsewhere;

  constructor(sessions: SessionTable, elsewhere: Elsewhere) {
    this.#sessions = sessions;
    this.#elsewhere = elsewhere;
  }

  /** Finds the legs of these tickets again for a device with a new link; answers what it found. */
  recover(
    device: Device,
    tickets: readonly Ticket[],
    places: Places | undefined,
    now: number,
  ): [Session, Leg][] {
    const found: [Session, Leg][] = [];
    for (const ticket of tickets) {
      const known = this.#sessions.get(ticket.session);
      const session =
        known === undefined
          ? this.#revive(device, ticket, places?.get(ticket.session), now)
          : this.#learn(known, device, ticket, now);
      const leg = session?.legById(ticket.leg);
      // The numbers of legs begin anew with a session that was made anew.
      if (session === undefined || leg?.user !== device.user || leg.deviceId !== device.id) continue;
      // A mesh lives and dies with the memberships of its room, which end with the older link.
      if (session.kind === "mesh" || found.some(([one]) => one === session)) continue;
      if (leg.device !== device) session.links.rebind(leg, device, now);
      found.push([session, leg]);
    }
    return found;
  }

  /** Makes a session anew whose owner has died with it: an earlier run of this node, or another node. */
  #revive(device: Device, ticket: Ticket, place: Place | undefined, now: number): Session | undefined {
    const { limits } = this.#sessions;
    if (place !== "lost" || this.#sessions.usersOfEnded(ticket.session) !== undefined) return undefined;
    const full =
      this.#sessions.bounded >= limits.sessions || this.#sessions.load(device) >= limits.sessionsPerDevice;
    const snapshot = full ? undefined : revivalSnapshot(ticket, device.link.id, now);
    if (snapshot === undefined) return undefined;
    const find = (link: string) => (link === device.link.id ? device : undefined);
    const session = this.#adopt(snapshot, find, ticket.epoch + 1, ticket.owner, now);
    const leg = session.legById(ticket.leg);
    if (leg !== undefined) leg.unaware = true;
    this.#elsewhere.claim(session.id, session.epoch, [ticket.peer, ticket.user], now);
    return session;
  }

  /** Of the two ends of a session that was made anew, one may have seen more of it than the other's ticket said. */
  #learn(known: Session, device: Device, ticket: Ticket, now: number): Session {
    const { ticketState } = ticket;
    const before = known.revived ? sessionSnapshot(known, now) : undefined;
    const { number: pair, generation } = known.pairs.current;
    if (before === undefined || ticketState === undefined) return known;
    if (!isNewer(ticketState, { active: known.state === "active", pair, generation })) return known;
    const snapshot = revivalSnapshot(ticket, device.link.id, now);
    if (snapshot === undefined) return known;
    const { move } = known;
    const others = this.#sessions.retire(known).filter((other) => other !== device);
    const peer = others.find(({ user, id }) => user === ticket.peer && id === ticketState.peerDevice);
    const legs = snapshot.legs.map((leg) =>
      leg.id === ticketState.peerLeg ? { ...leg, info: peer?.info ?? leg.info, link: peer?.link.id } : leg,
    );
    const find = (link: string) => [device, ...others].find((one) => one.link.id === link);
    const epoch = Math.max(known.epoch, ticket.epoch + 1);
    const session = this.#adopt({ ...snapshot, legs }, find, epoch, ticket.owner, now);
    const reply = before.state.name === "answering" ? before.state.reply : undefined;
    const leg = peer && session.legOf(peer);
    if (leg !== undefined && reply === undefined) session.links.tellRecovered(leg, now);
    else if (leg !== undefined && reply !== undefined) {
      const waits = reply.link === peer?.link.id ? peer : undefined;
      session.tellWon(leg, { device: waits, id: reply.id }, now);
    }
    move?.reply.device?.link.reply(move.reply.id, failed("move_failed"), now);
    const reason = before.state.name === "active" ? "moved" : "answered_elsewhere";
    const ended = { type: "ended", session: session.id, reason } as const;
    for (const other of others) if (other !== peer) other.link.deliver(ended, now);
    return session;
  }

  #adopt(snapshot: SessionSnapshot, find: FindDevice, epoch: number, from: string, now: number): Session {
    const session = restoreSession(this.#sessions, snapshot, find, now, epoch);
    this.#sessions.adopt(session, now, from);
    session.revived = true;
    return session;
  }
}
