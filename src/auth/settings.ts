import { Type } from "typebox";
import { parseAddress } from "../protocol/address.ts";
import { isAddressPattern } from "../protocol/address-pattern.ts";
import { flag, type SettingsOf, secret, text, texts } from "../shared/setting.ts";
import { grantNames } from "../signaling/grants.ts";

/** Fewer characters could be guessed. */
const secretLength = 32;

const hex = (digits: number) => Type.String({ pattern: `^[0-9a-f]{${digits}}$` });
const scram = Type.String({ pattern: "^[0-9]{1,7}(:[A-Za-z0-9+/]{16,}={0,2}){3}$" });

const Stored = Type.Object(
  {
    login: Type.String({ minLength: 1 }),
    realm: Type.String({ minLength: 1 }),
    grants: Type.Array(Type.String()),
    verifiers: Type.Object(
      {
        secret: Type.String({ pattern: "^[A-Za-z0-9_-]{43}$" }),
        digestMd5: hex(32),
        digestSha256: hex(64),
        scramSha1: scram,
        scramSha256: scram,
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
);

const Version = Type.Object(
  { login: Type.String({ minLength: 1 }), version: Type.Integer({ minimum: 1 }) },
  { additionalProperties: false },
);

const Tokens = Type.Object(
  {
    secret: secret("Shared secret of HS256 tokens, 32 characters or more."),
    publicKey: text("", "Public key of EdDSA, ES256 or RS256 tokens: PEM, or the path of a PEM file."),
    jwksUrl: text("", "Where the keys of tokens are published as a JWK Set; https, or http on this machine."),
    issuer: text("switchboard", "What the `iss` of every token must be."),
    audience: text("switchboard", "What the `aud` of every token must be or contain."),
  },
  { description: "Who may sign in. At least one key, or development mode." },
);

const Credentials = Type.Object(
  {
    key: secret("Key that device secrets are derived from, 32 characters or more. Empty: none are derived."),
    formerKey: secret("The key before, while devices still have secrets derived from it."),
    versions: Type.Array(Version, {
      default: [],
      description:
        "Versions of derived secrets that are not 1, `{login, version}`: a higher one takes back the secrets before.",
    }),
    grants: texts(
      ["call=*", "send=*", "watch=*"],
      "What who has a derived secret may do, each `NAME=PATTERN` with the names of a token's grants.",
    ),
    realm: text("switchboard", "Realm of digest authentication; stored credentials are bound to it."),
    stored: Type.Array(Stored, {
      default: [],
      description: "Credentials of devices, as `switchboard credential` prints them: verifiers, no secrets.",
    }),
  },
  { description: "Secrets of devices that speak another protocol and have no token." },
);

/** Who may sign in: tokens, development mode, and secrets of devices (docs/decisions/008-device-secrets.md). */
export const authSettings = {
  dev: flag(
    false,
    "Development mode: `dev:alice` is alice's token, with all grants. Serves this machine only; never behind a proxy.",
  ),
  tokens: Tokens,
  credentials: Credentials,
};

type AuthSettings = SettingsOf<typeof authSettings>;

/** True when tokens can be verified outside of development mode. */
export function hasKeys({ tokens }: Pick<AuthSettings, "tokens">): boolean {
  return tokens.secret !== "" || tokens.publicKey !== "" || tokens.jwksUrl !== "";
}

/** Why a server with these settings must not start: nobody could sign in. Undefined where somebody can. */
export function refuseWithoutKeys(settings: Pick<AuthSettings, "dev" | "tokens">): string | undefined {
  return settings.dev || hasKeys(settings)
    ? undefined
    : "there is no key to verify tokens with: set tokens.secret, tokens.publicKey or tokens.jwksUrl, or start with --dev to try it out on this machine";
}

/** One line about the first of them that makes no sense, or undefined. */
export function checkAuth(settings: AuthSettings): string | undefined {
  return checkTokens(settings) ?? checkCredentials(settings);
}

function checkTokens({ tokens }: AuthSettings): string | undefined {
  if (tokens.secret !== "" && tokens.secret.length < secretLength)
    return `setting tokens.secret: must have at least ${secretLength} characters; \`openssl rand -base64 32\` makes a good one`;
  if (tokens.jwksUrl !== "" && !isSafeUrl(tokens.jwksUrl))
    return "setting tokens.jwksUrl: must be an https URL, or http on this machine";
  if (tokens.issuer === "") return "setting tokens.issuer: must not be empty";
  if (tokens.audience === "") return "setting tokens.audience: must not be empty";
  return undefined;
}

function checkCredentials({ credentials }: AuthSettings): string | undefined {
  const { key, formerKey, realm, grants, stored, versions } = credentials;
  for (const [name, one] of Object.entries({ key, formerKey }))
    if (one !== "" && one.length < secretLength)
      return `setting credentials.${name}: must have at least ${secretLength} characters`;
  if (/["\\\p{C}]/u.test(realm) || realm === "")
    return "setting credentials.realm: must not be empty, or hold quotes and backslashes";
  const wrongGrant = [...grants, ...stored.flatMap((one) => one.grants)].find((one) => !isGrantText(one));
  if (wrongGrant !== undefined)
    return `setting credentials: ${wrongGrant} is no grant; write it like call=bob or call=*`;
  const wrong = [...stored, ...versions].find(({ login }) => !/^[^:]+$/.test(login) || !parseAddress(login));
  if (wrong !== undefined) return `setting credentials: ${wrong.login} is no user, and no device of one`;
  const logins = stored.map(({ login }) => login);
  const twice = logins.find((login, index) => logins.indexOf(login) !== index);
  return twice === undefined ? undefined : `setting credentials.stored: ${twice} is there twice`;
}

function isGrantText(text: string): boolean {
  const equals = text.indexOf("=");
  const names: readonly string[] = grantNames;
  return names.includes(text.slice(0, equals)) && isAddressPattern(text.slice(equals + 1));
}

function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return (
    protocol === "https:" || (protocol === "http:" && ["localhost", "127.0.0.1", "[::1]"].includes(hostname))
  );
}
