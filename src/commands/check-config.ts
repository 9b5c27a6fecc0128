import { options } from "../config/option.ts";
import type { Settings } from "../config/schema.ts";

/** Prints every setting as it would be in force; secrets only as set or not. */
export function checkConfig(settings: Settings): number {
  for (const { path, schema } of options) {
    const value = path
      .split(".")
      .reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], settings);
    const shown =
      schema.secret === true
        ? value === "" || (Array.isArray(value) && value.length === 0)
          ? "(none)"
          : "(set)"
        : JSON.stringify(value);
    console.log(`${path} = ${shown}`);
  }
  return 0;
}
