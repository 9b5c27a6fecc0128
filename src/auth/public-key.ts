import { readFileSync } from "node:fs";
import type { TokenRules } from "./token-verifier.ts";

/** The rules with the public key as PEM where they name a file. Throws an Error that names the setting. */
export function withKeyText(tokens: TokenRules): TokenRules {
  const { publicKey } = tokens;
  if (publicKey === "" || publicKey.includes("-----BEGIN")) return tokens;
  try {
    return { ...tokens, publicKey: readFileSync(publicKey, "utf8") };
  } catch (error) {
    throw new Error(`setting tokens.publicKey: ${(error as Error).message}`);
  }
}
