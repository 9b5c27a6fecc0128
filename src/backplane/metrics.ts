import type { Backplane } from "../cluster/backplane.ts";
import type { MetricsRegistry } from "../shared/metrics-registry.ts";
import type { NatsCounts } from "./nats.ts";

/** Registers the metrics of what joins this node to others. */
export function registerBackplaneMetrics(
  registry: MetricsRegistry,
  backplane: Pick<Backplane, "state">,
  counts: () => NatsCounts,
): void {
  registry.gauge("backplane_up", "1 while the backplane is up.", [], (set) =>
    set(backplane.state === "up" ? 1 : 0),
  );
  registry.counter("backplane_messages_total", "Messages to and from other nodes.", ["direction"], (set) => {
    const { sent, received } = counts();
    set(sent, { direction: "sent" });
    set(received, { direction: "received" });
  });
  registry.counter("backplane_dropped_total", "Messages that were lost here.", ["reason"], (set) => {
    const { dropped, unreadable } = counts();
    set(dropped, { reason: "not_sent" });
    set(unreadable, { reason: "unreadable" });
  });
  registry.counter("backplane_requests_total", "Requests to other nodes.", ["outcome"], (set) => {
    for (const [outcome, count] of Object.entries(counts().requests)) set(count, { outcome });
  });
}
