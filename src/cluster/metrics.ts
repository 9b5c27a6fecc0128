import type { MetricsRegistry } from "../shared/metrics-registry.ts";
import type { ClusterStats } from "./cluster-host.ts";

const nothing: ClusterStats = { peers: 0, devices: 0, users: 0, sessions: 0, backlog: 0, malformed: 0 };

/** Registers the metrics of what this node has to do with others. */
export function registerClusterMetrics(
  registry: MetricsRegistry,
  numbers: () => ClusterStats | undefined,
): void {
  const stats = (): ClusterStats => numbers() ?? nothing;
  registry.gauge("cluster_peers", "Other nodes that are there.", [], (set) => set(stats().peers));
  registry.gauge("cluster_known", "What is known of other nodes.", ["what"], (set) => {
    const { devices, users, sessions } = stats();
    set(devices, { what: "devices" });
    set(users, { what: "users" });
    set(sessions, { what: "sessions" });
  });
  registry.gauge("cluster_backlog", "What waits to reach other nodes.", [], (set) => set(stats().backlog));
  registry.counter(
    "cluster_malformed_total",
    "Messages and items of other nodes that had the wrong shape, and were dropped.",
    [],
    (set) => set(stats().malformed),
  );
}
