import type { Deadline, Deadlines } from "../../shared/deadlines.ts";
import type { Backplane } from "../backplane.ts";
import type { Nodes } from "../nodes.ts";

/** What an owner tells of a room of its. */
interface Announcement {
  readonly op: "owner";
  readonly node: string;
  /** Cluster time at which it became the owner: of two the earlier one stays. */
  readonly since: number;
}

interface Question {
  readonly op: "who";
}

/** Who owns a room. `own`: nobody does, and that node is to. */
export type OwnerFound =
  | { readonly node: string; readonly own: boolean }
  /** The backplane is down, or somebody should have answered and did not. */
  | "down"
  | "timeout"
  | "too_large";

export interface RoomOwnersEvents {
  /** Another node owns a room of ours, and has the earlier claim. */
  outranked(room: string, by: string, now: number): void;
  /** A node has just said that it owns a room that devices here are in. */
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

const askTimeout = 1_000;
/** An owner says again that it is, for whoever could not hear it when it began. */
const announceEvery = 30_000;

interface Claim {
  readonly since: number;
  readonly stop: () => void;
  again: Deadline;
}

/**
 * Which node owns a room. The owner hears `r.<key>`, where it is asked; nodes with members hear `m.<key>`; an owner
 * announces itself on both. Where nobody answers, all agree on whose turn it is by the hash of node and room.
 */
export class RoomOwners {
  readonly #options: RoomOwnersOptions;
  readonly #claims = new Map<string, Claim>();
  readonly #attended = new Map<string, () => void>();

  constructor(options: RoomOwnersOptions) {
    this.#options = options;
  }

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

  /** The room is over, or another node's. */
  release(room: string): void {
    const claim = this.#claims.get(room);
    this.#claims.delete(room);
    claim?.again.cancel();
    claim?.stop();
  }

  /** There are members of the room here: this node wants to hear of its owners. */
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

  ignore(room: string): void {
    this.#attended.get(room)?.();
    this.#attended.delete(room);
  }

  /** Asks who owns the room, and where nobody does, whose turn it is. */
  find(room: string, done: (found: OwnerFound, now: number) => void): void {
    const { backplane, now } = this.#options;
    backplane.request(this.#subject("r", room), { op: "who" } satisfies Question, askTimeout, (answer) => {
      if (answer.kind === "reply") done({ node: (answer.reply as Announcement).node, own: false }, now());
      else if (answer.kind === "no_responders") done({ node: this.next(room, now()), own: true }, now());
      else done(answer.kind, now());
    });
  }

  /** Calls back whether other nodes have members of the room. */
  membersElsewhere(room: string, done: (some: boolean, now: number) => void): void {
    const { backplane, now } = this.#options;
    backplane.request(this.#subject("m", room), { op: "who" } satisfies Question, askTimeout, (answer) => {
      done(answer.kind === "reply" || answer.kind === "timeout", now());
    });
  }

  /** Whose turn it is to own the room: of the nodes that answer and stay. */
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

  /** Others may have missed what was announced: the backplane was away, or they were. */
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
    // It gives way when it hears of this one.
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
