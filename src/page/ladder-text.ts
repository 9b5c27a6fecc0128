import type { Ladder, Row } from "./ladder-model.ts";

/** The ladder as text, to paste into a report: one line for each rung, the far half in brackets if it was inferred. */
export function ladderText(ladder: Ladder, me: string, peer: string): string {
  const lines = [`Switchboard: ${me} — server — ${peer || "nobody"}`];
  for (const phase of ladder.phases) {
    lines.push("", `${phase.name}: ${phase.sentence}`);
    for (const row of phase.rows) lines.push(rung(row));
    if (phase.media !== undefined) lines.push(`  ═════ media, ${mediaText(phase.media)} ═════`);
  }
  if (ladder.setUp !== undefined) lines.push("", setUpText(ladder.setUp));
  return `${lines.join("\n")}\n`;
}

/** The media's path for people: `direct, 12 ms`. */
export function mediaText({ relayed, delay }: { relayed: boolean; delay?: number }): string {
  const path = relayed ? "through TURN" : "direct";
  return delay === undefined ? path : `${path}, ${Math.max(1, Math.round(delay))} ms`;
}

export function setUpText({ ms, server }: { ms: number; server?: number }): string {
  return server === undefined ? `Set up in ${ms} ms` : `Set up in ${ms} ms, ${server} of them the server`;
}

function rung(row: Row): string {
  const own = row.mark === undefined ? row.label : `${row.label} ${row.mark}`;
  const far =
    row.far === undefined
      ? ""
      : row.far.ms === undefined
        ? `(${row.far.label})`
        : `${row.far.label} ${Math.round(row.far.ms)} ms`;
  const arrow = row.out ? "──▶" : "◀──";
  return `  ${own.padEnd(20)} ${arrow} ${far === "" ? "" : `${arrow} ${far}`}`.trimEnd();
}
