import type { Deadline, Deadlines } from "../../shared/deadlines.ts";
import type { Backplane } from "../backplane.ts";
import type { Nodes } from "../nodes.ts";

/** What the owner of a room publishes. */
interface Announcement {
  readonly op: "owner";
  readonly node: string;
  /** Cluster time at which the node became the owner. Of two owners the earlier one stays. */
  readonly since: number;
}

interface Question {
  readonly op: "who";
}

/** The owner of a room. `own`: no node owns it, and that one is to. */
export type OwnerFound =
  | { readonly node: string; readonly own: boolean }
  /** The question failed: the backplane is down, or a subscriber has not answered in time. */
  | "down"
  | "timeout"
  | "too_large";

export interface RoomOwnersEvents {
  /** Another node has an earlier claim to a room of this node. */
  outranked(room: string, by: string, now: number): void;
  /** A node has published that it owns a room that devices here are in. */
  claimed(room: string, node: string, now: number): void;
}

export interface RoomOwnersOptions {
  readonly nodes: Nodes;
  readonly backplane: Backplane;
  readonly deadlines: Deadlines;
  now(): number;
  hash(text: string): string;
  readonly events: RoomOwnersEvents;
}

/** ms */
const askTimeout = 1_000;
/** How often an owner announces itself again, for nodes that could not hear it before. ms */
const announceEvery = 30_000;

interface Claim {
  readonly since: number;
  readonly stop: () => void;
  again: Deadline;
}

/**
 * Finds the owners of rooms, and says which this node owns. The owner of a room subscribes to `r.<key>`, where it is
 * asked; nodes with members subscribe to `m.<key>`; an owner announces itself on both. Where no node answers, all nodes
 * choose the same one by a hash of node and room.
 */
export class RoomOwners {
  readonly #options: RoomOwnersOptions;
  readonly #claims = new Map<string, Claim>();
  readonly #attended = new Map<string, () => void>();

  constructor(options: RoomOwnersOptions) {
    this.#options = options;
  }

  /** True when this node owns the room. */
  owns(room: string): boolean {
    return this.#claims.has(room);
  }

  /** This node owns the room from now on. */
  claim(room: string): void {
    if (this.#claims.has(room)) return;
    const { backplane, nodes, now } = this.#options;
    const stop = backplane.subscribe(this.#subject("r", room), (message, answer) => {
      this.#heardAsOwner(room, message as Announcement | Question, answer);
    });
    const claim: Claim = { since: nodes.time(now()), stop, again: this.#later(room) };
    this.#claims.set(room, claim);
    this.#announce(room, claim);
  }

  /** The room is over, or is another node's. */
  release(room: string): void {
    const claim = this.#claims.get(room);
    this.#claims.delete(room);
    claim?.again.cancel();
    claim?.stop();
  }

  /** Devices here are members of the room: this node hears of its owners from now on. */
  attend(room: string): void {
    if (this.#attended.has(room)) return;
    const { backplane, events, now } = this.#options;
    const stop = backplane.subscribe(this.#subject("m", room), (message, answer) => {
      const said = message as Announcement | Question;
      if (said.op === "who") answer?.({});
      else events.claimed(room, said.node, now());
    });
    this.#attended.set(room, stop);
  }

  /** No device here is a member of the room any more. */
  ignore(room: string): void {
    this.#attended.get(room)?.();
    this.#attended.delete(room);
  }

  /** Finds the owner of the room, or the node that is to own it where none does. */
  find(room: string, done: (found: OwnerFound, now: number) => void): void {
    const { backplane, now } = this.#options;
    backplane.request(this.#subject("r", room), { op: "who" } satisfies Question, askTimeout, (answer) => {
      if (answer.kind === "reply") done({ node: (answer.reply as Announcement).node, own: false }, now());
      else if (answer.kind === "no_responders") done({ node: this.next(room, now()), own: true }, now());
      else done(answer.kind, now());
    });
  }

  /** Calls back with whether other nodes have members of the room. */
  membersElsewhere(room: string, done: (some: boolean, now: number) => void): void {
    const { backplane, now } = this.#options;
    backplane.request(this.#subject("m", room), { op: "who" } satisfies Question, askTimeout, (answer) => {
      done(answer.kind === "reply" || answer.kind === "timeout", now());
    });
  }

  /** The node that is to own the room: one of those that answer and don't drain, by a hash of node and room. */
  next(room: string, now: number): string {
    const { nodes, hash } = this.#options;
    let winner = nodes.name;
    let highest = nodes.draining ? "" : hash(`${nodes.name} ${room}`);
    for (const node of nodes.live()) {
      if (nodes.isDraining(node) || !nodes.responsive(node, now)) continue;
      const rank = hash(`${node} ${room}`);
      if (rank > highest) [winner, highest] = [node, rank];
    }
    return winner;
  }

  /** Announces all rooms again: others may have missed it, for the backplane was down or they were away. */
  announceAll(): void {
    for (const [room, claim] of this.#claims) this.#announce(room, claim);
  }

  #heardAsOwner(room: string, said: Announcement | Question, answer?: (reply: unknown) => void): void {
    const { events, nodes, now } = this.#options;
    const claim = this.#claims.get(room);
    if (claim === undefined) return;
    if (said.op === "who") {
      answer?.(this.#announcement(claim));
      return;
    }
    const { since } = claim;
    const earlier = said.since === since ? said.node < nodes.name : said.since < since;
    if (earlier) events.outranked(room, said.node, now());
    // The other owner gives way when it hears of this one.
    else this.#announce(room, claim);
  }

  #announcement({ since }: Claim): Announcement {
    return { op: "owner", node: this.#options.nodes.name, since };
  }

  #announce(room: string, claim: Claim): void {
    const { backplane } = this.#options;
    const announcement = this.#announcement(claim);
    backplane.publish(this.#subject("r", room), announcement);
    backplane.publish(this.#subject("m", room), announcement);
  }

  #later(room: string): Deadline {
    const { deadlines, now } = this.#options;
    return deadlines.add(now() + announceEvery, () => {
      const claim = this.#claims.get(room);
      if (claim === undefined) return;
      claim.again = this.#later(room);
      this.#announce(room, claim);
    });
  }

  #subject(kind: "r" | "m", room: string): string {
    return `${kind}.${this.#options.hash(room)}`;
  }
}
