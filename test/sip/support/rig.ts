import { afterAll, beforeAll, setDefaultTimeout } from "bun:test";
import type { Browser } from "playwright-core";
import { sharedBrowser } from "../../browser/support/browser.ts";
import { pageUrl, startBuiltServer } from "../../browser/support/built-server.ts";
import { type Cutter, openCutter } from "../../support/cutter.ts";
import type { RunningServer } from "../../support/server.ts";
import { closeAll } from "../../webrtc/support/parties.ts";
import type { PeerOptions } from "./page-peers.ts";
import { type Kind, nodeParty, type Party, pageParty } from "./parties.ts";

export const kinds = ["native", "node", "jssip", "sipjs"] as const satisfies readonly Kind[];

export interface Traveller extends Party {
  readonly wire: Cutter;
}

/** One server and one browser for the tests of a file, and parties that stay signed in between them. */
export interface Rig {
  readonly server: RunningServer;
  /** The same party for the same user, signed in. */
  party(kind: Kind, user: string, options?: Partial<PeerOptions>): Promise<Party>;
  /** The same, which reaches the server by a wire that can be cut. */
  traveller(kind: Kind, user: string): Promise<Traveller>;
  /** A party that is the test's own. */
  fresh(kind: Kind, user: string, options?: Partial<PeerOptions>): Promise<Party>;
}

/** To be called in a `describe`. */
export function useRig(config: object = {}): Rig {
  let server: RunningServer;
  let browser: Browser;
  const parties = new Map<string, Promise<Party>>();
  const wires: Cutter[] = [];
  /** Pages are opened one after another: many at once take longer than each may. */
  let opened: Promise<unknown> = Promise.resolve();
  // A busy machine may need long for what takes seconds; a condition that never comes is told of by `eventually`.
  setDefaultTimeout(120_000);
  beforeAll(async () => {
    server = await startBuiltServer(config);
    browser = await sharedBrowser("slow");
  }, 60_000);
  afterAll(async () => {
    for (const party of parties.values()) await (await party).stop();
    await closeAll();
    for (const wire of wires) await wire.close();
    await browser?.close();
    await server?.stop();
  });

  function make(url: string, kind: Kind, user: string, options?: Partial<PeerOptions>): Promise<Party> {
    const made = opened.then(() =>
      kind === "node" ? nodeParty(url, user, options?.device) : pageParty(browser, url, kind, user, options),
    );
    opened = made.catch(() => {});
    return made;
  }

  function kept<P extends Party>(user: string, made: () => Promise<P>): Promise<P> {
    const known = parties.get(user);
    if (known !== undefined) return known as Promise<P>;
    const party = made();
    parties.set(user, party);
    return party;
  }

  const fresh: Rig["fresh"] = (kind, user, options) => make(pageUrl(server), kind, user, options);
  return {
    get server() {
      return server;
    },
    fresh,
    party: (kind, user, options) => kept(user, () => fresh(kind, user, options)),
    traveller: (kind, user) =>
      kept(user, async () => {
        const wire = await openCutter(server.port);
        wires.push(wire);
        return { ...(await make(wire.url, kind, user)), wire };
      }),
  };
}
