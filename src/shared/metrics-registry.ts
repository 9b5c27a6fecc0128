/** Tells one value of a metric. Labels come from closed lists only: never a user, a device or an address. */
export type SetValue = (value: number, labels?: Readonly<Record<string, string>>) => void;

/**
 * Where a part registers its metrics. `collect` is called at each scrape and tells the values of that moment. Several parts may
 * register one metric, each for labels of its own. Names are without the prefix that all metrics of the server have.
 */
export interface MetricsRegistry {
  gauge(name: string, help: string, labelNames: readonly string[], collect: (set: SetValue) => void): void;
  /** A counter that the part itself keeps: the values never sink. */
  counter(name: string, help: string, labelNames: readonly string[], collect: (set: SetValue) => void): void;
}
