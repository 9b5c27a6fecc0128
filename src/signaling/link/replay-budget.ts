/** What a log is to the budget. */
interface BudgetedLog {
  readonly bytes: number;
  /** Forgets all that it holds. */
  clear(budget: ReplayBudget): void;
}

/** What the logs of one user hold. A log that holds something keeps its user's, so that a change finds it without a look-up. */
export interface Share {
  readonly user: string;
  bytes: number;
  /** Those that hold something. */
  readonly logs: BudgetedLog[];
  /** See {@link classOf}. */
  number: number;
}

/**
 * What the logs of a node hold together, and each user's share of it. Users are kept in classes, one for each power of two,
 * so that a change costs the same however many users there are, and one with nearly the largest share is found at once.
 */
export class ReplayBudget {
  bytes = 0;
  readonly #shares = new Map<string, Share>();
  /** Shares by their class. */
  readonly #classes: Set<Share>[] = [];

  /** The log of one of the user's links holds something from now on: what it holds is told by {@link changed}. */
  began(user: string, log: BudgetedLog): Share {
    let share = this.#shares.get(user);
    if (share === undefined) {
      share = { user, bytes: 0, logs: [], number: leastClass };
      this.#shares.set(user, share);
      this.#classAt(leastClass).add(share);
    }
    share.logs.push(log);
    return share;
  }

  /** A log of that share has grown by so many bytes, or shrunk. */
  changed(share: Share, delta: number): void {
    this.bytes += delta;
    share.bytes += delta;
    const number = classOf(share.bytes);
    if (number === share.number) return;
    this.#classes[share.number]?.delete(share);
    this.#classAt(number).add(share);
    share.number = number;
  }

  /** The log holds nothing any more. */
  emptied(share: Share, log: BudgetedLog): void {
    const { logs } = share;
    logs.splice(logs.indexOf(log), 1);
    if (logs.length > 0) return;
    this.#shares.delete(share.user);
    this.#classes[share.number]?.delete(share);
  }

  /**
   * The largest log of a user whose share is at least half of the largest one, or who has as little as everybody. Undefined where no log
   * holds anything.
   */
  get largest(): BudgetedLog | undefined {
    const [share] = this.#classes.findLast((shares) => shares.size > 0) ?? [];
    let largest: BudgetedLog | undefined;
    for (const log of share?.logs ?? [])
      if (largest === undefined || log.bytes > largest.bytes) largest = log;
    return largest;
  }

  #classAt(number: number): Set<Share> {
    while (this.#classes.length <= number) this.#classes.push(new Set());
    return this.#classes[number] as Set<Share>;
  }
}

/** Shares below 8 KiB are of one class: those of most users, which grow and shrink all the time. */
const leastClass = 13;

/** The number of bits of a share. */
function classOf(bytes: number): number {
  return Math.max(leastClass, 32 - Math.clz32(Math.min(Math.max(bytes, 0), 0x7fffffff)));
}
