import { type Option, options } from "./option.ts";
import type { Settings } from "./schema.ts";

/** A setting as people may see it. */
export interface ShownSetting {
  /** Such as `turn.udpPort`. */
  readonly path: string;
  /** JSON without what is secret; of a secret only `(set)` or `(none)`. */
  readonly value: string;
}

/** Every setting as it is in force, without secrets. */
export function shownSettings(settings: Settings): ShownSetting[] {
  return options.map((option) => ({ path: option.path, value: shown(option, settings) }));
}

function shown({ path, schema }: Option, settings: Settings): string {
  const value = path
    .split(".")
    .reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], settings);
  if (schema.secret !== true) return JSON.stringify(value, redacted) ?? "(none)";
  return value === "" || (Array.isArray(value) && value.length === 0) ? "(none)" : "(set)";
}

/** Parts of values that are secret, though the whole is not: credentials of ICE servers, verifiers of devices, passwords in URLs. */
function redacted(key: string, value: unknown): unknown {
  if (typeof value !== "string" || value === "") return value;
  if (/secret|password|credential|digest|scram/i.test(key)) return "…";
  return value.replace(/(\w:\/\/)[^/?#]*@/, "$1…@");
}
