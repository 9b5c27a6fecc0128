import type { Settings } from "../config/schema.ts";
import { shownSettings } from "../config/shown-settings.ts";

/** Prints every setting as it would be in force; secrets only as set or not. */
export function checkConfig(settings: Settings): number {
  for (const { path, value } of shownSettings(settings)) console.log(`${path} = ${value}`);
  return 0;
}
