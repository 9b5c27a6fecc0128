import type { MetricsRegistry } from "../shared/metrics-registry.ts";

/** What is shown of a TURN server. */
export interface TurnNumbers {
  readonly allocations: number;
  readonly connections: number;
  readonly allocationsOpened: number;
  readonly toPeerMessages: number;
  readonly toPeerBytes: number;
  readonly toClientMessages: number;
  readonly toClientBytes: number;
  /** By rule, all of a fixed set. */
  readonly refused: Readonly<Record<string, number>>;
}

/** Registers the metrics of the embedded TURN server. */
export function registerTurnMetrics(registry: MetricsRegistry, numbers: () => TurnNumbers): void {
  registry.gauge("turn_allocations", "Live TURN allocations.", [], (set) => set(numbers().allocations));
  registry.gauge("turn_connections", "TCP and TLS connections of TURN clients.", [], (set) =>
    set(numbers().connections),
  );
  registry.counter("turn_allocations_total", "TURN allocations that were made.", [], (set) =>
    set(numbers().allocationsOpened),
  );
  registry.counter("turn_messages_total", "Messages that TURN relayed.", ["direction"], (set) => {
    const { toPeerMessages, toClientMessages } = numbers();
    set(toPeerMessages, { direction: "to_peer" });
    set(toClientMessages, { direction: "to_client" });
  });
  registry.counter("turn_bytes_total", "Bytes of payload that TURN relayed.", ["direction"], (set) => {
    const { toPeerBytes, toClientBytes } = numbers();
    set(toPeerBytes, { direction: "to_peer" });
    set(toClientBytes, { direction: "to_client" });
  });
  registry.counter("turn_refused_total", "What TURN refused or dropped.", ["rule"], (set) => {
    for (const [rule, count] of Object.entries(numbers().refused)) set(count, { rule });
  });
}
