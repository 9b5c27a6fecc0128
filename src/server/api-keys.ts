import type { ShownApiKey } from "../api/context.ts";
import { isScope } from "../api/scopes.ts";
import type { KeptKey, KeyKind } from "./key-file.ts";

/** A key of the HTTP API. */
export interface ApiKey extends KeptKey, ShownApiKey {}

export const apiKeyPrefix = "sbk_";

export const apiKeys: KeyKind<ApiKey> = {
  fileName: "api-keys.json",
  words: "API keys",
  prefix: apiKeyPrefix,
  check: (key): key is ApiKey & Record<string, unknown> =>
    typeof key.name === "string" &&
    Array.isArray(key.scopes) &&
    key.scopes.every((scope) => typeof scope === "string" && isScope(scope)) &&
    (key.expires === undefined || typeof key.expires === "number"),
};
