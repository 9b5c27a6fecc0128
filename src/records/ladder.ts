import { type CandidateSum, sizeOfCounts } from "./carried.ts";
import { LadderTail } from "./ladder-tail.ts";
import type { LadderRow } from "./record.ts";

/** What a ladder holds of its first rows; the newest ones are in its tail. */
const [headRows, headBytes] = [375, 24_576];

/** The rows of one session. Over its bounds it keeps the first rows and the newest ones, and counts those in between. */
export class Ladder {
  readonly #head: LadderRow[] = [];
  #headBytes = 0;
  /** Undefined while every row was added to the head. After one that did not fit, none is. */
  #tail: LadderTail | undefined;

  get rows(): readonly LadderRow[] {
    return this.#tail === undefined ? this.#head : [...this.#head, ...this.#tail.rows()];
  }

  get skipped(): number {
    return this.#tail?.skipped ?? 0;
  }

  add(row: LadderRow): void {
    const size = sizeOf(row);
    const tail = this.#tailFor(size);
    if (tail === undefined) this.#head.push(row);
    else tail.add(row, size);
  }

  /** Adds a row of candidates alone. Until the next row is added, its outcome can be set on what this returns. */
  addCandidates(at: number, from: string, to: string, sum: CandidateSum): Pick<LadderRow, "outcome"> {
    const size = rowSize + from.length + to.length + "signal".length + sum.size;
    const tail = this.#tailFor(size);
    if (tail !== undefined) {
      tail.addCandidates(at, from, to, sum, size);
      return tail;
    }
    const row: LadderRow = { at, from, to, type: "signal", bytes: sum.bytes, candidates: sum.counts };
    this.#head.push(row);
    return row;
  }

  /** Puts a row before all others: the request that made the session. */
  first(row: LadderRow): void {
    this.#head.unshift(row);
    this.#headBytes += sizeOf(row);
  }

  /** Where a row of this size goes: undefined for the head, which counts it. */
  #tailFor(size: number): LadderTail | undefined {
    if (this.#tail !== undefined) return this.#tail;
    if (this.#head.length < headRows && this.#headBytes + size <= headBytes) {
      this.#headBytes += size;
      return undefined;
    }
    this.#tail = new LadderTail();
    return this.#tail;
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
  if (description?.fingerprint !== undefined) size += 56;
  for (const line of description?.media ?? []) size += 48 + line.codecs.length * 10;
  if (candidates !== undefined) size += sizeOfCounts(candidates);
  return size;
}
