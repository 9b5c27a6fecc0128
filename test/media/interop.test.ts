import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser } from "playwright-core";
import { chromiumPath, sharedBrowser } from "../browser/support/browser.ts";
import { someOf } from "../support/seed.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { npmClient, npmClientRuns, programPublishes, programViews } from "./interop/cells.ts";
import { pageToPage, withSound } from "./interop/chromium.ts";
import { aiortc, has } from "./interop/programs.ts";

/** A part of what `npm run interop` runs: the picture's colors and the tone that a viewer gets are those that were sent. */
describe.skipIf(chromiumPath === null)("clients of the media server", () => {
  let server: RunningServer;
  let browser: Browser;
  beforeAll(async () => {
    const first = 42_000 + Math.floor(Math.random() * 6_000);
    const turn = { embedded: true, udpPort: 0, tcpPort: 0, relayFirstPort: first, relayLastPort: first + 99 };
    server = await startServer({ config: { media: { enabled: true, port: 0, workers: 1 }, turn } });
    browser = await sharedBrowser("fake", withSound);
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  const combinations = [
    { codec: "VP8", role: "passive", way: "turn" },
    { codec: "H264", role: "active", way: "udp" },
    { codec: "VP9", role: "passive", way: "tcp" },
    { codec: "AV1", role: "active", way: "tcp" },
  ] as const;
  test.each(someOf(combinations, 1))(
    "Chromium: $codec, the server $role, by $way",
    async (combination) => {
      expect(await pageToPage(browser, browser, server.url, combination)).toBe("");
    },
    120_000,
  );

  test.skipIf(!has(aiortc))(
    "aiortc publishes, with the server as the DTLS client, and views",
    async () => {
      await programPublishes(browser, server.url, aiortc, { codec: "VP8", role: "active" });
      await programViews(browser, server.url, aiortc, { codec: "H264", role: "passive" });
    },
    120_000,
  );

  test("whip-whep publishes", async () => {
    await npmClientRuns(browser, server.url, npmClient("whip-whep", "publish"));
  }, 120_000);
});
