import { causes } from "./diagnose.ts";

/** The table of all causes, in Markdown: a generated part of docs/diagnosis.md. */
export function causesTable(): string {
  const cell = (text: string): string => text.replaceAll("|", "\\|");
  const rows = causes.map(
    ({ code, meaning, proof, advice }) =>
      `| \`${code}\` | ${cell(meaning)} | ${cell(proof)} | ${cell(advice)} |`,
  );
  return ["| code | what it means | what proves it | what to do |", "|---|---|---|---|", ...rows].join("\n");
}
