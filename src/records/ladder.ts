import { type CandidateSum, sizeOfCounts } from "./carried.ts";
import type { LadderRow } from "./record.ts";

/** What a ladder holds at most: its first rows, and the newest ones. */
const [headRows, headBytes] = [375, 24_576];
const [tailRows, tailBytes] = [125, 8_192];

/** A row of candidates alone, as most rows of a long session are. One that is dropped is used again. */
class CandidateRow implements LadderRow {
  at: number;
  from: string;
  to: string;
  readonly type = "signal";
  bytes: number;
  candidates: CandidateSum["counts"];
  declare outcome?: string;

  constructor(at: number, from: string, to: string, { bytes, counts }: CandidateSum) {
    this.at = at;
    this.from = from;
    this.to = to;
    this.bytes = bytes;
    this.candidates = counts;
  }
}

/** The rows of one session. Over its bounds it keeps the first rows and the newest ones, and counts those in between. */
export class Ladder {
  readonly #head: LadderRow[] = [];
  #headBytes = 0;
  /** No row goes into the head after one that did not fit. */
  #headFull = false;
  /** The newest rows with their sizes, in a ring: memory that moves on with every message would all be garbage of the slow kind. */
  readonly #tail: (LadderRow | undefined)[] = [];
  readonly #tailSizes: number[] = [];
  #tailBytes = 0;
  #oldest = 0;
  #kept = 0;
  /** How many of the tail's oldest rows were read: whoever did may keep them. */
  #read = 0;
  skipped = 0;

  get rows(): readonly LadderRow[] {
    if (this.#kept === 0) return this.#head;
    this.#read = this.#kept;
    const rows = [...this.#head];
    for (let n = 0; n < this.#kept; n++) rows.push(this.#tail[(this.#oldest + n) % tailRows] as LadderRow);
    return rows;
  }

  add(row: LadderRow): void {
    const size = sizeOf(row);
    if (this.#fitsHead(size)) this.#head.push(row);
    else {
      this.#makeRoom(size);
      this.#append(row, size);
    }
  }

  /** Adds a row of candidates alone, and returns it. */
  addCandidates(at: number, from: string, to: string, sum: CandidateSum): LadderRow {
    const size = rowSize + from.length + to.length + "signal".length + sum.size;
    const fitsHead = this.#fitsHead(size);
    const spare = fitsHead ? undefined : this.#makeRoom(size);
    const row = spare ?? new CandidateRow(at, from, to, sum);
    if (row === spare) {
      row.at = at;
      row.from = from;
      row.to = to;
      row.bytes = sum.bytes;
      row.candidates = sum.counts;
    }
    if (fitsHead) this.#head.push(row);
    else this.#append(row, size);
    return row;
  }

  /** Puts a row before all others: the request that made the session. */
  first(row: LadderRow): void {
    this.#head.unshift(row);
    this.#headBytes += sizeOf(row);
  }

  /** True where a row of this size goes into the head, which counts it. */
  #fitsHead(size: number): boolean {
    if (this.#headFull) return false;
    if (this.#head.length < headRows && this.#headBytes + size <= headBytes) {
      this.#headBytes += size;
      return true;
    }
    this.#headFull = true;
    return false;
  }

  /** Drops the oldest rows of the tail until one of this size has room. Returns one of them that may be used again. */
  #makeRoom(size: number): CandidateRow | undefined {
    let spare: CandidateRow | undefined;
    while (this.#kept > 0 && (this.#kept === tailRows || this.#tailBytes + size > tailBytes)) {
      const row = this.#tail[this.#oldest];
      if (this.#read > 0) this.#read -= 1;
      else if (row instanceof CandidateRow && row.outcome === undefined) spare = row;
      this.#tail[this.#oldest] = undefined;
      this.#tailBytes -= this.#tailSizes[this.#oldest] ?? 0;
      this.#oldest = (this.#oldest + 1) % tailRows;
      this.#kept -= 1;
      this.skipped += 1;
    }
    return spare;
  }

  /** Adds a row to the tail. One that is larger than that is not kept. */
  #append(row: LadderRow, size: number): void {
    if (this.#tailBytes + size > tailBytes) {
      this.skipped += 1;
      return;
    }
    const place = (this.#oldest + this.#kept) % tailRows;
    this.#tail[place] = row;
    this.#tailSizes[place] = size;
    this.#tailBytes += size;
    this.#kept += 1;
  }
}

/** What a row takes beside its texts, about. */
const rowSize = 64;

/** About its length as JSON: never less than that of what peers can make long. */
function sizeOf(row: LadderRow): number {
  const { from, to, type, note, text, description, candidates, outcome } = row;
  let size =
    rowSize + from.length + to.length + type.length + (note?.length ?? 0) * 2 + (outcome?.length ?? 0);
  if (text !== undefined) size += text.length + 128;
  for (const line of description?.media ?? []) size += 48 + line.codecs.length * 10;
  if (candidates !== undefined) size += sizeOfCounts(candidates);
  return size;
}
