import type { MetricsRegistry } from "../shared/metrics-registry.ts";

/**
 * What became of a message of a gateway's protocol. `unauthorized`: its credentials were refused. `limited`: it was refused because
 * a limit was reached. Both were `taken` as well.
 */
export type MessageKind = "taken" | "malformed" | "sent" | "unauthorized" | "limited";

export type MessageCounts = Readonly<Record<MessageKind, number>>;

/** Numbers of one gateway, for metrics. */
export interface GatewayNumbers {
  /** Devices that are signed in by it. */
  readonly devices: number;
  /** Legs of calls. */
  readonly calls: number;
  /** Connections of its clients. */
  readonly connections: number;
  /** Since the start. */
  readonly messages: MessageCounts;
}

/** Registers the metrics that all gateways have, with the label `gateway`. */
export function registerGatewayMetrics(
  registry: MetricsRegistry,
  gateway: string,
  numbers: () => GatewayNumbers,
): void {
  const labels = { gateway };
  registry.gauge("gateway_devices", "Devices that are signed in by a gateway.", ["gateway"], (set) =>
    set(numbers().devices, labels),
  );
  registry.gauge("gateway_calls", "Legs of calls at a gateway.", ["gateway"], (set) =>
    set(numbers().calls, labels),
  );
  registry.gauge("gateway_connections", "Connections of a gateway's clients.", ["gateway"], (set) =>
    set(numbers().connections, labels),
  );
  registry.counter(
    "gateway_messages_total",
    "Messages of a gateway's protocol.",
    ["gateway", "kind"],
    (set) => {
      for (const [kind, count] of Object.entries(numbers().messages)) set(count, { ...labels, kind });
    },
  );
}
