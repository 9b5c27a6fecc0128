import { allGrants, parseGrants } from "../auth/grant-claims.ts";
import { signToken, type TokenClaims } from "../auth/sign-token.ts";
import type { CommandLine } from "../config/flags.ts";
import { now } from "../net/clock.ts";
import { isId } from "../protocol/address.ts";
import { fail, ok, type Result } from "../shared/result.ts";
import { commandSettings } from "./command-settings.ts";
import { duration } from "./duration.ts";

const ownFlags = ["user", "device", "guest", "grant", "grants", "expires"] as const;

/** Prints a token signed with the configured shared secret. */
export async function printToken(line: CommandLine): Promise<number> {
  const token = await makeToken(line);
  if (token.ok) console.log(token.value);
  else console.error(`switchboard: ${token.error}`);
  return token.ok ? 0 : 2;
}

async function makeToken({ flags }: CommandLine): Promise<Result<string, string>> {
  const settings = commandSettings({ flags }, ownFlags, process.env);
  if (!settings.ok) return settings;
  const { secret, issuer, audience } = settings.value.tokens;
  if (secret === "")
    return fail(
      "setting tokens.secret: needed to sign a token (flag --tokens.secret, SWITCHBOARD_TOKENS_SECRET)",
    );

  const user = flags.get("user")?.at(-1);
  if (typeof user !== "string" || !isId(user)) return fail("--user needs a user id");
  const device = flags.get("device")?.at(-1);
  if (device !== undefined && (device === true || !isId(device))) return fail("--device needs a device id");
  const seconds = duration(flags.get("expires")?.at(-1) ?? "1h");
  if (seconds === undefined) return fail("--expires needs a time such as 90s, 15m, 1h or 7d");
  const grants = grantsOf(flags);
  if (!grants.ok) return grants;

  const claims = { user, device, guest: flags.has("guest"), grants: grants.value, lifetime: seconds };
  const token = await signToken(claims, { secret, issuer, audience }, now());
  return ok(token);
}

function grantsOf(flags: CommandLine["flags"]): Result<TokenClaims["grants"], string> {
  const all = flags.get("grants")?.at(-1);
  if (all !== undefined)
    return all === "all" ? ok(allGrants) : fail("--grants takes only all; use --grant call=bob");
  const grants = parseGrants((flags.get("grant") ?? []).map(String));
  return grants.ok ? grants : fail(`--grant ${grants.error}`);
}
