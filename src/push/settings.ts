import { Type } from "typebox";
import { AddressBlock } from "../shared/address-block.ts";
import { flag, type SettingsOf, secret, text, texts } from "../shared/setting.ts";

/** How devices that are not connected are woken. */
export const pushSettings = {
  push: Type.Object(
    {
      enabled: flag(true, "Devices may register to be woken by a push when somebody calls them."),
      subject: text(
        "",
        "Whom a push service may write to: a `mailto:` address or an https URL (RFC 8292 §2.1). Without it only the application can wake devices, by the event `wake.needed`; in development mode `mailto:nobody@localhost`.",
      ),
      publicKey: text(
        "",
        "The VAPID key pair, base64url, the same at all nodes. Empty: made once and kept in `stateFolder`.",
      ),
      privateKey: secret("The private one of that pair."),
      allow: texts(
        [],
        "Private addresses and ranges that pushes may be sent to, by http as well. Public addresses are always allowed, by https.",
      ),
      days: Type.Integer({
        default: 90,
        minimum: 1,
        maximum: 3_650,
        description: "A registration that is not renewed is removed after so many days.",
      }),
      perUser: Type.Integer({
        default: 16,
        minimum: 1,
        maximum: 1_000,
        description: "Devices of one user that may be registered: one more takes the place of the oldest.",
      }),
      registrations: Type.Integer({
        default: 1_000_000,
        minimum: 1,
        description: "Registrations at this node.",
      }),
    },
    { description: "Waking devices: docs/push.md." },
  ),
};

/** One line about the first of them that makes no sense, or undefined. */
export function checkPush({ push }: SettingsOf<typeof pushSettings>): string | undefined {
  const { subject, publicKey, privateKey, allow } = push;
  const range = allow.find((one) => AddressBlock.parse(one) === undefined);
  if (range !== undefined)
    return `setting push.allow: ${range} is neither an address nor a range such as 10.0.0.0/8`;
  if (subject !== "" && !/^(mailto:.+@.+|https:\/\/.+)/.test(subject))
    return "setting push.subject: a mailto: address or an https URL is expected";
  if ((publicKey === "") !== (privateKey === "")) return "setting push.publicKey: both keys or neither";
  if (publicKey !== "" && !/^[A-Za-z0-9_-]{87}$/.test(publicKey))
    return "setting push.publicKey: base64url of the 65 bytes of a P-256 point is expected";
  if (privateKey !== "" && !/^[A-Za-z0-9_-]{43}$/.test(privateKey))
    return "setting push.privateKey: base64url of 32 bytes is expected";
  return undefined;
}
