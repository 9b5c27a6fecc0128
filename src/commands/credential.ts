import { deriveSecret, verifiersOf } from "../auth/credential-verifiers.ts";
import { parseGrants } from "../auth/grant-claims.ts";
import type { CommandLine } from "../config/flags.ts";
import { random } from "../net/crypto.ts";
import { formatAddress, isId } from "../protocol/address.ts";
import { fail, ok, type Result } from "../shared/result.ts";
import { commandSettings } from "./command-settings.ts";

const ownFlags = ["user", "device", "grant", "secret-version", "store"] as const;
/** Bytes of a secret that is not derived, and of the salt of its verifiers. */
const secretBytes = 24;
const saltBytes = 16;

/** What is printed, as JSON. */
interface Printed {
  readonly login: string;
  readonly secret: string;
  readonly realm: string;
  /** An entry of credentials.stored; absent for a derived secret, of which nothing is to be kept. */
  readonly stored?: object;
}

/** Prints a device's secret, and what of it goes into the settings. Exit code 2 for a wrong command line or setting. */
export function printCredential(line: CommandLine): number {
  const made = makeCredential(line, process.env);
  if (!made.ok) {
    console.error(`switchboard: ${made.error}`);
    return 2;
  }
  console.log(JSON.stringify(made.value, null, 2));
  if (made.value.stored !== undefined)
    console.error(
      "The secret is shown this once. Put what is in `stored` into credentials.stored of the settings file.",
    );
  return 0;
}

/** The error is one line. */
export function makeCredential(
  { flags }: CommandLine,
  env: Readonly<Record<string, string | undefined>>,
): Result<Printed, string> {
  const settings = commandSettings({ flags }, ownFlags, env);
  if (!settings.ok) return settings;
  const { key, realm, versions } = settings.value.credentials;

  const user = flags.get("user")?.at(-1);
  if (typeof user !== "string" || !isId(user)) return fail("--user needs a user id");
  const device = flags.get("device")?.at(-1);
  if (device !== undefined && (device === true || !isId(device))) return fail("--device needs a device id");
  const login = formatAddress(
    device === undefined ? { kind: "user", user } : { kind: "device", user, device },
  );
  const given = (flags.get("grant") ?? []).map(String);
  const grants = parseGrants(given);
  if (!grants.ok) return fail(`--grant ${grants.error}`);

  if (key !== "" && !flags.has("store")) {
    if (given.length > 0)
      return fail("--grant: derived secrets all have the grants of credentials.grants; use --store");
    const current = versions.find((one) => one.login === login)?.version ?? 1;
    const version = Number(flags.get("secret-version")?.at(-1) ?? current);
    if (!Number.isSafeInteger(version) || version < 1)
      return fail("--secret-version needs a whole number, at least 1");
    return ok({ login, secret: deriveSecret(key, login, version), realm });
  }
  if (flags.has("secret-version"))
    return fail("--secret-version is of derived secrets: it needs credentials.key, and no --store");
  const secret = random(secretBytes);
  const verifiers = verifiersOf(login, realm, secret, Buffer.from(random(saltBytes), "base64url"));
  const stored = {
    login,
    realm,
    grants: given.length > 0 ? given : settings.value.credentials.grants,
    verifiers,
  };
  return ok({ login, secret, realm, stored });
}
