import { Type } from "typebox";
import { secret, text, texts } from "./leaf.ts";

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

/** Secrets of devices that speak another protocol: docs/decisions/008-device-secrets.md. */
export const CredentialSettings = Type.Object(
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
