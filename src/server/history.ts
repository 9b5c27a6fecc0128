import { every } from "../net/clock.ts";
import type { CoreEvent } from "../signaling/events.ts";
import { type History, StatisticsHistory } from "../telemetry/history.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { CoreContext } from "./service.ts";

/** A sample each five seconds, for an hour. */
const [interval, samples] = [5_000, 720];

/** Samples of this node for the console's graphs. */
export function startHistory({
  core,
  metrics,
  now,
  fault,
}: Pick<CoreContext, "core" | "metrics" | "now" | "fault">) {
  const history = new StatisticsHistory(interval, samples);
  const sample = (): void => history.sample(now(), gauges(core.stats(), metrics), counters(metrics));
  return {
    heard: (event: CoreEvent): void => history.heard(event),
    since: (moment: number): History => history.since(moment),
    stop: every(interval, sample, (error) => fault("history", error)),
  };
}

function gauges(stats: ReturnType<CoreContext["core"]["stats"]>, metrics: Metrics): Record<string, number> {
  const { linksLive, linksSuspended, devices, users, rooms } = stats;
  const { sessionsRinging, sessionsActive, sessionsPublishing, sessionsViewing } = stats;
  const protocols: Record<string, number> = { "protocol.native": devices };
  for (const { value, labels } of metrics.values("gateway_devices")) {
    protocols[`protocol.${labels.gateway}`] = value;
    protocols["protocol.native"] = Math.max(0, (protocols["protocol.native"] ?? 0) - value);
  }
  return {
    ...{ links: linksLive, suspended: linksSuspended, devices, users, rooms },
    ringing: sessionsRinging,
    active: sessionsActive - sessionsPublishing - sessionsViewing,
    ...{ publishing: sessionsPublishing, viewing: sessionsViewing },
    allocations: sum(metrics, "turn_allocations"),
    packets: sum(metrics, "media_packets_per_second"),
    ...protocols,
  };
}

function counters(metrics: Metrics): Record<string, number> {
  const causes = metrics.values("session_causes_total");
  return {
    turnBytes: sum(metrics, "turn_bytes_total"),
    ...Object.fromEntries(causes.map(({ value, labels }) => [`cause.${labels.cause}`, value])),
  };
}

function sum(metrics: Metrics, name: string): number {
  return metrics.values(name).reduce((total, { value }) => total + value, 0);
}
