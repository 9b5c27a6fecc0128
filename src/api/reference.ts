import type { TObject, TSchema } from "typebox";
import type { Operation } from "./operation.ts";
import { apiPath } from "./router.ts";
import { roles, scopes } from "./scopes.ts";

interface Shown {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly description?: string;
}

/** The operations in Markdown, for `docs/api.md`: a section for each tag, and the table of scopes. */
export function apiReference(operations: readonly Operation[]): ReadonlyMap<string, string> {
  const tags = [...new Set(operations.map(({ tag }) => tag))];
  const sections = tags.map((tag) => {
    const those = operations.filter((one) => one.tag === tag);
    return `### ${tag}\n\n${those.map(operationText).join("\n\n")}`;
  });
  const rows = scopes.map((scope) => {
    const names = Object.entries(roles).filter(([, those]) => (those as readonly string[]).includes(scope));
    const ids = operations.filter((one) => one.scope === scope).map(({ id }) => `\`${id}\``);
    return `| \`${scope}\` | ${names.map(([name]) => name).join(", ")} | ${ids.join(", ")} |`;
  });
  return new Map([
    ["operations", sections.join("\n\n")],
    ["scopes", ["| scope | roles | operations |", "|---|---|---|", ...rows].join("\n")],
  ]);
}

function operationText({
  id,
  method,
  path,
  summary,
  description,
  scope,
  query,
  body,
  answers,
}: Operation): string {
  const more = description === undefined ? "" : ` ${description}`;
  const parts = [
    `**\`${method} ${apiPath}${path}\`** · \`${id}\` · scope \`${scope}\`\n\n${summary}.${more}`,
    fields("Query", query),
    fields("Body", body),
  ];
  for (const [status, kind] of Object.entries(answers)) parts.push(`Answers ${status}: ${kind.description}`);
  return parts.filter((part) => part !== "").join("\n\n");
}

function fields(title: string, schema: TSchema | undefined): string {
  const { properties, required = [] } = (schema ?? {}) as TObject;
  if (properties === undefined) return "";
  const lines = Object.entries<Shown>(properties as unknown as Record<string, Shown>).map(([name, one]) => {
    const needed = (required as readonly string[]).includes(name) ? "" : ", optional";
    const kind =
      one.enum === undefined ? (one.type ?? "any JSON") : one.enum.map((value) => `\`${value}\``).join(", ");
    const words = one.description === undefined ? "" : `: ${one.description}`;
    return `- \`${name}\` (${kind}${needed})${words}`;
  });
  return lines.length === 0 ? "" : `${title}:\n\n${lines.join("\n")}`;
}
