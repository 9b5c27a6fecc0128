import type { Figures } from "./scenarios.ts";

/** Scenario → its subjects → their runs. */
export type Results = Readonly<Record<string, readonly (readonly Figures[])[]>>;

/** The median of the runs, and their least and most in brackets. */
export function cell(runs: readonly Figures[], name: string, format: (value: number) => string): string {
  const sorted = runs.map((run) => run[name] ?? 0).sort((a, b) => a - b);
  const [least = 0, most = 0] = [sorted[0], sorted.at(-1)];
  const middle = format(median(runs, name));
  return runs.length === 1 ? middle : `${middle} (${format(least)}–${format(most)})`;
}

export function median(runs: readonly Figures[], name: string): number {
  const sorted = runs.map((run) => run[name] ?? 0).sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  const upper = sorted[half] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? 0) + upper) / 2;
}

export const count = (value: number) => Math.round(value).toLocaleString("en-US");
export const ms = (value: number) => `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`;
export const share = (value: number) => `${Math.round(value * 100)} %`;
export const bytes = (value: number) => `${(value / 1_024).toFixed(2)} KB`;
export const megabytes = (value: number) => `${(value / 1_048_576).toFixed(0)} MB`;

/** A column of a table: its title, the figure in it, and how that is written. */
export type Column = readonly [title: string, figure: string, format: (value: number) => string];

/** A table as Markdown, with a line for the runs of each subject. */
export function table(
  subjects: readonly string[],
  all: readonly (readonly Figures[])[],
  columns: readonly Column[],
): string[] {
  const rows = all.map((runs, index) => {
    const cells = columns.map(([, figure, format]) => cell(runs, figure, format));
    return `| ${[subjects[index], ...cells].join(" | ")} |`;
  });
  const titles = columns.map(([title]) => title);
  return [`| | ${titles.join(" | ")} |`, `|${"---|".repeat(columns.length + 1)}`, ...rows];
}

/** A line of p50, p99 and the servers' CPU; none where that was not measured. */
export function timeRow(
  results: Results,
  [name, subject]: readonly [string, number],
  title: string,
  [p50, p99]: readonly [string, string] = ["p50", "p99"],
): string[] {
  const runs = results[name]?.[subject];
  if (runs === undefined) return [];
  return [
    `| ${title} | ${cell(runs, p50, ms)} | ${cell(runs, p99, ms)} | ${cell(runs, "serverCpu", share)} |`,
  ];
}

/** Whether a goal was reached, as a line. */
export function verdict(what: string, reached: boolean): string {
  return `- ${what}: ${reached ? "reached" : "**missed**"}`;
}
