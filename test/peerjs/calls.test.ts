import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Browser } from "playwright-core";
import { chromiumPath, launch } from "../browser/support/browser.ts";
import { startBuiltServer } from "../browser/support/built-server.ts";
import type { RunningServer } from "../support/server.ts";
import { bothEnd, converse, type End, openEnd, type Version, versions } from "./support/ends.ts";
import type { PageKind } from "./support/page-script.ts";

setDefaultTimeout(120_000);

describe.skipIf(chromiumPath === null)("PeerJS, unmodified, with our address and path alone", () => {
  let server: RunningServer;
  let browser: Browser;
  const ends = new Map<string, Promise<End>>();
  beforeAll(async () => {
    server = await startBuiltServer();
    browser = await launch("fake");
  }, 60_000);
  afterAll(async () => {
    for (const end of ends.values()) await (await end).close();
    await browser?.close();
    await server?.stop();
  });

  const colors = { native: "green", jssip: "blue", peerjs: "red" } as const;
  const tones = { native: 500, jssip: 800, peerjs: 1_200 } as const;
  function end(kind: PageKind, version: Version = "1.5.5", user = `${kind}-${version.replaceAll(".", "")}`) {
    const known = ends.get(user);
    if (known !== undefined) return known;
    const made = openEnd(
      browser,
      server.port,
      { kind, user, color: colors[kind], tone: tones[kind] },
      version,
    );
    ends.set(user, made);
    return made;
  }

  for (const version of Object.keys(versions) as Version[])
    test(`${version} calls the page's user and is called by it`, async () => {
      const [peerjs, native] = [await end("peerjs", version), await end("native")];
      await converse(peerjs, native);
      await native.hangup();
      await bothEnd(peerjs, native);
      await converse(native, peerjs);
      // It tells nobody but its peer.
      await peerjs.hangup();
      await bothEnd(native);
      expect((await peerjs.state()).errors).toEqual([]);
    });
});
