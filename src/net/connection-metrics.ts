import type { MetricsRegistry } from "../shared/metrics-registry.ts";
import type { CutReason } from "./connection-caps.ts";
import { descriptorsShort } from "./descriptors.ts";

/** Counts the connections that listeners close as they come, for the metrics. */
export class CutConnections {
  readonly #counts: Record<CutReason, number> = { address: 0, total: 0, descriptors: 0 };

  count(reason: CutReason): void {
    this.#counts[reason]++;
  }

  register(registry: MetricsRegistry): void {
    const help = "Connections that were closed as they came.";
    registry.counter("connections_cut_total", help, ["reason"], (set) => {
      for (const [reason, count] of Object.entries(this.#counts)) set(count, { reason });
    });
    registry.gauge("descriptors_short", "1 while no file descriptors are left for newcomers.", [], (set) =>
      set(descriptorsShort() ? 1 : 0),
    );
  }
}
