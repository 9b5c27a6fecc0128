import type { MetricsRegistry } from "../shared/metrics-registry.ts";
import type { WorkerReport } from "./control.ts";

/** Numbers of the media server, for metrics. */
export interface MediaNumbers {
  readonly streams: number;
  /** Of each worker that runs. */
  readonly reports: readonly WorkerReport[];
  /** Workers that died since the start. */
  readonly died: number;
  /** Pushes by state, and attempts that failed since the start. */
  readonly pushes: Readonly<Record<string, number>>;
  readonly pushFailures: number;
  /** How packets are sealed and sent, such as `libcrypto` and `sendmmsg`. */
  readonly crypto: string;
  readonly sending: string;
}

/** Registers the metrics of the media server. */
export function registerMediaMetrics(registry: MetricsRegistry, numbers: () => MediaNumbers): void {
  const sum = (of: (report: WorkerReport) => number): number =>
    numbers().reports.reduce((total, report) => total + of(report), 0);
  registry.gauge("media_streams", "Streams that are live, or whose publisher is waited for.", [], (set) =>
    set(numbers().streams),
  );
  registry.gauge("media_peers", "Publishers and viewers.", ["role"], (set) => {
    set(
      sum(({ publishers }) => publishers),
      { role: "publisher" },
    );
    set(
      sum(({ viewers }) => viewers),
      { role: "viewer" },
    );
  });
  registry.gauge("media_packets_per_second", "Packets that all workers forward a second.", [], (set) =>
    set(sum(({ packetsPerSecond }) => packetsPerSecond)),
  );
  registry.gauge(
    "media_lag_ms",
    "How late the timers of the slowest worker are, at the 99th percentile.",
    [],
    (set) => set(Math.max(0, ...numbers().reports.map(({ lag }) => lag))),
  );
  registry.gauge(
    "media_workers",
    "Workers that run, by what seals and sends their packets.",
    ["crypto", "sending"],
    (set) => {
      const { reports, crypto, sending } = numbers();
      set(reports.length, { crypto, sending });
    },
  );
  registry.gauge("media_pushes", "Pushes to other servers, by state.", ["state"], (set) => {
    for (const [state, count] of Object.entries(numbers().pushes)) set(count, { state });
  });
  registry.counter(
    "media_push_failures_total",
    "Attempts to push a stream that failed or ended.",
    [],
    (set) => set(numbers().pushFailures),
  );
  registry.counter(
    "media_workers_died_total",
    "Workers that ended by themselves and were started again.",
    [],
    (set) => set(numbers().died),
  );
  registry.counter(
    "media_packets_total",
    "What became of packets and requests: forwarded, repeated, refused, dropped by reason, and others.",
    ["event"],
    (set) => {
      const totals = new Map<string, number>();
      for (const { counters } of numbers().reports)
        for (const [event, count] of Object.entries(counters))
          totals.set(event, (totals.get(event) ?? 0) + count);
      for (const [event, count] of totals) set(count, { event });
    },
  );
}
