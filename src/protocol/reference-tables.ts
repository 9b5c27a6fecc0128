import type { TSchema } from "typebox";
import { idPattern } from "./address.ts";
import { closeAction, closeCodes } from "./close-codes.ts";
import { endReasons } from "./end-reasons.ts";
import { errorCodes } from "./error-codes.ts";
import { resumeRefusals } from "./handshake.ts";
import { defaultLimits, toldLimits } from "./limits.ts";
import { pushes } from "./pushes.ts";
import { replies } from "./replies.ts";
import { type RequestType, requests, silentRequests } from "./requests.ts";
import { linkFrames, sharedValues } from "./schema-document.ts";

/** What the tables read of a JSON Schema. */
interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Record<string, Schema>;
  readonly patternProperties?: Record<string, Schema>;
  readonly required?: readonly string[];
  readonly description?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
}

/** Fields that each frame of its kind has; the reference explains them once. */
const envelope = new Set(["id", "seq", "type"]);

/**
 * The generated parts of the documents, as Markdown, by the name that their marker carries:
 * `<!-- generated: NAME -->` … `<!-- end -->`. `limitsSource` is the text of limits.ts: its comments are the meanings.
 */
export function referenceTables(limitsSource: string): Map<string, string> {
  const tables = new Map<string, string>();
  for (const [name, schema] of Object.entries(linkFrames)) tables.set(name, frame(schema));
  for (const [type, schema] of Object.entries(requests))
    tables.set(`request.${type}`, requestText(type as RequestType, schema));
  for (const [type, schema] of Object.entries(pushes)) tables.set(`push.${type}`, frame(schema));
  for (const [name, schema] of Object.entries(sharedValues)) tables.set(name, frame(schema));
  tables.set("resume-refusals", meanings("reason", resumeRefusals));
  tables.set("end-reasons", meanings("reason", endReasons));
  tables.set("close-codes", closeTable());
  tables.set("error-codes", errorTable());
  tables.set("limits", limitsTable(limitsSource));
  return tables;
}

/** Puts the tables between their markers. Throws on a marker that no table has. */
export function fillMarkers(text: string, tables: ReadonlyMap<string, string>): string {
  return text.replace(/<!-- generated: (\S+) -->\n[\s\S]*?<!-- end -->/g, (_, name: string) => {
    const table = tables.get(name);
    if (table === undefined) throw new Error(`no table is named ${name}`);
    return `<!-- generated: ${name} -->\n${table}\n<!-- end -->`;
  });
}

function frame(schema: TSchema): string {
  const { description } = schema as Schema;
  return `${description ?? ""}\n\n${fieldTable(schema as Schema)}`.trim();
}

function requestText(type: RequestType, schema: TSchema): string {
  const reply = replies[type] as Schema;
  const lines = [frame(schema), ""];
  if (silentRequests.has(type)) lines.push("Reply: none but an error.");
  else if (Object.keys(reply.properties ?? {}).length === 0) lines.push("Reply: `{}`.");
  else lines.push(`Reply: ${reply.description ?? ""}`, "", fieldTable(reply));
  return lines.join("\n");
}

function fieldTable(schema: Schema): string {
  const rows = Object.entries(schema.properties ?? {})
    .filter(([name]) => !envelope.has(name) || schema.properties?.[name]?.const === undefined)
    .filter(([name]) => name !== "id" && name !== "seq")
    .flatMap(([name, field]) => fieldRows(name, field, schema.required?.includes(name) ?? false));
  const [entry] = Object.values(schema.patternProperties ?? {});
  if (entry !== undefined) return ["Each value:", "", fieldTable(entry)].join("\n");
  if (rows.length === 0) return "No fields of its own.";
  return ["| field | | type | |", "|---|---|---|---|", ...rows].join("\n");
}

function fieldRows(path: string, field: Schema, required: boolean): string[] {
  const shared = sharedName(field);
  const row = `| \`${path}\` | ${required ? "required" : "optional"} | ${typeText(field)} | ${cell(shared === undefined ? field.description : "")} |`;
  if (shared !== undefined || field.properties === undefined) return [row];
  const inner = Object.entries(field.properties).flatMap(([name, child]) =>
    fieldRows(`${path}.${name}`, child, field.required?.includes(name) ?? false),
  );
  return [row, ...inner];
}

