import type { Settings } from "../config/schema.ts";
export async function doctor(_settings: Settings): Promise<number> {
  return 0;
}
