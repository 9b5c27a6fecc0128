import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser } from "playwright-core";
import { chromiumPath, launch } from "../browser/support/browser.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { blankTab, end, eventually, figure, publish, tone, view } from "./support/pages.ts";
import { portable } from "./support/portable.ts";

describe.skipIf(chromiumPath === null)("one publishes by WHIP, others view by WHEP", () => {
  let server: RunningServer;
  let browser: Browser;
  beforeAll(async () => {
    server = await startServer({ config: { media: { port: 0, portable } } });
    browser = await launch("fake", ["--autoplay-policy=no-user-gesture-required"]);
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  test("two viewers see and hear it; once the publisher has ended it, nobody can view", async () => {
    const publisher = await blankTab(browser, server.url);
    expect(await publish(publisher.page, `${server.url}/whip/lobby`)).toBe(201);
    const viewers = [await blankTab(browser, server.url), await blankTab(browser, server.url)];
    for (const { page } of viewers) {
      await eventually(async () => (await view(page, `${server.url}/whep/lobby`)) === 201, 10_000);
      await eventually(async () => (await figure(page, "video", "framesDecoded")) > 20, 15_000);
      await eventually(async () => Math.abs((await tone(page)) - 440) < 10, 15_000);
    }
    expect(await end(publisher.page)).toBe(200);
    const late = await blankTab(browser, server.url);
    await eventually(async () => (await view(late.page, `${server.url}/whep/lobby`)) === 409, 5_000);
  }, 90_000);
});
