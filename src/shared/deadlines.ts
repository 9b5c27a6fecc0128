/** Something that is due at a certain time. */
export interface Deadline {
  readonly at: number;
  /** Cancels the deadline. Does nothing if it has run or was cancelled before. */
  cancel(): void;
}

/** The time until the deadline, in ms. */
export function dueIn(deadline: Deadline | undefined, now: number): number | undefined {
  return deadline === undefined ? undefined : deadline.at - now;
}

/** The most deadlines that one {@link Deadlines.run} runs. The others stay due, so that a flood can't block the process. */
const runLimit = 100_000;

/**
 * Deadlines in order of time; equal times in the order in which they were added. It has no timer: its owner asks for `next` and
 * calls `run`. Adding and cancelling cost O(log n), and a cancelled deadline takes no memory.
 */
export class Deadlines {
  readonly #heap: Entry[] = [];
  #added = 0;

  /** The time of the earliest deadline; undefined when there is none. */
  get next(): number | undefined {
    return this.#heap[0]?.at;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** Calls `due` once, in the first `run` at or after `at`. */
  add(at: number, due: (now: number) => void): Deadline {
    return new Entry(this.#heap, at, this.#added++, due);
  }

  /**
   * Runs what is due, in order of time, including what is added meanwhile and is due too (up to a limit). If a `due` throws, the
   * exception goes to the caller, that deadline has run, and the others stay due.
   */
  run(now: number): void {
    for (let left = runLimit; left > 0; left--) {
      const first = this.#heap[0];
      if (first === undefined || first.at > now) return;
      first.cancel();
      first.due(now);
    }
  }
}

/** A node of a binary heap. It knows its index, so that it can be removed from the middle. */
class Entry implements Deadline {
  readonly at: number;
  readonly due: (now: number) => void;
  readonly #order: number;
  readonly #heap: Entry[];
  /** Its index in the heap; -1 once it was removed. */
  #index: number;

  constructor(heap: Entry[], at: number, order: number, due: (now: number) => void) {
    this.at = at;
    this.due = due;
    this.#order = order;
    this.#heap = heap;
    this.#index = heap.length;
    heap.push(this);
    this.#rise();
  }

  cancel(): void {
    if (this.#index < 0) return;
    const last = this.#heap.pop() as Entry;
    if (last !== this) {
      last.#put(this.#index);
      last.#rise();
      last.#sink();
    }
    this.#index = -1;
  }

  #rise(): void {
    while (this.#index > 0) {
      const parent = this.#heap[(this.#index - 1) >> 1] as Entry;
      if (parent.#before(this)) return;
      this.#swap(parent);
    }
  }

  #sink(): void {
    for (;;) {
      const left = this.#heap[2 * this.#index + 1];
      const right = this.#heap[2 * this.#index + 2];
      if (left === undefined) return;
      const child = right === undefined || left.#before(right) ? left : right;
      if (this.#before(child)) return;
      this.#swap(child);
    }
  }

  #before(other: Entry): boolean {
    return this.at < other.at || (this.at === other.at && this.#order < other.#order);
  }

  #swap(other: Entry): void {
    const index = this.#index;
    this.#put(other.#index);
    other.#put(index);
  }

  #put(index: number): void {
    this.#heap[index] = this;
    this.#index = index;
  }
}
