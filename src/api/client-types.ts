import type { TObject, TSchema } from "typebox";
import type { Operation } from "./operation.ts";

interface Shown {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly TSchema[];
  readonly items?: TSchema;
  readonly properties?: Readonly<Record<string, TSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | TSchema;
  readonly description?: string;
}

/** `src/application/operations.ts`: the types of all operations and where they are, for the client of application servers. */
export function clientTypes(all: readonly Operation[]): string {
  // What is no answer of one piece has a function of its own.
  const operations = all.filter(({ answers }) => answers[200]?.stream !== true);
  const types = operations.map((operation) => {
    const { id, summary, params, query, body, answers } = operation;
    const input = [params, query, body].map(fieldsOf).filter((text) => text !== "");
    const output = Object.values(answers).map(({ schema }) =>
      schema === undefined ? "undefined" : typeOf(schema),
    );
    return `  /** ${summary}. */\n  readonly ${id}: {\n    readonly input: ${input.length === 0 ? "Record<string, never>" : `{ ${input.join(" ")} }`};\n    readonly output: ${[...new Set(output)].join(" | ")};\n  };`;
  });
  const paths = operations.map(({ id, method, path }) => `  ${id}: "${method} ${path}",`);
  return [
    "// Written by `npm run docs` from the operations of the HTTP API; do not edit.",
    `/** What each operation takes and answers. */\nexport interface Operations {\n${types.join("\n")}\n}`,
    `/** The method and path of each operation, below \`/api/v1\`. */\nexport const paths: Readonly<Record<keyof Operations, string>> = {\n${paths.join("\n")}\n};\n`,
  ].join("\n\n");
}

/** `src/application/events.ts`: the data of each event, for who verifies webhooks. */
export function eventTypes(
  events: Readonly<Record<string, { readonly description: string; readonly data: TSchema }>>,
): string {
  const types = Object.entries(events).map(
    ([name, { description, data }]) => `  /** ${description} */\n  readonly "${name}": ${typeOf(data)};`,
  );
  return [
    "// Written by `npm run docs` from the catalog of events; do not edit.",
    `/** The \`data\` of each event. */\nexport interface Events {\n${types.join("\n")}\n}\n`,
  ].join("\n\n");
}

function fieldsOf(schema: TSchema | undefined): string {
  const { properties = {}, required = [] } = (schema ?? {}) as unknown as Shown;
  return Object.entries(properties)
    .map(([name, one]) => `readonly ${name}${required.includes(name) ? "" : "?"}: ${typeOf(one)};`)
    .join(" ");
}

function typeOf(schema: TSchema): string {
  const { type, enum: values, const: value, anyOf } = schema as unknown as Shown;
  const { items, additionalProperties, properties = {} } = schema as unknown as Shown;
  if (values !== undefined) return values.map((value) => JSON.stringify(value)).join(" | ");
  if (value !== undefined) return JSON.stringify(value);
  if (anyOf !== undefined) return anyOf.map(typeOf).join(" | ");
  switch (type) {
    case "string":
      return "string";
    case "integer":
    case "number":
      return "number";
    case "boolean":
      return "boolean";
    case "array":
      return `readonly (${items === undefined ? "unknown" : typeOf(items)})[]`;
    case "object": {
      // Beside named fields an index signature would have to cover these as well.
      const typed = typeof additionalProperties === "object" && Object.keys(properties).length === 0;
      const more =
        additionalProperties === undefined || additionalProperties === false
          ? ""
          : ` readonly [name: string]: ${typed ? typeOf(additionalProperties) : "unknown"};`;
      return `{ ${fieldsOf(schema as TObject)}${more} }`;
    }
    default:
      return "unknown";
  }
}
