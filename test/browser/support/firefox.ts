import { type Browser, firefox } from "playwright-core";

/** The other engine for these tests, if this machine has it. */
export const firefoxPath: string | null =
  process.env.FIREFOX ?? Bun.which("firefox-esr") ?? Bun.which("firefox");

/** Firefox as it is shipped, driven by WebDriver BiDi, with a camera that is not real and needs no permission. */
export function launchFirefox(env: NodeJS.ProcessEnv = process.env): Promise<Browser> {
  if (firefoxPath === null) throw new Error("there is no Firefox on this machine");
  return firefox.launch({
    channel: "moz-firefox",
    executablePath: firefoxPath,
    env: env as Record<string, string>,
    firefoxUserPrefs: {
      "media.navigator.streams.fake": true,
      "media.navigator.permission.disabled": true,
      "media.peerconnection.ice.loopback": true,
      "media.peerconnection.ice.obfuscate_host_addresses": false,
      // Sound plays, and is made, without a click.
      "media.autoplay.default": 0,
      "media.autoplay.blocking_policy": 0,
    },
  });
}
