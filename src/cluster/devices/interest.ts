import type { Deadlines } from "../../shared/deadlines.ts";
import type { Backplane } from "../backplane.ts";
import type { Nodes } from "../nodes.ts";
import { Following, type Ready } from "./following.ts";
import { HolderSearch } from "./holder-search.ts";

export interface InterestOptions {
  readonly nodes: Nodes;
  readonly backplane: Backplane;
  readonly deadlines: Deadlines;
  now(): number;
  hash(text: string): string;
  /** A message that another node has published on a subject of the user. */
  heard(following: Following, message: unknown, answer: ((reply: unknown) => void) | undefined): void;
  /** A node that was thought to hold devices of the user holds none. */
  none(following: Following, node: string, now: number): void;
  /** The user is followed no longer: nothing will be heard of her devices elsewhere. */
  ended(following: Following, now: number): void;
}

/** How long a user is followed whom nothing here needs to know any more. ms */
const lingerFor = 30_000;
/** How long both subjects of a user are heard when one takes the other's place. ms */
const overlap = 30_000;

/**
 * The users that this node follows, and why: it holds devices of theirs, or somebody here watches, rings or talks to
 * them, and for a while after that. It hears a subject of each: `u.<key>` where it holds a device of the user, else
 * `w.<key>`.
 */
export class Interest {
  readonly #options: InterestOptions;
  readonly #users = new Map<string, Following>();
  readonly #search: HolderSearch;

  constructor(options: InterestOptions) {
    this.#options = options;
    this.#search = new HolderSearch({
      ...options,
      current: (following) => this.#users.get(following.user) === following,
    });
  }

  /** Users that are followed. */
  get size(): number {
    return this.#users.size;
  }

  /** Users with devices of this node. */
  get held(): number {
    let count = 0;
    for (const { holds } of this.#users.values()) if (holds) count += 1;
    return count;
  }

  /** What is known of all followed users. A copy: a user may be followed no longer while a caller goes through it. */
  all(): Following[] {
    return [...this.#users.values()];
  }

  /** What is known of the user, where she is followed. */
  get(user: string): Following | undefined {
    return this.#users.get(user);
  }

  /** What is known of the user, who is followed from now on; {@link rest} says when there is no reason to. */
  of(user: string): Following {
    let following = this.#users.get(user);
    if (following === undefined) {
      following = new Following(user, this.#options.hash(user));
      this.#users.set(user, following);
      this.#subscribe(following);
      this.#search.ask(following);
    }
    return following;
  }

  /** True when everything is known of the user that there is to know. */
  knows(user: string): boolean {
    return this.#users.get(user)?.complete === true;
  }

  /** Follows the user until {@link release}. Calls back when all holders have answered; false: they could not be asked. */
  follow(user: string, ready?: Ready): void {
    const following = this.of(user);
    following.refs += 1;
    following.linger?.cancel();
    following.linger = undefined;
    if (ready !== undefined) this.#search.whenComplete(following, ready);
  }

  release(user: string): void {
    const following = this.#users.get(user);
    if (following === undefined) return;
    following.refs -= 1;
    this.rest(following);
  }

  /** Calls back when the user's devices are known, or after `within` ms, and follows the user for a while. */
  know(user: string, ready: Ready, within?: number): void {
    const following = this.of(user);
    let waiting = true;
    const once: Ready = (complete, now) => {
      if (!waiting) return;
      waiting = false;
      ready(complete, now);
    };
    this.#search.whenComplete(following, once);
    this.rest(following);
    const { deadlines, now } = this.#options;
    if (waiting && within !== undefined) deadlines.add(now() + within, (later) => once(false, later));
  }

  /** This node holds devices of the user, or none. */
  hold(following: Following, holds: boolean): void {
    following.holds = holds;
    this.#subscribe(following);
  }

  /** A node has sent its list of the user's devices. */
  answered(following: Following, node: string, now: number): void {
    this.#search.answered(following, node, now);
  }

  /** The backplane is up again: searches that failed begin anew. */
  restored(): void {
    for (const following of this.#users.values()) if (!following.complete) this.#search.ask(following);
  }

  /** Follows the user for a while if nothing needs her, then no more. */
  rest(following: Following): void {
    if (following.refs > 0 || following.holds || following.linger !== undefined) return;
    const { deadlines, now } = this.#options;
    following.linger = deadlines.add(now() + lingerFor, (later) => {
      following.linger = undefined;
      if (following.refs === 0 && !following.holds) this.#end(following, later);
    });
  }

  #end(following: Following, now: number): void {
    following.subscribed?.stop();
    following.again?.cancel();
    following.announcing?.cancel();
    this.#users.delete(following.user);
    this.#options.ended(following, now);
    this.#search.giveUp(following, now);
  }

  #subscribe(following: Following): void {
    const subject = `${following.holds ? "u" : "w"}.${following.key}`;
    if (following.subscribed?.subject === subject) return;
    const before = following.subscribed;
    const { backplane, deadlines, now, heard } = this.#options;
    const stop = backplane.subscribe(subject, (message, answer) => heard(following, message, answer));
    following.subscribed = { subject, stop };
    // A node that has not heard of the change yet still publishes on the former subject.
    if (before !== undefined) deadlines.add(now() + overlap, () => before.stop());
  }
}
