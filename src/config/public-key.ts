import { readFileSync } from "node:fs";

/** The PEM of a key that is given as PEM or by the path of a file. Throws an Error that names the setting. */
export function publicKeyText(setting: string): string {
  if (setting === "" || setting.includes("-----BEGIN")) return setting;
  try {
    return readFileSync(setting, "utf8");
  } catch (error) {
    throw new Error(`setting tokens.publicKey: ${(error as Error).message}`);
  }
}
