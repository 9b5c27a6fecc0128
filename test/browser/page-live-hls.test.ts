import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { Browser, Page } from "playwright-core";
import { blankTab, end, eventually, publish } from "../media/support/pages.ts";
import type { RunningServer } from "../support/server.ts";
import { button, chromiumPath, sees, sharedBrowser } from "./support/browser.ts";
import { pageUrl, startBuiltServer } from "./support/built-server.ts";
import { withoutCandidates } from "./support/without-candidates.ts";

describe.skipIf(chromiumPath === null)("a viewer whom WebRTC doesn't reach", () => {
  let server: RunningServer;
  let browser: Browser;
  beforeAll(async () => {
    server = await startBuiltServer({ media: { port: 0, workers: 1, transcode: false } });
    browser = await sharedBrowser("slow");
  }, 90_000);
  // A page that is left open goes on playing.
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  /** A tab that is prepared before it opens the address. */
  const opened = async (address: string, prepare: (page: Page) => Promise<unknown>): Promise<Page> => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    const page = await context.newPage();
    await prepare(page);
    await page.goto(address);
    return page;
  };
  const showing = (page: Page): Promise<void> =>
    eventually(
      () =>
        page.evaluate(() => {
          const video =
            document.querySelector("video") ??
            document.querySelector("switchboard-live")?.shadowRoot?.querySelector("video");
          return (video?.getVideoPlaybackQuality().totalVideoFrames ?? 0) > 10 && video?.srcObject === null;
        }),
      60_000,
    );

  test("sees it by HLS: where no candidate can be reached, where the server is full, and in another page", async () => {
    const url = pageUrl(server);
    const publisher = await blankTab(browser, url);
    expect(await publish(publisher.page, `${url}/whip/lobby`, { codec: "video/H264", audio: false })).toBe(
      201,
    );
    // Whom WebRTC reaches never asks for HLS, which would be made for nobody.
    const asked: string[] = [];
    const reached = await opened(`${url}/live/lobby`, async (page) => {
      await page.clock.install();
      page.on("request", (request) => void asked.push(request.url()));
    });
    await eventually(
      () => reached.evaluate(() => (document.querySelector("video")?.videoWidth ?? 0) > 0),
      60_000,
    );
    await reached.clock.fastForward(10_000);
    await button({ page: reached, errors: [], decoded: async () => 0 }, "Statistics").click();
    expect(asked.some((address) => address.includes("/whep/"))).toBe(true);
    expect(asked.filter((address) => address.includes("/hls/"))).toEqual([]);
    await reached.context().close();

    const cut = await opened(`${url}/live/lobby`, (page) => page.addInitScript(withoutCandidates));
    await showing(cut);
    const shown = { page: cut, errors: [], decoded: async () => 0 };
    await sees(shown, /^Live$/);
    await button(shown, "Statistics").click();
    await sees(shown, /^HLS$/);
    if (process.env.SHOTS !== undefined) await cut.screenshot({ path: `${process.env.SHOTS}/live-hls.png` });

    const full = await opened(`${url}/live/lobby`, (page) =>
      page.route("**/whep/**", (route) =>
        route.fulfill({ status: 503, headers: { "Retry-After": "5" }, body: "{}" }),
      ),
    );
    await showing(full);
    await full.context().close();

    const body = `<!doctype html><script src="${url}/live.js" async></script>
      <switchboard-live stream="lobby" muted controls></switchboard-live>`;
    const element = await opened(`${url}/embedding`, async (page) => {
      await page.route("**/embedding", (route) => route.fulfill({ contentType: "text/html", body }));
      await page.addInitScript(withoutCandidates);
    });
    await showing(element);
    if (process.env.SHOTS !== undefined)
      await element.screenshot({ path: `${process.env.SHOTS}/element-hls.png` });
    expect(await end(publisher.page)).toBe(200);
    await eventually(() => cut.evaluate(() => document.querySelector("video") === null), 60_000);
  }, 180_000);

  test("of a stream that HLS can't carry keeps trying", async () => {
    const url = pageUrl(server);
    const publisher = await blankTab(browser, url);
    expect(await publish(publisher.page, `${url}/whip/old`, { codec: "video/VP8", audio: false })).toBe(201);
    const asked = { hls: 0 };
    const cut = await opened(`${url}/live/old`, async (page) => {
      await page.addInitScript(withoutCandidates);
      page.on("response", (response) => {
        if (response.url().includes("/hls/old/") && response.status() === 406) asked.hls++;
      });
    });
    await eventually(async () => asked.hls > 0, 60_000);
    expect(await cut.evaluate(() => document.querySelector("video"))).toBeNull();
    expect(await end(publisher.page)).toBe(200);
  }, 120_000);
});
