import { isScope, type Role, roles, type Scope, scopes } from "../api/scopes.ts";
import type { CommandLine } from "../config/flags.ts";
import { now } from "../net/clock.ts";
import { type ApiKey, apiKeys } from "../server/api-keys.ts";
import { addKey, listKeys, revokeKeys } from "../server/key-file.ts";
import { isPageOrigin, isTarget, publishableKeys, usualRates } from "../server/publishable-keys.ts";
import { fail, ok, type Result } from "../shared/result.ts";
import { type Environment, inStateFolder, type Managed, printManaged } from "./command-settings.ts";
import { duration } from "./duration.ts";

const ownFlags = ["role", "scope", "for", "revoke", "list", "publishable", "target", "origin"] as const;

/**
 * Makes, lists or revokes keys of the HTTP API in the server's state folder. Prints a new key alone, so that a script can take it. Exit
 * code 2 for a wrong command line or setting, 1 where the state folder can't be used or nothing was revoked.
 */
export function apiKey(line: CommandLine): number {
  return printManaged(manageApiKeys(line, process.env));
}

/** What is printed, or why nothing was done. */
function manageApiKeys(line: CommandLine, env: Environment): Managed {
  return inStateFolder(line, ownFlags, env, (folder) => manage(line, folder));
}

function manage({ flags, words }: CommandLine, folder: string): Managed {
  const wrong = (reason: string) => fail({ reason, code: 2 });
  const revoked = flags.get("revoke")?.at(-1);
  if (flags.has("list")) return ok({ output: listed(folder) });
  if (revoked !== undefined) {
    if (revoked === true) return wrong("--revoke needs the id of a key, as --list shows it");
    const meant = ({ id }: { readonly id: string }): boolean => id === revoked;
    return revokeKeys(apiKeys, folder, meant) + revokeKeys(publishableKeys, folder, meant) === 0
      ? fail({ reason: `there is no API key ${revoked}`, code: 1 })
      : ok({ output: `Revoked API key ${revoked}.` });
  }
  const [name] = words;
  if (name === undefined || name.length > 64)
    return wrong("api-key needs a name of at most 64 characters, such as `switchboard api-key my-server`");
  const after = flags.get("for")?.at(-1);
  const seconds = after === undefined ? undefined : duration(after);
  if (after !== undefined && seconds === undefined) return wrong("--for needs a time such as 12h or 30d");
  const expires = seconds === undefined ? {} : { expires: now() + seconds * 1_000 };
  if (flags.has("publishable")) {
    const target = flags.get("target")?.at(-1);
    const origins = (flags.get("origin") ?? []).flatMap((text) => String(text).split(","));
    if (!isTarget(target)) return wrong("--publishable needs --target USER or --target USER/DEVICE");
    if (origins.length === 0 || !origins.every(isPageOrigin))
      return wrong("--publishable needs --origin with the origins of its pages: https://shop.example.com");
    const { key } = addKey(
      publishableKeys,
      folder,
      { name, target, origins, ...usualRates, ...expires },
      now(),
    );
    return ok({ output: key, note: `Goes into pages of ${origins.join(", ")}. Guests may call ${target}.` });
  }
  const wanted = scopesOf(flags);
  if (!wanted.ok) return wrong(wanted.error);
  const { key } = addKey(apiKeys, folder, { name, scopes: wanted.value, ...expires }, now());
  return ok({
    output: key,
    note: `Goes into Authorization: Bearer … at /api/v1. It is shown this once. Scopes: ${wanted.value.join(", ")}.`,
  });
}

type Listed = Pick<ApiKey, "id" | "created" | "expires" | "name">;

function listed(folder: string): string {
  const line = ({ id, created, expires, name }: Listed, what: string): string =>
    `${id}  ${new Date(created).toISOString()}  ${expires === undefined ? "no end" : `until ${new Date(expires).toISOString()}`}  ${name}  ${what}`;
  const lines = [
    ...listKeys(apiKeys, folder).map((key) => line(key, key.scopes.join(","))),
    ...listKeys(publishableKeys, folder).map((key) =>
      line(key, `guests of ${key.origins.join(",")} call ${key.target}`),
    ),
  ];
  return lines.length === 0 ? "There are no API keys." : lines.join("\n");
}

/** Those of `--role` and `--scope` together; without either all that there are. */
function scopesOf(flags: CommandLine["flags"]): Result<readonly Scope[], string> {
  const role = flags.get("role")?.at(-1);
  if (role !== undefined && (role === true || !Object.hasOwn(roles, role)))
    return fail(`--role takes ${Object.keys(roles).join(", ")}`);
  const texts = (flags.get("scope") ?? []).flatMap((text) => String(text).split(","));
  const unknown = texts.find((text) => !isScope(text));
  if (unknown !== undefined) return fail(`--scope: ${unknown} is none of ${scopes.join(", ")}`);
  const given: readonly Scope[] = [
    ...(role === undefined ? [] : roles[role as Role]),
    ...texts.filter(isScope),
  ];
  return ok(given.length === 0 ? roles.administer : [...new Set(given)]);
}
