import type { Recording } from "./recordings-api.ts";

/** A moment of a recording. */
export interface Moment {
  readonly recording: Recording;
  /** Seconds from its beginning. */
  readonly at: number;
}

/** All recordings one behind the other, without the time in between. Positions are in seconds. */
export class Timeline {
  readonly #recordings: readonly Recording[];
  readonly length: number;

  /** `recordings`: oldest first. */
  constructor(recordings: readonly Recording[]) {
    this.#recordings = recordings;
    this.length = recordings.reduce((sum, { seconds }) => sum + seconds, 0);
  }

  /** The moment at a position; undefined where there are no recordings. */
  at(position: number): Moment | undefined {
    let begin = 0;
    for (const recording of this.#recordings) {
      if (position < begin + recording.seconds || recording === this.#recordings.at(-1))
        return { recording, at: Math.min(recording.seconds, Math.max(0, position - begin)) };
      begin += recording.seconds;
    }
    return undefined;
  }

  /** Where a recording begins. */
  begin(id: string): number {
    let begin = 0;
    for (const recording of this.#recordings) {
      if (recording.id === id) return begin;
      begin += recording.seconds;
    }
    return 0;
  }

  /** Where each recording but the first one begins, as a share of the whole. */
  get seams(): number[] {
    return this.#recordings.slice(1).map(({ id }) => this.begin(id) / Math.max(1, this.length));
  }

  /** The recording behind this one. */
  next(id: string): Recording | undefined {
    return this.#recordings[this.#recordings.findIndex((one) => one.id === id) + 1];
  }
}

/** When a moment was, as people write it. */
export function momentText({ recording, at }: Moment): string {
  const time = new Date(Date.parse(recording.from) + at * 1_000);
  return time.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}
