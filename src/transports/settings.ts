import { parseOriginRule } from "../net/origin-rule.ts";
import { type SettingsOf, texts } from "../shared/setting.ts";

/** Which pages may connect. */
export const accessSettings = {
  allowedOrigins: texts(
    ["self"],
    "Origins whose pages may connect, such as `https://app.example.com`, `https://*.example.com` or `capacitor://localhost`; `self`: pages of this server, `null`: sandboxed frames and local files, `*`: any.",
  ),
};

/** One line about the first of them that makes no sense, or undefined. */
export function checkAccess({ allowedOrigins }: SettingsOf<typeof accessSettings>): string | undefined {
  const wrong = allowedOrigins.find((origin) => parseOriginRule(origin) === undefined);
  return wrong === undefined
    ? undefined
    : `setting allowedOrigins: ${wrong} is no origin; write it like https://app.example.com or https://*.example.com, without a path`;
}
