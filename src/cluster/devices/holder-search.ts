import type { Deadlines } from "../../shared/deadlines.ts";
import type { Backplane } from "../backplane.ts";
import type { Nodes } from "../nodes.ts";
import type { Following, Ready } from "./following.ts";

/** Asks all nodes which of them hold devices of the user. Each holder sends its list to `by`. */
export interface HolderQuestion {
  readonly op: "who";
  readonly by: string;
}

/** The first answer counts, and names all holders. */
export interface HolderAnswer {
  readonly holders: readonly string[];
}

export interface HolderSearchOptions {
  readonly nodes: Nodes;
  readonly backplane: Backplane;
  readonly deadlines: Deadlines;
  now(): number;
  /** False when the user is followed no longer. */
  current(following: Following): boolean;
  /** That node holds no devices of the user, whatever it has listed before. */
  none(following: Following, node: string, now: number): void;
}

/** ms */
const askTimeout = 1_000;
/** How long after a question that failed it is asked again. ms */
const askAgain = [500, 1_000, 4_000] as const;

/**
 * Finds all nodes that hold devices of a user. The first answer names them, and the search is complete when each has
 * sent its list. Where no node answers it is complete at once.
 */
export class HolderSearch {
  readonly #options: HolderSearchOptions;

  constructor(options: HolderSearchOptions) {
    this.#options = options;
  }

  /** Calls back with true when all holders have sent their lists, and with false when they could not be asked. */
  whenComplete(following: Following, ready: Ready): void {
    const { nodes, now } = this.#options;
    if (following.complete) ready(true, now());
    // Callers that wait already are called first.
    else if (!nodes.reachable && following.ready.length === 0) ready(false, now());
    else {
      following.ready.push(ready);
      if (!following.asking && following.awaited === undefined) this.ask(following);
    }
  }

  /** Asks which nodes hold devices of the user. */
  ask(following: Following): void {
    const { backplane, nodes, now, current } = this.#options;
    following.again?.cancel();
    following.again = undefined;
    following.asking = true;
    following.awaited = undefined;
    following.answered.clear();
    const question: HolderQuestion = { op: "who", by: nodes.name };
    backplane.request(`u.${following.key}`, question, askTimeout, (answer) => {
      following.asking = false;
      if (!current(following)) return;
      if (answer.kind === "no_responders") this.#nobody(following, now());
      else if (answer.kind === "reply") this.#named(following, answer.reply as HolderAnswer, now());
      else this.#failed(following, now());
    });
  }

  /** A node has sent its list. */
  answered(following: Following, node: string, now: number): void {
    following.answered.add(node);
    following.awaited?.delete(node);
    this.#check(following, now);
  }

  /** Calls back with false whoever waits: the user is followed no longer. */
  giveUp(following: Following, now: number): void {
    this.#tell(following, false, now);
  }

  #nobody(following: Following, now: number): void {
    for (const node of [...following.lists.keys()].filter((one) => !following.answered.has(one)))
      this.#options.none(following, node, now);
    this.#completed(following, now);
  }

  #named(following: Following, { holders }: HolderAnswer, now: number): void {
    const { nodes, deadlines } = this.#options;
    following.awaited = new Set(
      holders.filter((node) => node !== nodes.name && !following.answered.has(node)),
    );
    this.#check(following, now);
    // A holder that was named may have just died.
    if (following.awaited !== undefined)
      following.again = deadlines.add(now + askTimeout, (later) => this.#failed(following, later));
  }

  #failed(following: Following, now: number): void {
    following.awaited = undefined;
    const wait = askAgain[Math.min(following.failures, askAgain.length - 1)] as number;
    following.failures += 1;
    following.again?.cancel();
    following.again = this.#options.deadlines.add(now + wait, () => {
      following.again = undefined;
      this.ask(following);
    });
    this.#tell(following, false, now);
  }

  #check(following: Following, now: number): void {
    if (following.awaited?.size === 0) this.#completed(following, now);
  }

  #completed(following: Following, now: number): void {
    following.awaited = undefined;
    following.again?.cancel();
    following.again = undefined;
    following.failures = 0;
    following.complete = true;
    this.#tell(following, true, now);
  }

  #tell(following: Following, complete: boolean, now: number): void {
    for (const ready of following.ready.splice(0)) ready(complete, now);
  }
}
