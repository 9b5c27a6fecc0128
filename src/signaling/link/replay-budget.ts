/** A log, as far as the budget has to do with it. */
export interface BudgetedLog {
  /** What it costs. */
  readonly bytes: number;
  /** Forgets everything. */
  clear(budget: ReplayBudget): void;
}

interface Share {
  bytes: number;
  readonly logs: Set<BudgetedLog>;
}

/**
 * What the logs of a node hold together, and each user's share of it. Users are kept in classes, one for each power of two,
 * so that a change costs the same however many users there are, and one with nearly the largest share is found at once.
 */
export class ReplayBudget {
  bytes = 0;
  readonly #shares = new Map<string, Share>();
  /** Users by the number of bits of their share. */
  readonly #classes: Set<string>[] = [];

  /** The log of one of the user's links has grown by so many bytes, or shrunk; `empty`: it holds nothing now. */
  changed(user: string, log: BudgetedLog, delta: number, empty: boolean): void {
    this.bytes += delta;
    let share = this.#shares.get(user);
    if (share === undefined) {
      if (empty) return;
      share = { bytes: 0, logs: new Set() };
      this.#shares.set(user, share);
    }
    const before = classOf(share.bytes);
    share.bytes += delta;
    if (empty) share.logs.delete(log);
    else share.logs.add(log);
    const after = share.logs.size === 0 ? 0 : classOf(share.bytes);
    if (before !== after) {
      if (before > 0) this.#classes[before]?.delete(user);
      if (after > 0) this.#classAt(after).add(user);
    }
    if (share.logs.size === 0) this.#shares.delete(user);
  }

  /** The largest log of a user whose share is at least half of the largest one. Undefined where no log holds anything. */
  get largest(): BudgetedLog | undefined {
    const [user] = this.#classes.findLast((users) => users.size > 0) ?? [];
    let largest: BudgetedLog | undefined;
    for (const log of this.#shares.get(user ?? "")?.logs ?? [])
      if (largest === undefined || log.bytes > largest.bytes) largest = log;
    return largest;
  }

  #classAt(number: number): Set<string> {
    while (this.#classes.length <= number) this.#classes.push(new Set());
    return this.#classes[number] as Set<string>;
  }
}

const classOf = (bytes: number): number => (bytes <= 0 ? 0 : 32 - Math.clz32(Math.min(bytes, 0x7fffffff)));
