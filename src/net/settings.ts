import { Type } from "typebox";
import { flag, port, type SettingsOf, text, texts } from "../shared/setting.ts";
import { TrustedProxies } from "./trusted-proxies.ts";

/** Where the server listens, and whose connections it believes what. */
export const listenSettings = {
  port: port(8080, "Port; 0 takes a free one."),
  host: text("", "Address to listen on. Empty: every IPv4 address; in development mode 127.0.0.1."),
  path: Type.String({
    default: "",
    pattern: "^(/[A-Za-z0-9._~-]+)*$",
    description: "Path that everything is served below, such as `/rtc`. Empty: none.",
  }),
  tls: Type.Object(
    {
      cert: text("", "Path of the certificate chain (PEM). Both files are read again when they change."),
      key: text("", "Path of its private key (PEM)."),
    },
    { description: "TLS of the port. Empty: plain HTTP, for this machine or behind a proxy that ends TLS." },
  ),
  trustedProxies: texts([], "Addresses and ranges of proxies whose `X-Forwarded-For` is believed."),
  reusePort: flag(
    false,
    "Lets several processes listen on the port; the kernel deals connections out to them. There is no TURN over TLS on it then.",
  ),
};

/** One line about the first of them that makes no sense, or undefined. */
export function checkListen({ tls, trustedProxies }: SettingsOf<typeof listenSettings>): string | undefined {
  if (tls.cert !== "" && tls.key === "") return "setting tls.key: missing, though tls.cert is set";
  if (tls.key !== "" && tls.cert === "") return "setting tls.cert: missing, though tls.key is set";
  try {
    new TrustedProxies(trustedProxies);
    return undefined;
  } catch (error) {
    return `setting trustedProxies: ${(error as Error).message}`;
  }
}
