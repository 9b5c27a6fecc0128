import { Type } from "typebox";
import { eventTypes, matchesEvent } from "../events/catalog.ts";
import { webhookKey } from "../net/standard-webhooks.ts";
import { AddressBlock } from "../shared/address-block.ts";
import type { SettingsOf } from "../shared/setting.ts";
import { flag, texts } from "../shared/setting.ts";

const Endpoint = Type.Object(
  {
    url: Type.String({ minLength: 1, maxLength: 2_048 }),
    secret: Type.Union([
      Type.String({ minLength: 1 }),
      Type.Array(Type.String({ minLength: 1 }), { minItems: 1, maxItems: 4 }),
    ]),
    events: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { maxItems: 64 })),
  },
  { additionalProperties: false },
);

/** Where events are sent. */
export const webhookSettings = {
  webhooks: Type.Array(Endpoint, {
    default: [],
    maxItems: 64,
    secret: true,
    description:
      "Endpoints that events are sent to, `{url, secret, events}`: `secret` is `whsec_` and base64 of 24 to 64 bytes, or two of them during a rotation; `events` are names or patterns such as `session.*`, all where it is absent.",
  }),
  messageEvents: flag(
    false,
    "Makes an event `message.sent` of every message between devices, with its body.",
  ),
  webhookAllow: texts(
    [],
    "Private addresses and ranges that webhooks may be sent to, by http as well. Public addresses are always allowed, by https.",
  ),
};

/** One line about the first of them that makes no sense, or undefined. */
export function checkWebhooks({
  webhooks,
  webhookAllow,
}: SettingsOf<typeof webhookSettings>): string | undefined {
  const range = webhookAllow.find((text) => AddressBlock.parse(text) === undefined);
  if (range !== undefined)
    return `setting webhookAllow: ${range} is neither an address nor a range such as 10.0.0.0/8`;
  for (const { url, secret, events = [] } of webhooks) {
    if (!isUrl(url)) return `setting webhooks: ${url} is no http: or https: URL without a password`;
    if ([secret].flat().some((one) => webhookKey(one) === undefined))
      return `setting webhooks: the secret of ${url} must be whsec_ and base64 of 24 to 64 bytes`;
    const unknown = events.find((pattern) => !eventTypes.some((type) => matchesEvent(pattern, type)));
    if (unknown !== undefined) return `setting webhooks: there is no event ${unknown}`;
  }
  const urls = webhooks.map(({ url }) => url);
  const twice = urls.find((url, index) => urls.indexOf(url) !== index);
  return twice === undefined ? undefined : `setting webhooks: ${twice} stands there twice`;
}

function isUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, hostname } = new URL(text);
  return /^https?:$/.test(protocol) && username === "" && password === "" && hostname !== "";
}
