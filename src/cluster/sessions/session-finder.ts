import type { FoundCall, KeyedCallElsewhere, Place, Places } from "../../signaling/elsewhere.ts";
import type { Ticket } from "../../signaling/session/tickets.ts";
import type { Backplane } from "../backplane.ts";

export interface SessionFinderOptions {
  readonly node: string;
  readonly backplane: Backplane;
  now(): number;
  readonly ticketTtl: number;
  /** True when this node owns the session, and the leg of that number can be resumed. */
  owns(session: string, leg: number): boolean;
  /** The call that this node has taken under the user's key. */
  keyed(user: string, key: string): KeyedCallElsewhere | undefined;
}

interface Question {
  readonly legs: readonly (readonly [session: string, leg: number])[];
}

interface KeyQuestion {
  readonly user: string;
  readonly key: string;
}

interface Answer {
  readonly has: readonly string[];
  /** When this run of the answering node began, by its own clock. */
  readonly since: number;
}

/** How long an owner may take to answer, while a device waits for its welcome. ms */
const timeout = 400;

/**
 * Finds the owners of sessions. A ticket names the node that owned the session when the ticket was made, which is asked
 * first (`q.<node>`). The owner of a session that has changed its owner since is found by the session's own subject
 * (`s.<id>`).
 */
export class SessionFinder {
  readonly #options: SessionFinderOptions;
  readonly #since: number;
  /** Sessions that had another owner before, with what ends their subscriptions. */
  readonly #taken = new Map<string, () => void>();

  constructor(options: SessionFinderOptions) {
    this.#options = options;
    this.#since = options.now();
    options.backplane.subscribe(`q.${options.node}`, (question, answer) => {
      if ("key" in (question as Question | KeyQuestion)) {
        const { user, key } = question as KeyQuestion;
        answer?.(options.keyed(user, key) ?? {});
        return;
      }
      const has = (question as Question).legs.filter(([id, leg]) => options.owns(id, leg)).map(([id]) => id);
      answer?.({ has, since: this.#since } satisfies Answer);
    });
  }

  /** This node owns the session from now on, though tickets may name another one. */
  took(session: string): void {
    if (this.#taken.has(session)) return;
    const { backplane, node } = this.#options;
    const { owns } = this.#options;
    const stop = backplane.subscribe(`s.${session}`, (leg, answer) =>
      answer?.(owns(session, leg as number) ? { node } : {}),
    );
    this.#taken.set(session, stop);
  }

  /** The session is over, or is another node's. */
  released(session: string): void {
    this.#taken.get(session)?.();
    this.#taken.delete(session);
  }

  /** Finds the sessions of all these tickets, and calls back once. */
  find(tickets: readonly Ticket[], done: (places: Places, now: number) => void): void {
    const places = new Map<string, Place>();
    const { owns, node, now } = this.#options;
    let open = 1;
    const settled = (): void => {
      open -= 1;
      if (open === 0) done(places, now());
    };
    const place = (session: string, at: Place): void => {
      places.set(session, at);
      settled();
    };
    const byOwner = new Map<string, Ticket[]>();
    for (const ticket of tickets) {
      if (owns(ticket.session, ticket.leg)) places.set(ticket.session, "here");
      else byOwner.set(ticket.owner, [...(byOwner.get(ticket.owner) ?? []), ticket]);
    }
    for (const [owner, theirs] of byOwner) {
      open += theirs.length;
      if (owner === node) for (const ticket of theirs) this.#elsewhere(ticket, this.#since, place);
      else this.#ask(owner, theirs, place);
    }
    settled();
  }

  /** Asks these nodes for the call of that key, and calls back once, with the node that has it. */
  findKey(nodes: readonly string[], question: KeyQuestion, done: FoundCall): void {
    const { backplane, now } = this.#options;
    let open = nodes.length;
    for (const node of nodes)
      backplane.request(`q.${node}`, question, timeout, (answer) => {
        open -= 1;
        const call = answer.kind === "reply" ? (answer.reply as Partial<KeyedCallElsewhere>) : {};
        if (open < 0) return;
        if (call.session !== undefined) {
          open = 0;
          done({ node, call: call as KeyedCallElsewhere }, now());
        } else if (open === 0) done(undefined, now());
      });
  }

  #ask(owner: string, tickets: readonly Ticket[], place: (session: string, at: Place) => void): void {
    const question: Question = { legs: tickets.map(({ session, leg }) => [session, leg]) };
    this.#options.backplane.request(`q.${owner}`, question, timeout, (answer) => {
      const said = answer.kind === "reply" ? (answer.reply as Answer) : undefined;
      for (const ticket of tickets)
        if (said?.has.includes(ticket.session)) place(ticket.session, { node: owner });
        else this.#elsewhere(ticket, said?.since, place);
    });
  }

  /** The owner that the ticket names does not have the session. `since`: when its present run began, if it has answered. */
  #elsewhere(ticket: Ticket, since: number | undefined, place: (session: string, at: Place) => void): void {
    const { session, leg, expires } = ticket;
    this.#options.backplane.request(`s.${session}`, leg, timeout, (answer) => {
      if (answer.kind === "reply") {
        const { node } = answer.reply as { node?: string };
        place(session, node === undefined ? "nowhere" : { node });
      } else {
        // An owner that has run since the ticket was made, and does not know the session, has ended it.
        const madeAt = expires - this.#options.ticketTtl;
        place(session, since !== undefined && since <= madeAt ? "nowhere" : "lost");
      }
    });
  }
}
