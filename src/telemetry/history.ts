import type { CoreEvent } from "../signaling/events.ts";

/** Names of series and their values. */
export type Values = Readonly<Record<string, number>>;

/** Series of samples, all as long as `at`, the oldest first. */
export interface History {
  /** ms between two samples. */
  readonly every: number;
  /** When each sample was taken. Unix ms. */
  readonly at: readonly number[];
  readonly series: Readonly<Record<string, readonly number[]>>;
}

/** Series that it keeps at most: a name over that is left out. */
const mostSeries = 100;
/** Set-ups of one interval that the percentiles are made of. */
const mostSetUps = 2_000;

/**
 * What graphs are drawn of: the last `length` samples of each series. Gauges are kept as they are; of counters, how much they grew since
 * the sample before. From the core's events it makes `started` and `ended` (calls), `failed` (calls that were accepted and never had
 * media), and `setUp50` and `setUp95`: ms from accept to media.
 */
export class StatisticsHistory {
  readonly every: number;
  readonly #length: number;
  #at: number[] = [];
  readonly #series = new Map<string, number[]>();
  readonly #before = new Map<string, number>();
  #started = 0;
  #ended = 0;
  #failed = 0;
  #setUps: number[] = [];

  constructor(every: number, length: number) {
    this.every = every;
    this.#length = length;
  }

  heard(event: CoreEvent): void {
    if (event.type === "session_started") this.#started += 1;
    if (event.type !== "session_ended" || event.record.kind !== "call") return;
    const { acceptedAt, connectedAt } = event.record;
    this.#ended += 1;
    if (acceptedAt === undefined) return;
    if (connectedAt === undefined) this.#failed += 1;
    else if (this.#setUps.length < mostSetUps) this.#setUps.push(connectedAt - acceptedAt);
  }

  /** Takes a sample. */
  sample(at: number, gauges: Values, counters: Values): void {
    const setUps = this.#setUps.toSorted((one, other) => one - other);
    const values: Record<string, number> = {
      ...gauges,
      ...{ started: this.#started, ended: this.#ended, failed: this.#failed },
      ...{ setUp50: percentile(setUps, 0.5), setUp95: percentile(setUps, 0.95) },
    };
    [this.#started, this.#ended, this.#failed, this.#setUps] = [0, 0, 0, []];
    for (const [name, total] of Object.entries(counters)) {
      values[name] = Math.max(0, total - (this.#before.get(name) ?? 0));
      this.#before.set(name, total);
    }
    this.#at.push(at);
    for (const name of Object.keys(values))
      if (!this.#series.has(name) && this.#series.size < mostSeries)
        this.#series.set(name, new Array(this.#at.length - 1).fill(0));
    for (const [name, series] of this.#series) series.push(values[name] ?? 0);
    if (this.#at.length <= this.#length) return;
    this.#at.shift();
    for (const series of this.#series.values()) series.shift();
  }

  /** The samples that were taken after that moment. Unix ms. */
  since(moment: number): History {
    const first = this.#at.findIndex((at) => at > moment);
    const from = first < 0 ? this.#at.length : first;
    const series = [...this.#series].map(([name, values]) => [name, values.slice(from)] as const);
    return { every: this.every, at: this.#at.slice(from), series: Object.fromEntries(series) };
  }
}

function percentile(sorted: readonly number[], share: number): number {
  return Math.round(sorted[Math.ceil(sorted.length * share) - 1] ?? 0);
}
