import { readFileSync } from "node:fs";
import type { TSchema } from "typebox";
import { lazyValidator } from "../shared/lazy-validator.ts";
import { fail, ok, type Result } from "../shared/result.ts";
import { parseJsonWithComments } from "./json-with-comments.ts";
import { isGroup, type Option, options } from "./option.ts";
import { parseText } from "./parse-text.ts";
import { checks, Settings } from "./schema.ts";

/** Where settings come from: a later source yields to an earlier one. */
export interface Sources {
  /** Flag → its text, without the dashes; `true` for a flag without a value. */
  readonly flags?: ReadonlyMap<string, string | true>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The file's path, where neither a flag nor the environment names one. */
  readonly file?: string;
  /** The same as the contents of a file, for a server that is a library. */
  readonly object?: unknown;
}

/** All settings, and which of them somebody gave: the others have their defaults. */
export interface LoadedSettings extends Settings {
  /** Paths such as `turn.udpPort`. */
  readonly given: ReadonlySet<string>;
}

type Tree = { [name: string]: Tree | unknown };

/** Settings while they are put together. */
interface Draft {
  readonly tree: Tree;
  readonly given: Set<string>;
}

const checkers = new Map(options.map((option) => [option.path, lazyValidator(option.schema)]));

/** All settings, checked one by one and together. The error is one line that names the wrong one and where it stands. */
export function loadSettings(sources: Sources): Result<LoadedSettings, string> {
  const draft: Draft = { tree: {}, given: new Set() };
  for (const option of options) put(draft.tree, option, structuredClone(option.schema.default));

  const path = fileNamed(sources);
  if (path !== undefined) {
    const file = readSettings(path);
    if (!file.ok) return file;
    const wrong = merge(draft, file.value, Settings, "", `in ${path}`);
    if (wrong !== undefined) return fail(wrong);
  }
  if (sources.object !== undefined) {
    const wrong = merge(draft, sources.object, Settings, "", "in the options");
    if (wrong !== undefined) return fail(wrong);
  }
  const wrong = mergeEnvironment(draft, sources.env ?? {}) ?? mergeFlags(draft, sources.flags ?? new Map());
  if (wrong !== undefined) return fail(wrong);
  const settings: LoadedSettings = { ...(draft.tree as Settings), given: draft.given };
  for (const check of checks) {
    const contradiction = check(settings);
    if (contradiction !== undefined) return fail(contradiction);
  }
  return ok(settings);
}

function fileNamed(sources: Sources): string | undefined {
  const flag = sources.flags?.get("config");
  return (typeof flag === "string" ? flag : undefined) ?? sources.env?.SWITCHBOARD_CONFIG ?? sources.file;
}

function readSettings(path: string): Result<unknown, string> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    return fail(`can't read the settings file ${path}: ${(error as Error).message}`);
  }
  const parsed = parseJsonWithComments(text);
  return parsed.ok ? parsed : fail(`the settings file ${path} is not JSON with comments: ${parsed.error}`);
}

function merge(
  draft: Draft,
  value: unknown,
  schema: TSchema,
  prefix: string,
  where: string,
): string | undefined {
  if (!isGroup(schema)) return undefined;
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return `setting ${prefix.slice(0, -1) || "(all)"} ${where}: must be an object`;
  for (const [name, one] of Object.entries(value)) {
    const path = `${prefix}${name}`;
    const known = Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
    if (known === undefined) return `unknown setting ${path} ${where}`;
    if (isGroup(known)) {
      const wrong = merge(draft, one, known, `${path}.`, where);
      if (wrong !== undefined) return wrong;
      continue;
    }
    const wrong = explain(path, one);
    if (wrong !== undefined) return `setting ${path} ${where}: ${wrong}`;
    set(draft, optionAt(path), one);
  }
  return undefined;
}

function mergeEnvironment(
  draft: Draft,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const known = new Set(["SWITCHBOARD_CONFIG", ...options.flatMap((option) => option.env)]);
  for (const name of Object.keys(env))
    if (name.startsWith("SWITCHBOARD_") && !known.has(name))
      return `unknown setting in the environment: ${name}`;
  for (const option of options) {
    const name = option.env.find((one) => env[one] !== undefined && env[one] !== "");
    if (name === undefined) continue;
    const wrong = setText(draft, option, env[name] ?? "");
    if (wrong !== undefined) return `setting ${option.path} in the environment (${name}): ${wrong}`;
  }
  return undefined;
}

function mergeFlags(draft: Draft, flags: ReadonlyMap<string, string | true>): string | undefined {
  for (const [flag, value] of flags) {
    if (flag === "config") continue;
    const option = options.find((one) => one.flag === flag || one.path === flag);
    if (option === undefined) return `unknown flag --${flag}`;
    if (value === true && option.schema.type !== "boolean") return `flag --${flag} needs a value`;
    const wrong = setText(draft, option, value === true ? "true" : value);
    if (wrong !== undefined) return `setting ${option.path} (flag --${flag}): ${wrong}`;
  }
  return undefined;
}

function setText(draft: Draft, option: Option, text: string): string | undefined {
  const value = parseText(option.schema, text);
  const wrong = value.ok ? explain(option.path, value.value) : value.error;
  if (wrong === undefined && value.ok) set(draft, option, value.value);
  return wrong;
}

function explain(path: string, value: unknown): string | undefined {
  const checker = checkers.get(path);
  if (checker === undefined || checker.Check(value)) return undefined;
  const errors = checker.Errors(value);
  const allowed = errors.find((one) => one.keyword === "enum")?.params.allowedValues;
  if (allowed !== undefined) return `must be one of ${allowed.join(", ")}`;
  const [first] = errors;
  const at = first === undefined || first.instancePath === "" ? "" : `${first.instancePath.slice(1)} `;
  return `${at}${first?.message ?? "is wrong"}`;
}

function optionAt(path: string): Option {
  const option = options.find((one) => one.path === path);
  if (option === undefined) throw new Error(`no option ${path}`);
  return option;
}

function set({ tree, given }: Draft, option: Option, value: unknown): void {
  given.add(option.path);
  put(tree, option, value);
}

function put(tree: Tree, option: Option, value: unknown): void {
  const names = option.path.split(".");
  const last = names.pop() ?? "";
  let at = tree;
  for (const name of names) {
    at[name] ??= {};
    at = at[name] as Tree;
  }
  at[last] = value;
}
