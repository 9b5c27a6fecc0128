import type { TSchema } from "typebox";
import { isGroup, type Option, options } from "./option.ts";
import { Settings } from "./schema.ts";

const width = 110;

/**
 * `switchboard.example.json`: every setting with its default and what it is for. `limitsSource` is the text of
 * `protocol/limits.ts`, whose comments say what the limits mean.
 */
export function exampleFile(limitsSource: string): string {
  const meanings = limitMeanings(limitsSource);
  const lines = [
    "// Every setting of Switchboard, with its default. Made from the schema by `npm run docs`.",
    "// Start with `switchboard serve --config FILE`; what a file leaves out keeps its default.",
    "// Flags and environment variables win over the file: docs/config.md. Times are milliseconds, sizes bytes.",
    "{",
    ...block(Settings, "", "  ", meanings),
    "}",
  ];
  return `${lines.join("\n")}\n`;
}

/** The table of all settings but the limits, in Markdown. */
export function settingsTable(): string {
  const rows = options
    .filter(({ path }) => !path.startsWith("limits."))
    .map((option) => {
      const env = option.env.map((name) => `\`${name}\``).join("<br>");
      return `| \`${option.path}\` | \`--${option.flag}\` | ${env} | ${fallback(option)} | ${cell(option.schema.description)} |`;
    });
  return ["| setting | flag | environment | default | meaning |", "|---|---|---|---|---|", ...rows].join(
    "\n",
  );
}

/** The table of the limits, in Markdown. */
export function limitsTable(limitsSource: string): string {
  const meanings = limitMeanings(limitsSource);
  const rows = options
    .filter(({ path }) => path.startsWith("limits."))
    .map((option) => {
      const meaning = meanings.get(option.path.slice("limits.".length)) ?? '"';
      return `| \`${option.path}\` | \`--${option.flag}\` | ${fallback(option)} | ${cell(meaning)} |`;
    });
  return ["| setting | flag | default | meaning |", "|---|---|---|---|", ...rows].join("\n");
}

/** Name → comment, for the first name after each comment: it may speak of those that follow as well. */
function limitMeanings(source: string): Map<string, string> {
  const meanings = new Map<string, string>();
  const body = source.slice(source.indexOf("defaultLimits"), source.indexOf("as const"));
  for (const [, comment = "", name = ""] of body.matchAll(/\/\*\*([\s\S]*?)\*\/\s*(\w+):/g))
    meanings.set(name, comment.replaceAll(/\s*\n\s*\*?\s*/g, " ").trim());
  return meanings;
}

function block(schema: TSchema, prefix: string, indent: string, meanings: Map<string, string>): string[] {
  if (!isGroup(schema)) return [];
  return Object.entries(schema.properties).flatMap(([name, one]) => {
    const description = "description" in one ? String(one.description) : meanings.get(name);
    const above = description === undefined ? [] : comment(description, indent);
    if (isGroup(one))
      return [
        ...above,
        `${indent}"${name}": {`,
        ...block(one, `${prefix}${name}.`, `${indent}  `, meanings),
        `${indent}},`,
      ];
    const value = "default" in one ? one.default : undefined;
    return [...above, `${indent}"${name}": ${JSON.stringify(value)},`];
  });
}

function comment(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = `${indent}//`;
  for (const word of text.split(" ")) {
    if (line.length + word.length + 1 > width) {
      lines.push(line);
      line = `${indent}//`;
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}

function fallback({ schema }: Option): string {
  const value = JSON.stringify(schema.default);
  return value === '""' || value === "[]" ? "" : `\`${value}\``;
}

function cell(text: string | undefined): string {
  return (text ?? "").replaceAll("|", "\\|");
}
