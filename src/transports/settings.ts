import { type SettingsOf, texts } from "../shared/setting.ts";

/** Which pages may connect. */
export const accessSettings = {
  allowedOrigins: texts(
    ["self"],
    "Origins whose pages may connect, such as `https://app.example.com`; `self`: pages of this server, `*`: any.",
  ),
};

/** One line about the first of them that makes no sense, or undefined. */
export function checkAccess({ allowedOrigins }: SettingsOf<typeof accessSettings>): string | undefined {
  const wrong = allowedOrigins.find(
    (origin) =>
      origin !== "self" && origin !== "*" && !(URL.canParse(origin) && new URL(origin).origin === origin),
  );
  return wrong === undefined
    ? undefined
    : `setting allowedOrigins: ${wrong} is no origin; write it like https://app.example.com, without a path`;
}
