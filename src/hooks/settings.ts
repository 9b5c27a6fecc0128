import { Type } from "typebox";
import { isLocalUrl } from "../net/client-address.ts";
import { webhookKey } from "../net/standard-webhooks.ts";
import { flag, type SettingsOf, secret, text } from "../shared/setting.ts";
import { askedRequests } from "../signaling/policy.ts";

const asks = [...askedRequests, "authenticate", "wake"] as const;

/** What the application decides, and how it is asked. */
export const hooksSettings = {
  hooks: Type.Object(
    {
      url: text("", "Where hooks are sent by POST; https, or http on this machine. Empty: nowhere."),
      secret: secret(
        "Signs what is sent (Standard Webhooks): `whsec_` and base64 of 24 to 64 random bytes. Needed with `hooks.url`.",
      ),
      formerSecret: secret("The secret before: signs as well, until the application has the new one."),
      allowHttp: flag(false, "Lets `hooks.url` be http to another machine, for a network that is your own."),
      ask: Type.Array(Type.Enum([...asks]), {
        default: [...askedRequests],
        description: `What is asked: requests to be authorized (${askedRequests.join(", ")}), \`authenticate\` and \`wake\`. The last two are for \`hooks.url\`.`,
      }),
      timeout: Type.Integer({
        default: 1_000,
        minimum: 10,
        maximum: 60_000,
        description: "How long a hook may take, in ms.",
      }),
      whenDown: Type.Enum(["refuse", "allow"], {
        default: "refuse",
        description:
          "What becomes of a request when `authorize` throws, is late or answers nonsense: `refuse` fails it as `temporary`, `allow` lets it in.",
      }),
    },
    { description: "What the application decides: docs/hooks.md." },
  ),
};

/** One line about the first of them that makes no sense, or undefined. */
export function checkHooks({ hooks }: SettingsOf<typeof hooksSettings>): string | undefined {
  const { url, secret: own, formerSecret, allowHttp } = hooks;
  for (const [name, one] of Object.entries({ secret: own, formerSecret }))
    if (one !== "" && webhookKey(one) === undefined)
      return `setting hooks.${name}: must be whsec_ and base64 of 24 to 64 bytes`;
  if (url === "") return undefined;
  const { protocol } = URL.canParse(url) ? new URL(url) : { protocol: "" };
  const safe = protocol === "https:" || (protocol === "http:" && (allowHttp || isLocalUrl(url)));
  if (!safe)
    return "setting hooks.url: must be an https URL, or http on this machine; hooks.allowHttp allows others";
  return own === "" ? "setting hooks.secret: missing, though hooks.url is set" : undefined;
}
