import type { CandidateSum } from "./carried.ts";
import type { LadderRow } from "./record.ts";

/** What a tail holds at most. */
const [mostRows, mostBytes] = [125, 8_192];
/** Kinds of candidate rows that a tail tells apart. Rows of further kinds are kept as they are. */
const mostKinds = 32;

/** The numbers of a row, and which is which. Its kind is an index, or `mostKinds` for a row that is kept as it is. */
const width = 4;
const [kindAt, sizeAt, timeAt, bytesAt] = [0, 1, 2, 3];
/** Some 49 days in ms, the most that a number holds. */
const mostTime = 2 ** 32 - 1;

/** What many rows of candidates have in common. */
type Kind = Pick<LadderRow, "from" | "to"> & Pick<CandidateSum, "counts">;

/**
 * The newest rows of a ladder, in a ring. Rows of candidates alone, which most are, are kept as a few numbers and made when they are read:
 * objects that live until 80 newer ones have come would all be garbage of the expensive kind, two for each relayed message.
 */
export class LadderTail {
  /** Of each row its kind, its size, and where it has one its time and its bytes: side by side, for each row is a visit to cold memory. */
  readonly #numbers = new Uint32Array(mostRows * width);
  readonly #kinds: Kind[] = [];
  /** The kind of the newest row of candidates: two who talk take turns. */
  #latest = 0;
  readonly #others: (LadderRow | undefined)[] = [];
  #oldest = 0;
  #kept = 0;
  #size = 0;
  /** Rows that were dropped. */
  skipped = 0;

  /** The rows, the oldest first. */
  rows(): LadderRow[] {
    return Array.from({ length: this.#kept }, (_, n) => this.#rowAt(this.#place(n)));
  }

  add(row: LadderRow, size: number): void {
    const place = this.#take(size);
    if (place === undefined) return;
    this.#numbers[place * width + kindAt] = mostKinds;
    this.#others[place] = row;
  }

  addCandidates(at: number, from: string, to: string, sum: CandidateSum, size: number): void {
    const { bytes, counts } = sum;
    const kind = this.#kind(from, to, counts);
    if (kind === mostKinds) {
      this.add({ at, from, to, type: "signal", bytes, candidates: counts }, size);
      return;
    }
    const place = this.#take(size);
    if (place === undefined) return;
    this.#numbers[place * width + kindAt] = kind;
    this.#numbers[place * width + timeAt] = Math.min(at, mostTime);
    this.#numbers[place * width + bytesAt] = bytes;
  }

  /** The outcome of the newest row. */
  set outcome(outcome: string) {
    if (this.#kept === 0) return;
    const place = this.#place(this.#kept - 1);
    this.#others[place] = { ...this.#rowAt(place), outcome };
    this.#numbers[place * width + kindAt] = mostKinds;
  }

  /** Where the row is that has so many before it. */
  #place(n: number): number {
    const place = this.#oldest + n;
    return place < mostRows ? place : place - mostRows;
  }

  #rowAt(place: number): LadderRow {
    const number = (which: number): number => this.#numbers[place * width + which] as number;
    const kind = this.#kinds[number(kindAt)];
    if (kind === undefined) return this.#others[place] as LadderRow;
    const { from, to, counts } = kind;
    const [at, bytes] = [number(timeAt), number(bytesAt)];
    return { at, from, to, type: "signal", bytes, candidates: counts };
  }

  #kind(from: string, to: string, counts: CandidateSum["counts"]): number {
    const kinds = this.#kinds;
    for (let n = kinds.length; n > 0; n--) {
      this.#latest = this.#latest + 1 < kinds.length ? this.#latest + 1 : 0;
      const known = kinds[this.#latest] as Kind;
      if (known.counts === counts && known.from === from && known.to === to) return this.#latest;
    }
    return kinds.length === mostKinds ? mostKinds : kinds.push({ from, to, counts }) - 1;
  }

  /** Makes room for a row of this size, at the cost of the oldest ones. Undefined for one that is larger than that. */
  #take(size: number): number | undefined {
    while (this.#kept > 0 && (this.#kept === mostRows || this.#size + size > mostBytes)) {
      const oldest = this.#oldest * width;
      if (this.#numbers[oldest + kindAt] === mostKinds) this.#others[this.#oldest] = undefined;
      this.#size -= this.#numbers[oldest + sizeAt] as number;
      this.#oldest = this.#place(1);
      this.#kept -= 1;
      this.skipped += 1;
    }
    if (size > mostBytes) {
      this.skipped += 1;
      return undefined;
    }
    const place = this.#place(this.#kept);
    this.#numbers[place * width + sizeAt] = size;
    this.#size += size;
    this.#kept += 1;
    return place;
  }
}
