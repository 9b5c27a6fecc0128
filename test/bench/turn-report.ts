import { machine } from "./report.ts";
import { relayClients, type TurnBenchSize, type TurnFigures } from "./turn.ts";

/** What was to be reached: CPU for each delivered message, in coturn's. */
const goals = [1, 2] as const;

/** The figures as Markdown; coturn is the first. Medians of the rounds, and the least and most in brackets. */
export function turnReport(
  figures: readonly TurnFigures[],
  { rounds, messages, allocations }: TurnBenchSize,
): string {
  const reference = median(figures[0]?.perMessage ?? []);
  const rows = figures.map(({ name, perMessage, lost, ...rest }) => {
    const cost = median(perMessage);
    return [
      `| ${name}`,
      `${cost.toFixed(1)} µs (${Math.min(...perMessage).toFixed(1)}–${Math.max(...perMessage).toFixed(1)})`,
      `${(cost / reference).toFixed(2)} ×`,
      `${lost}`,
      `${rest.perAllocation.toFixed(0)} µs`,
      `${rest.allocationsPerSecond.toFixed(0)}`,
      `${rest.allocationMemory.toFixed(1)} KiB |`,
    ].join(" | ");
  });
  const verdicts = figures.slice(1).map(({ name, perMessage }, index) => {
    const [ratio, goal] = [median(perMessage) / reference, goals[index] ?? 1];
    return `- ${name} ≤ ${goal.toFixed(1)} × coturn: ${ratio.toFixed(2)} ×: ${ratio <= goal ? "reached" : "**missed**"}`;
  });
  return [
    `${new Date().toISOString().slice(0, 10)}, ${machine()}. Medians of ${rounds} rounds of ${relayClients} clients × ${messages.toLocaleString("en-US")} messages of 172 bytes (least–most), in turns, after one that warms up; ${allocations.toLocaleString("en-US")} allocations.`,
    "",
    "| | CPU per delivered message | in coturn's | lost | CPU per allocation | allocations/s | memory per allocation |",
    "|---|---|---|---|---|---|---|",
    ...rows,
    "",
    ...verdicts,
  ].join("\n");
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[values.length >> 1] ?? Number.NaN;
}
