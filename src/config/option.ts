import type { TSchema } from "typebox";
import { Settings } from "./schema.ts";

/** One setting: a leaf of the schema. */
export interface Option {
  /** Where it stands in the file, such as `tls.cert`. */
  readonly path: string;
  /** Without the dashes, such as `tls.cert` or `limits.frame-bytes`. */
  readonly flag: string;
  /** Environment variables, the first that is set counts. */
  readonly env: readonly string[];
  readonly schema: TSchema & {
    readonly type?: string;
    readonly default?: unknown;
    readonly description?: string;
    readonly secret?: boolean;
  };
}

/** Names that hosting platforms and people expect; each setting has its `SWITCHBOARD_…` too. */
const wellKnown: Readonly<Record<string, string>> = {
  port: "PORT",
  host: "HOST",
  node: "NODE_ID",
  "nats.url": "NATS_URL",
};

/** Every setting, in the order of the schema. */
export const options: readonly Option[] = leaves(Settings.properties, "");

/** `frameBytes` → `frame-bytes`. */
function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** True for a setting that only groups others. */
export function isGroup(
  schema: TSchema,
): schema is TSchema & { readonly properties: Record<string, TSchema> } {
  return "properties" in schema;
}

function leaves(properties: Record<string, TSchema>, prefix: string): Option[] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const path = `${prefix}${name}`;
    if (isGroup(schema)) return leaves(schema.properties, `${path}.`);
    const own = `SWITCHBOARD_${kebab(path).replaceAll(/[-.]/g, "_").toUpperCase()}`;
    const known = wellKnown[path];
    return [{ path, flag: kebab(path), env: known === undefined ? [own] : [own, known], schema }];
  });
}
