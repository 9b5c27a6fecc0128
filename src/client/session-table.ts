import type { Push, PushOf } from "../protocol/pushes.ts";
import type { Call } from "./api.ts";
import { MediaCall } from "./call.ts";
import type { ClientInternals, Session, Sessions } from "./client-internals.ts";
import { Ring } from "./incoming-call.ts";
import type { PageDevice } from "./page-device.ts";
import type { JoinedRoom } from "./room.ts";

/** The parts of a frame that may bring a ticket. */
export type Ticketed = { readonly session?: string; readonly ticket?: string };

/**
 * The sessions of one client, by id. It hands pushes on to the call or ring that holds the session, takes in sessions that nothing
 * here holds yet, resolves glare, and keeps the tickets.
 */
export class SessionTable implements Sessions {
  /** Calls and rings that have not ended. */
  readonly calls = new Set<MediaCall>();
  readonly rings = new Set<Ring>();
  readonly #byId = new Map<string, Session>();
  /** Sessions that must not ring here: after glare, a call of this client takes their part. */
  readonly #hidden = new Set<string>();
  readonly #client: ClientInternals;
  readonly #rooms: ReadonlyMap<string, JoinedRoom>;
  readonly #device: Pick<PageDevice, "tickets">;
  readonly #changed: (ring?: Ring) => void;

  /** `device` stores tickets. `changed` is called when a call or ring came or went, with a ring that has just come. */
  constructor(
    client: ClientInternals,
    device: Pick<PageDevice, "tickets">,
    rooms: ReadonlyMap<string, JoinedRoom>,
    changed: (ring?: Ring) => void,
  ) {
    this.#client = client;
    this.#device = device;
    this.#rooms = rooms;
    this.#changed = changed;
  }

  push(push: Extract<Push, { session: string }>): void {
    const session = this.#byId.get(push.session);
    if (push.type === "crossed") this.#resolveGlare(push);
    else if (session) session.push(push);
    else if (push.type === "session") this.#adopt(push);
    else if (push.type === "incoming" && !this.#hidden.has(push.session))
      this.#ring(new Ring(this.#client, push));
    this.fresh(push);
  }

  /** Notes a ticket that a frame of a session brought. The newest counts. */
  fresh({ session: id = "", ticket }: Ticketed): void {
    const session = this.#byId.get(id);
    if (!session || !ticket) return;
    session.ticket = ticket;
    this.keep();
  }

  /** The tickets of all sessions, also from before a reload: as many as a hello takes. */
  get tickets(): string[] {
    return [...new Set([...this.#device.tickets, ...this.#tickets(() => true)])].slice(0, 64);
  }

  /** Stores the tickets that a reloaded page needs. */
  keep(): void {
    this.#device.tickets = this.#tickets(({ lasting }) => lasting);
  }

  /**
   * After a new link: ends the sessions that are `over`, and those that the server doesn't know. A call whose media flows goes on
   * until that fails: a server that has lost its memory ends no conversation.
   */
  retain(known: readonly string[] = [], over: readonly string[] = []): void {
    for (const [id, session] of [...this.#byId])
      if (over.includes(id) || (!known.includes(id) && !session.forgotten?.()))
        session.over({ reason: "lost" });
  }

  enter(id: string, session: Session): void {
    this.#byId.set(id, session);
    this.keep();
  }

  leave(id = "", session: Session): void {
    this.#hidden.delete(id);
    if (this.#byId.get(id) === session) this.#byId.delete(id);
    this.keep();
  }

  began(call: Call): void {
    this.calls.add(call as MediaCall);
    this.#changed();
  }

  done(session: Session): void {
    this.calls.delete(session as MediaCall);
    this.rings.delete(session as Ring);
    this.#changed();
  }

  #ring(ring: Ring): void {
    this.enter(ring.id, ring);
    this.rings.add(ring);
    this.#changed(ring);
  }

  /** A session without a ring: a call of a room's mesh, or one that the page had before a reload. */
  #adopt(push: PushOf<"session">): void {
    const room = this.#rooms.get(push.room ?? "");
    if (room && !push.recovered) room.session(push);
    else if (push.recovered && !(push.direction === "out" && push.state === "ringing"))
      this.#ring(new Ring(this.#client, push));
    else void this.#client.say("hangup", { session: push.session });
  }

  /** Glare: two users call each other, and the server lets the call `survivor` go on. */
  #resolveGlare({ session, survivor }: PushOf<"crossed">): void {
    const loser = this.#byId.get(session);
    const call = loser instanceof MediaCall ? loser : undefined;
    // The other user's call no longer rings here: this client's own call survives, or becomes that call.
    const other = call ? survivor : session;
    const ring = [...this.rings].find(({ id }) => id === other);
    this.#hidden.add(other);
    ring?.over({ reason: call ? "accepted" : "merged" });
    void call?.merge(survivor, ring?.from);
  }

  #tickets(which: (session: Session) => boolean): string[] {
    return [...this.#byId.values()].filter(which).flatMap(({ ticket }) => ticket ?? []);
  }
}