function typeText(field: Schema): string {
  const shared = sharedName(field);
  if (shared !== undefined) return `[${shared}](#${shared.toLowerCase()})`;
  if (field.const !== undefined) return `\`${JSON.stringify(field.const)}\``;
  if (field.anyOf !== undefined) {
    if (field.anyOf.length > 12) return "text";
    return field.anyOf.map(typeText).join(" or ");
  }
  if (field.type === "array")
    return `list${bounds(field)} of ${field.items === undefined ? "anything" : typeText(field.items)}`;
  const [entry] = Object.values(field.patternProperties ?? {});
  if (entry !== undefined) return `object, each value: ${typeText(entry)}`;
  if (field.type === "integer") return `integer${bounds(field)}`;
  if (field.pattern === idPattern) return "id";
  if (field.type === "string") return `text${bounds(field)}`;
  return field.type ?? "any JSON";
}

function bounds(field: Schema): string {
  const low = field.minimum ?? field.minLength ?? field.minItems;
  const high = field.maximum ?? field.maxLength ?? field.maxItems;
  if (low === undefined && high === undefined) return "";
  if (high === undefined) return low === 0 ? "" : ` ≥ ${low}`;
  return low === undefined || low === 0 ? ` ≤ ${high}` : ` ${low}–${high}`;
}

const sharedNames = new Map<unknown, string>();
for (const [name, schema] of Object.entries(sharedValues)) sharedNames.set(JSON.stringify(schema), name);

/** Optional fields are copies of the shared schema, so they are told by their content. */
function sharedName(field: Schema): string | undefined {
  return field.properties === undefined && field.patternProperties === undefined
    ? undefined
    : sharedNames.get(JSON.stringify(field));
}

function meanings(head: string, texts: Record<string, string>): string {
  const rows = Object.entries(texts).map(([name, text]) => `| \`${name}\` | ${cell(text)} |`);
  return [`| ${head} | meaning |`, "|---|---|", ...rows].join("\n");
}

function closeTable(): string {
  const rows = Object.values(closeCodes).map(
    ({ code, text }) => `| ${code} | ${code === 1000 ? "nothing" : closeAction(code)} | ${cell(text)} |`,
  );
  return ["| code | the client's next step | meaning |", "|---|---|---|", ...rows].join("\n");
}

function errorTable(): string {
  const rows = Object.entries(errorCodes).map(
    ([code, { temporary, text }]) => `| \`${code}\` | ${temporary ? "yes" : "no"} | ${cell(text)} |`,
  );
  return ["| code | temporary | meaning |", "|---|---|---|", ...rows].join("\n");
}

/** One row a comment of limits.ts: a comment may speak of the names that follow it until the next one. */
function limitsTable(source: string): string {
  const told = new Set<string>(toldLimits);
  const rows: string[] = [];
  const body = source.slice(source.indexOf("defaultLimits"), source.indexOf("as const"));
  for (const [, comment = "", names = ""] of body.matchAll(/\/\*\*([\s\S]*?)\*\/([^/]*)/g)) {
    const group = [...names.matchAll(/(\w+):/g)].map(([, name]) => name as keyof typeof defaultLimits);
    const cells = [
      group.map((name) => `\`${name}\``).join("<br>"),
      group.map((name) => `${defaultLimits[name]}`).join("<br>"),
      group.map((name) => (told.has(name) ? "yes" : "")).join("<br>"),
      cell(comment.replaceAll(/\s*\*?\s+/g, " ").trim()),
    ];
    rows.push(`| ${cells.join(" | ")} |`);
  }
  return ["| limit | default | told | meaning |", "|---|---|---|---|", ...rows].join("\n");
}

function cell(text: string | undefined): string {
  return (text ?? "").replaceAll("|", "\\|").replaceAll("\n", " ");
}
