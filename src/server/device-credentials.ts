import { Credentials } from "../auth/credentials.ts";
import { parseGrants } from "../auth/grant-claims.ts";
import type { Settings } from "../config/schema.ts";

/** The secrets of devices that have no token. The settings were checked: every grant can be read. */
export function credentialsOf({ credentials, dev }: Settings): Credentials {
  const grants = (texts: readonly string[]) => {
    const parsed = parseGrants(texts);
    return parsed.ok ? parsed.value : {};
  };
  return new Credentials({
    realm: credentials.realm,
    keys: [credentials.key, credentials.formerKey].filter((key) => key !== ""),
    versions: new Map(credentials.versions.map(({ login, version }) => [login, version])),
    grants: grants(credentials.grants),
    stored: credentials.stored.map((one) => ({ ...one, grants: grants(one.grants) })),
    dev,
  });
}
