import type { Limits } from "../../protocol/limits.ts";

/** What all logs of a node hold together. */
export interface LogBudget {
  bytes: number;
}

/** A log as it goes over to another node. */
export interface LogSnapshot {
  readonly first: number;
  readonly last: number;
  readonly frames: readonly string[];
}

const none: string[] = [];

/**
 * The frames of a link that its client has not acknowledged, kept for replay. Contiguous: it holds exactly the
 * frames `first … last`. Over a cap it is emptied rather than thinned, so that a resume is whole or refused.
 */
export class FrameLog {
  #frames = none;
  #bytes = 0;
  /** Number of the first frame that is still kept; `last + 1` when none is. */
  first = 1;
  /** Number of the last frame that was sent. */
  last = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps the frame `last + 1`. False when that broke a cap and the log was emptied, this frame included. */
  append(frame: string, limits: Limits, budget: LogBudget): boolean {
    this.last += 1;
    if (
      this.#frames.length >= limits.logFrames ||
      this.#bytes + frame.length > limits.logBytes ||
      budget.bytes + frame.length > limits.logBytesTotal
    ) {
      this.clear(budget);
      return false;
    }
    // An idle link, of which there are very many, owns no array.
    if (this.#frames === none) this.#frames = [];
    this.#frames.push(frame);
    this.#bytes += frame.length;
    budget.bytes += frame.length;
    return true;
  }

  /** Forgets everything up to `seq`, which the client has. */
  trim(seq: number, budget: LogBudget): void {
    const count = Math.min(seq - this.first + 1, this.#frames.length);
    if (count <= 0) return;
    let freed = 0;
    for (let i = 0; i < count; i++) freed += this.#frames[i]!.length;
    if (count === this.#frames.length) this.#frames = none;
    else this.#frames.splice(0, count);
    this.#bytes -= freed;
    budget.bytes -= freed;
    this.first += count;
  }

  /** Forgets everything. */
  clear(budget: LogBudget): void {
    budget.bytes -= this.#bytes;
    this.#bytes = 0;
    this.#frames = none;
    this.first = this.last + 1;
  }

  snapshot(): LogSnapshot {
    return { first: this.first, last: this.last, frames: this.#frames };
  }

  /** Becomes the log that another node had. Over a bound of this node it is empty, and a resume refused. */
  restore({ first, last, frames }: LogSnapshot, limits: Limits, budget: LogBudget): void {
    this.clear(budget);
    this.last = first - 1;
    this.first = first;
    for (const frame of frames) if (!this.append(frame, limits, budget)) break;
    this.last = last;
  }

  /** True when every frame after `seq` is here, so that the client misses nothing. */
  reaches(seq: number): boolean {
    return seq <= this.last && seq + 1 >= this.first;
  }

  /** The frames after `seq`, in order. */
  after(seq: number): readonly string[] {
    return this.#frames.slice(Math.max(0, seq + 1 - this.first));
  }
}
