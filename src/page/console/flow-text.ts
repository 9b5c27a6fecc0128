import type { SessionRecord } from "./flow.ts";

/** A session as plain text, to paste into a report: what happened, the diagnosis, each message. */
export function sessionText(record: SessionRecord): string {
  const { session, caller, callee, state, reason, startedAt, node, diagnosis, ladder, skippedRows } = record;
  const end = ({ user, device }: { user: string; device?: string }) =>
    device === undefined ? user : `${user}/${device}`;
  const lines = [
    `Switchboard: ${end(caller)} → ${end(callee)}, ${state}${reason === undefined ? "" : `: ${reason}`}`,
    `${session} at ${node}, ${new Date(startedAt).toISOString()}`,
    "",
    ...diagnosis.flatMap(({ certainty, text, code, advice }, index) => [
      `[${index + 1}] ${text} (${certainty}, ${code})`,
      `    ${advice}`,
    ]),
    "",
  ];
  ladder.forEach((row, index) => {
    const { at, from, to, type, description, candidates, state: told, note, outcome } = row;
    const proofs = diagnosis.flatMap(({ rows }, number) => (rows.includes(index) ? [`[${number + 1}]`] : []));
    const details = [
      description?.type,
      candidates &&
        Object.entries(candidates)
          .map(([kind, count]) => `${count} ${kind}`)
          .join(", "),
      told,
      note,
      outcome && `→ ${outcome}`,
      ...proofs,
    ].filter(Boolean);
    lines.push(
      `${(at / 1_000).toFixed(3).padStart(9)}  ${from} → ${to}  ${type}  ${details.join("  ")}`.trimEnd(),
    );
  });
  if (skippedRows > 0) lines.push(`           (${skippedRows} rows did not fit)`);
  return `${lines.join("\n")}\n`;
}
