import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FaultWorld } from "./fault-world.ts";
import { type Pace, scenarios } from "./scenarios.ts";

/** What a run of one scenario came to: a row of the table. */
export interface FaultRow {
  readonly scenario: string;
  readonly seconds: number;
  readonly nodes: number;
  readonly links: number;
  readonly faults: number;
  readonly callsUp: number;
  readonly callsDone: number;
  readonly longCalls: number;
  readonly messages: number;
  readonly signals: number;
  readonly resumed: number;
  readonly renewed: number;
  readonly lost: number;
  readonly doubled: number;
  readonly findings: readonly string[];
  /** Where the whole journal is, when a promise was broken. */
  readonly journal?: string;
}

/** Runs one scenario from the start of its cluster to the check of its journal. */
export async function runScenario(name: string, seed: number, pace: Pace): Promise<FaultRow> {
  const scenario = scenarios[name];
  if (scenario === undefined) throw new Error(`there is no scenario ${name}`);
  const began = performance.now();
  const world = await FaultWorld.start({ ...scenario.options(pace), seed });
  try {
    const { load, journal } = world;
    await scenario.run(world, pace);
    await world.conclude();
    const findings = world.findings(scenario.mayLose);
    const { entries } = journal;
    const count = (rule: string) => findings.filter((finding) => finding.rule === rule).length;
    const got = (letter: string) =>
      entries.filter((entry) => entry.what === "got" && entry.stream.startsWith(letter)).length;
    const welcomes = entries.filter((entry) => entry.what === "link");
    const resumed = welcomes.filter((entry) => entry.resumed).length;
    const lines = load.everyLine();
    const row: FaultRow = {
      scenario: name,
      seconds: Math.round((performance.now() - began) / 1_000),
      nodes: world.nodes.length,
      links: load.phones.length,
      faults: entries.filter((entry) => entry.what === "fault" && entry.on).length,
      callsUp: lines.reduce((sum, { setups }) => sum + setups.length, 0),
      callsDone: lines.reduce((sum, { completed }) => sum + completed, 0),
      longCalls: load.longCalls.length,
      messages: got("m"),
      signals: got("s"),
      resumed,
      renewed: welcomes.length - resumed - load.phones.length,
      lost: count("lost"),
      doubled: count("doubled") + count("reordered") + count("refused"),
      findings: findings.map(({ rule, text }) => `${rule}: ${text}`),
    };
    if (findings.length === 0) return row;
    const file = join(tmpdir(), `switchboard-faults-${name}-${seed}.jsonl`);
    writeFileSync(file, entries.map((entry) => JSON.stringify(entry)).join("\n"));
    return { ...row, journal: file };
  } finally {
    await world.stop();
  }
}

/** The rows as a table for people; what was broken stands below it. */
export function table(rows: readonly FaultRow[]): string {
  const head = [
    "scenario",
    "s",
    "nodes",
    "links",
    "faults",
    "calls",
    "held",
    "messages",
    "signals",
    "resumed",
    "begun anew",
    "lost",
    "doubled",
    "verdict",
  ];
  const lines = rows.map((row) => [
    row.scenario,
    row.seconds,
    row.nodes,
    row.links,
    row.faults,
    `${row.callsDone}/${row.callsUp}`,
    row.longCalls,
    row.messages,
    row.signals,
    row.resumed,
    row.renewed,
    row.lost,
    row.doubled,
    row.findings.length === 0 ? "kept" : `${row.findings.length} BROKEN`,
  ]);
  const all = [head, ...lines].map((cells) => cells.map(String));
  const widths = head.map((_, column) => Math.max(...all.map((cells) => cells[column]?.length ?? 0)));
  const text = all.map((cells) => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
  const broken = rows.flatMap(({ scenario, findings, journal }) => [
    ...findings.slice(0, 12).map((finding) => `  ${scenario}: ${finding}`),
    ...(findings.length > 12 ? [`  ${scenario}: … and ${findings.length - 12} more`] : []),
    ...(journal === undefined ? [] : [`  ${scenario}: the journal is ${journal}`]),
  ]);
  return [...text, ...broken].join("\n");
}
