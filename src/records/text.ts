import type { LadderRow } from "./record.ts";
import type { DiagnosedRecord } from "./records.ts";

/** A record as plain text: what happened, the diagnosis, the ladder. */
export function recordText({ record, diagnosis }: DiagnosedRecord): string {
  const { session, kind, caller, callee, state, reason, startedAt, node, ladder, skippedRows } = record;
  const callees = callee.device === undefined ? callee.user : `${callee.user}/${callee.device}`;
  const proofs = new Map<number, string>();
  diagnosis.forEach(({ rows }, index) => {
    for (const row of rows) proofs.set(row, `${proofs.get(row) ?? ""} [${index + 1}]`);
  });
  const lines = [
    `${session}  ${kind}  ${caller.user}/${caller.device} → ${callees}  ${state}${reason === undefined ? "" : `: ${reason}`}`,
    `${new Date(startedAt).toISOString()}  at ${node}  ${times(record)}`,
    "",
    ...diagnosis.flatMap(({ certainty, text, code, advice }, index) => [
      `[${index + 1}] ${text} (${certainty}, ${code})`,
      `    ${advice}`,
    ]),
    ...(diagnosis.length > 0 ? [""] : []),
    ...ladder.map((row, index) => `${rowText(row)}${proofs.get(index) ?? ""}`),
  ];
  if (skippedRows > 0) lines.push(`(${skippedRows} rows in the middle did not fit)`);
  return lines.join("\n");
}

function times({
  startedAt,
  ringingAt,
  acceptedAt,
  connectedAt,
  endedAt,
}: DiagnosedRecord["record"]): string {
  const named = { rang: ringingAt, accepted: acceptedAt, connected: connectedAt, ended: endedAt };
  return Object.entries(named)
    .flatMap(([name, at]) =>
      at === undefined ? [] : [`${name} after ${((at - startedAt) / 1_000).toFixed(2)} s`],
    )
    .join(", ");
}

function rowText(row: LadderRow): string {
  const { at, from, to, type, bytes, outcome, description, candidates, lastCandidates, state, note, pair } =
    row;
  const facts = [
    note,
    state,
    description &&
      `${description.type} (${description.media.map(({ kind, direction, codecs }) => [kind, direction, codecs.join("/")].filter((one) => one !== "").join(" ")).join("; ")})`,
    candidates &&
      Object.entries(candidates)
        .map(([name, count]) => `${count} ${name}`)
        .join(", "),
    lastCandidates === true ? "no more candidates" : undefined,
    pair === undefined ? undefined : `pair ${pair}`,
    bytes === undefined ? undefined : `${bytes} bytes`,
    outcome === undefined ? undefined : `→ ${outcome}`,
  ].filter((one) => one !== undefined && one !== "");
  return `${(at / 1_000).toFixed(3).padStart(9)}  ${`${from} → ${to}`.padEnd(32)} ${type.padEnd(10)} ${facts.join("  ")}`.trimEnd();
}
