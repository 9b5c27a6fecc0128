import { readFileSync } from "node:fs";
import type { Settings } from "./schema.ts";

type Tokens = Settings["tokens"];

/** The settings with the public key as PEM where they named a file. Throws an Error that names the setting. */
export function withKeyText(tokens: Tokens): Tokens {
  const { publicKey } = tokens;
  if (publicKey === "" || publicKey.includes("-----BEGIN")) return tokens;
  try {
    return { ...tokens, publicKey: readFileSync(publicKey, "utf8") };
  } catch (error) {
    throw new Error(`setting tokens.publicKey: ${(error as Error).message}`);
  }
}
