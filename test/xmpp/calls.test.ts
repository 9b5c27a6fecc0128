import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Browser } from "playwright-core";
import { chromiumPath, sharedBrowser } from "../browser/support/browser.ts";
import { startBuiltServer } from "../browser/support/built-server.ts";
import { bothEnd, converse, eventually } from "../interop/end.ts";
import { type PageEnd as End, openEnd } from "../interop/page-ends.ts";
import { someOf } from "../support/seed.ts";
import type { RunningServer } from "../support/server.ts";

setDefaultTimeout(120_000);

describe.skipIf(chromiumPath === null)("stanza, unmodified, in Chromium", () => {
  let server: RunningServer;
  let browser: Browser;
  const ends = new Map<string, Promise<End>>();
  beforeAll(async () => {
    server = await startBuiltServer();
    browser = await sharedBrowser("slow");
  }, 60_000);
  afterAll(async () => {
    for (const end of ends.values()) await (await end).close();
    await browser?.close();
    await server?.stop();
  });

  const colors = { native: "green", jssip: "blue", stanza: "red" } as const;
  const tones = { native: 500, jssip: 800, stanza: 1_200 } as const;
  function end(kind: keyof typeof colors) {
    const known = ends.get(kind);
    if (known !== undefined) return known;
    const made = openEnd(browser, server.port, { kind, user: kind, color: colors[kind], tone: tones[kind] });
    ends.set(kind, made);
    return made;
  }

  // The one or the other: test/interop has calls of stanza with each client in turn, too.
  const pairs = [
    ["stanza", "native"],
    ["jssip", "stanza"],
    ["native", "stanza"],
    ["stanza", "jssip"],
  ] as const;
  for (const [calls, called] of someOf(pairs, 1))
    test(`${calls} calls ${called}, with media both ways, and hangs up`, async () => {
      const [caller, callee] = [await end(calls), await end(called)];
      await converse(caller, callee);
      await caller.hangup();
      await bothEnd(caller, callee);
      expect((await (await end("stanza")).state()).errors).toEqual([]);
    });

  test("a refusal and a caller who gives up are told", async () => {
    const [stanza, native] = [await end("stanza"), await end("native")];
    const { rings } = await stanza.state();
    await native.call("stanza");
    await eventually("stanza to ring", async () => (await stanza.state()).rings > rings);
    await stanza.decline();
    await eventually("the refusal", async () => (await native.state()).ended === "declined");
    await stanza.call("nobody");
    await eventually("the end", async () => (await stanza.state()).ended !== undefined);
  });
});
