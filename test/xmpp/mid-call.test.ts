import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Browser } from "playwright-core";
import { chromiumPath, sharedBrowser } from "../browser/support/browser.ts";
import { startBuiltServer } from "../browser/support/built-server.ts";
import { bothEnd, contentFlows, converse, eventually, silent } from "../interop/end.ts";
import { type PageEnd as End, openEnd } from "../interop/page-ends.ts";
import { someOf } from "../support/seed.ts";
import type { RunningServer } from "../support/server.ts";

setDefaultTimeout(120_000);

describe.skipIf(chromiumPath === null)("stanza and the page, in mid-call", () => {
  let server: RunningServer;
  let browser: Browser;
  let stanza: End;
  let native: End;
  beforeAll(async () => {
    server = await startBuiltServer();
    browser = await sharedBrowser("slow");
    stanza = await openEnd(browser, server.port, { kind: "stanza", user: "stan", color: "red", tone: 1_200 });
    native = await openEnd(browser, server.port, { kind: "native", user: "nat", color: "green", tone: 500 });
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  const held = (is: boolean) =>
    eventually("stanza to be told", async () => (await stanza.state()).held === is);
  for (const calls of someOf(["stanza", "native"] as const, 1))
    test(`${calls} calls: hold and back by either end, an ICE restart, and each is told of the end`, async () => {
      const [caller, callee] = calls === "stanza" ? [stanza, native] : [native, stanza];
      await converse(caller, callee);
      await native.hold(true);
      await silent(stanza);
      await held(true);
      await native.hold(false);
      await held(false);
      await contentFlows(stanza, native);
      await stanza.hold(true);
      await silent(stanza);
      await stanza.hold(false);
      await contentFlows(stanza, native);
      // Who made the Jingle session restarts ICE: stanza knows no other way.
      const [before] = [await stanza.ufrags()];
      await caller.restartIce();
      await eventually("new credentials of both ends", async () => {
        const [one, other] = [await stanza.ufrags(), await native.ufrags()];
        const fresh = one[0] !== before[0] && one[1] !== before[1];
        return fresh && one[0] === other[1] && one[1] === other[0];
      });
      await contentFlows(stanza, native);
      await callee.hangup();
      await bothEnd(stanza, native);
      expect((await stanza.state()).ended).toBe("success");
      expect((await native.state()).ended).toBe("hangup");
      expect((await stanza.state()).errors).toEqual([]);
    });
});
