import { expect, test } from "bun:test";
import { apiUrl, commandSettings } from "./command-settings.ts";

test("a command finds the API of a server with its settings", () => {
  const url = (env: Readonly<Record<string, string>>): string => {
    const settings = commandSettings({ flags: new Map() }, [], env);
    return settings.ok ? apiUrl(settings.value) : settings.error;
  };
  const main = { SWITCHBOARD_HOST: "127.0.0.1", SWITCHBOARD_PORT: "8443", SWITCHBOARD_PATH: "/rtc" };
  const tls = { SWITCHBOARD_TLS_CERT: "cert.pem", SWITCHBOARD_TLS_KEY: "key.pem" };
  expect(url(main)).toBe("http://127.0.0.1:8443/rtc");
  expect(url({ ...main, ...tls, SWITCHBOARD_HOST: "::1" })).toBe("https://[::1]:8443/rtc");
  // The operators' port has neither a path nor TLS.
  expect(url({ ...main, ...tls, SWITCHBOARD_ADMIN_PORT: "9090" })).toBe("http://127.0.0.1:9090");
});
