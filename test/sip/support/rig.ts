import { afterAll, beforeAll } from "bun:test";
import type { Browser } from "playwright-core";
import { launch } from "../../browser/support/browser.ts";
import { pageUrl, startBuiltServer } from "../../browser/support/built-server.ts";
import type { RunningServer } from "../../support/server.ts";
import { closeAll } from "../../webrtc/support/parties.ts";
import type { PeerOptions } from "./page-peers.ts";
import { type Kind, nodeParty, type Party, pageParty } from "./parties.ts";

export const kinds = ["native", "node", "jssip", "sipjs"] as const satisfies readonly Kind[];

/** One server and one browser for the tests of a file, and parties that stay signed in between them. */
export interface Rig {
  readonly server: RunningServer;
  /** The same party for the same user, signed in. */
  party(kind: Kind, user: string, options?: Partial<PeerOptions>): Promise<Party>;
  /** A party that is the test's own. */
  fresh(kind: Kind, user: string, options?: Partial<PeerOptions>): Promise<Party>;
}

/** To be called in a `describe`. */
export function useRig(config: object = {}): Rig {
  let server: RunningServer;
  let browser: Browser;
  const parties = new Map<string, Promise<Party>>();
  beforeAll(async () => {
    server = await startBuiltServer(config);
    browser = await launch("fake");
  }, 60_000);
  afterAll(async () => {
    for (const party of parties.values()) await (await party).stop();
    await closeAll();
    await browser?.close();
    await server?.stop();
  });
  const fresh: Rig["fresh"] = (kind, user, options) =>
    kind === "node"
      ? nodeParty(server.url, user, options?.device)
      : pageParty(browser, pageUrl(server), kind, user, options);
  return {
    get server() {
      return server;
    },
    fresh,
    party: (kind, user, options) => {
      let made = parties.get(user);
      if (made === undefined) {
        made = fresh(kind, user, options);
        parties.set(user, made);
      }
      return made;
    },
  };
}
