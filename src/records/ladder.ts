import type { LadderRow } from "./record.ts";

/** What a ladder holds at most. */
export interface LadderBounds {
  readonly rows: number;
  readonly bytes: number;
}

const ladderBounds: LadderBounds = { rows: 500, bytes: 32_768 };
/** The share of the bounds that is kept for the newest rows. */
const tailShare = 0.25;

/** The rows of one session. Over its bounds it keeps the first rows and the newest ones, and counts those in between. */
export class Ladder {
  readonly #bounds: LadderBounds;
  readonly #head: LadderRow[] = [];
  readonly #tail: LadderRow[] = [];
  readonly #tailSizes: number[] = [];
  #headBytes = 0;
  #tailBytes = 0;
  /** No row goes into the head after one that did not fit. */
  #headFull = false;
  skipped = 0;

  constructor(bounds: LadderBounds = ladderBounds) {
    this.#bounds = bounds;
  }

  get rows(): readonly LadderRow[] {
    return this.#tail.length === 0 ? this.#head : [...this.#head, ...this.#tail];
  }

  add(row: LadderRow): void {
    const { rows, bytes } = this.#bounds;
    const size = sizeOf(row);
    if (!this.#headFull) {
      const fits =
        this.#head.length < rows * (1 - tailShare) && this.#headBytes + size <= bytes * (1 - tailShare);
      if (fits) {
        this.#head.push(row);
        this.#headBytes += size;
        return;
      }
      this.#headFull = true;
    }
    this.#tail.push(row);
    this.#tailSizes.push(size);
    this.#tailBytes += size;
    while (this.#tail.length > rows * tailShare || this.#tailBytes > bytes * tailShare) {
      if (this.#tail.shift() === undefined) break;
      this.#tailBytes -= this.#tailSizes.shift() ?? 0;
      this.skipped += 1;
    }
  }

  /** Puts a row before all others: the request that made the session. */
  first(row: LadderRow): void {
    this.#head.unshift(row);
    this.#headBytes += sizeOf(row);
  }
}

/** About its length as JSON: never less than that of what peers can make long. */
function sizeOf(row: LadderRow): number {
  const { from, to, type, note, text, description, candidates, outcome } = row;
  let size = 64 + from.length + to.length + type.length + (note?.length ?? 0) * 2 + (outcome?.length ?? 0);
  if (text !== undefined) size += text.length + 128;
  for (const line of description?.media ?? []) size += 48 + line.codecs.length * 10;
  if (candidates !== undefined) for (const name in candidates) size += name.length + 6;
  return size;
}
