import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser } from "playwright-core";
import { eventually } from "../media/support/pages.ts";
import { workersOf } from "../support/media-workers.ts";
import { someOf } from "../support/seed.ts";
import type { RunningServer } from "../support/server.ts";
import { auditThemes } from "./support/audit.ts";
import {
  button,
  chromiumPath,
  closeTab,
  openTab,
  sees,
  seesVideo,
  sharedBrowser,
  still,
  type Tab,
} from "./support/browser.ts";
import { pageUrl, startBuiltServer } from "./support/built-server.ts";

/** Signs in at /broadcast and opens the camera. */
async function openStudio(browser: Browser, url: string, stream: string): Promise<Tab> {
  const tab = await openTab(browser, `${url}/broadcast?as=alice&stream=${stream}`);
  await button(tab, "Open the camera").click();
  await button(tab, "Go live").waitFor();
  return tab;
}

/** The height of the picture that the page shows. */
function height(tab: Tab): Promise<number> {
  return tab.page.evaluate(() => document.querySelector("video")?.videoHeight ?? 0);
}

/** Whether the viewer sees Chromium's fake camera, which is green; the test picture is not. */
function isGreen(tab: Tab): Promise<boolean> {
  return tab.page.evaluate(() => {
    const video = document.querySelector("video");
    const context = new OffscreenCanvas(1, 1).getContext("2d");
    if (video === null || context === null || video.videoWidth === 0) return false;
    const { videoWidth: width, videoHeight: height } = video;
    context.drawImage(video, width / 4, height * 0.9, 8, 8, 0, 0, 1, 1);
    const [red = 0, green = 0] = context.getImageData(0, 0, 1, 1).data;
    return green - red > 80;
  });
}

describe.skipIf(chromiumPath === null)("the pages for streams", () => {
  let server: RunningServer;
  let browser: Browser;
  beforeAll(async () => {
    server = await startBuiltServer({ media: { port: 0, workers: 1 } });
    browser = await sharedBrowser("slow");
  }, 90_000);
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  test("one broadcasts, two watch, one of them chooses a quality; then it stops, and begins again", async () => {
    const url = pageUrl(server);
    const early = await openTab(browser, `${url}/live/lobby`);
    await sees(early, "lobby is not live");
    const alice = await openStudio(browser, url, "lobby");
    await sees(alice, "Not live");
    await button(alice, "Go live").click();
    await sees(alice, /^Live$/);
    // It was open before the stream began.
    await seesVideo(early, 60_000);
    const late = await openTab(browser, `${url}/live/lobby`);
    await seesVideo(late, 60_000);
    await sees(alice, "2 viewers");
    await sees(late, "2 viewers");
    await alice.page.locator(".layers tbody tr").first().waitFor();

    await button(late, "Quality").click();
    await button(late, "180p").click({ timeout: 60_000 });
    await eventually(async () => (await height(late)) === 180, 60_000);
    await button(late, "Statistics").click();
    await sees(late, /^320 × 180$/);
    await button(late, "180p").click();
    // How soon the server then goes up is up to the machine.
    const left = late.page.waitForResponse(
      (response) => response.url().endsWith("/layer") && response.request().method() === "DELETE",
    );
    await button(late, /^Auto/).click();
    expect((await left).status()).toBe(200);
    await button(late, "Quality").waitFor();

    await button(late, "Turn on sound").click();
    await late.page.waitForFunction(() => {
      const video = document.querySelector("video");
      return video?.muted === false && video.paused === false;
    });
    await closeTab(early);
    await sees(alice, "1 viewer");

    await button(alice, "Stop").click();
    await sees(late, "lobby is not live");
    await button(alice, "Go live").click();
    await seesVideo(late, 60_000);
    expect([...alice.errors, ...late.errors]).toEqual([]);
    for (const tab of [alice, late]) await closeTab(tab);
  }, 300_000);

  test("the broadcaster changes what is sent while it is live, and the browser's Back ends it", async () => {
    const url = pageUrl(server);
    const alice = await openStudio(browser, url, "change");
    await button(alice, "Go live").click();
    const viewer = await openTab(browser, `${url}/live/change`);
    await seesVideo(viewer, 60_000);
    await eventually(() => isGreen(viewer), 30_000);
    await button(alice, "Test").click();
    await eventually(async () => !(await isGreen(viewer)), 60_000);
    await button(alice, "Camera").click();
    await eventually(() => isGreen(viewer), 60_000);
    await alice.page.goto(`${url}/`);
    await sees(viewer, "change is not live");
    expect([...alice.errors, ...viewer.errors]).toEqual([]);
    for (const tab of [alice, viewer]) await closeTab(tab);
  }, 200_000);

  test("a name that is taken is waited for", async () => {
    const url = pageUrl(server);
    const alice = await openStudio(browser, url, "taken");
    await button(alice, "Go live").click();
    await sees(alice, /^Live$/);
    const second = await openStudio(browser, url, "taken");
    await button(second, "Go live").click();
    await sees(second, /^Somebody else is live under this name/);
    await button(alice, "Stop").click();
    await sees(second, /^Live$/);
    for (const tab of [alice, second]) await closeTab(tab);
  }, 120_000);

  if (process.env.TEST_LONG === "1" && process.platform === "linux")
    test("both ends come back by themselves after their media worker was killed", async () => {
      const url = pageUrl(server);
      const alice = await openStudio(browser, url, "worker");
      await button(alice, "Go live").click();
      const viewer = await openTab(browser, `${url}/live/worker`);
      await seesVideo(viewer, 60_000);
      for (const worker of workersOf(server.pid)) process.kill(worker, "SIGKILL");
      await sees(alice, "Reconnecting…");
      await sees(alice, /^Live$/);
      await viewer.page.getByRole("img", { name: "live", exact: true }).waitFor();
      await seesVideo(viewer, 60_000);
      expect([...alice.errors, ...viewer.errors]).toEqual([]);
      for (const tab of [alice, viewer]) await closeTab(tab);
    }, 200_000);

  for (const width of someOf([390, 1280], 1))
    test(`names, contrast and targets at ${width} px, in light and dark`, async () => {
      const url = pageUrl(server);
      const stream = `audit-${width}`;
      const context = () =>
        browser.newContext({ ...still, viewport: { width, height: 844 }, hasTouch: width < 720 });
      const chooser = await openTab(await context(), `${url}/live`);
      expect(await auditThemes(chooser.page)).toEqual([]);
      const viewer = await openTab(await context(), `${url}/live/${stream}`);
      await sees(viewer, `${stream} is not live`);
      expect(await auditThemes(viewer.page)).toEqual([]);
      const alice = await openTab(await context(), `${url}/broadcast?as=al%20ice&stream=${stream}`);
      await button(alice, "Open the camera").click();
      await sees(alice, /^The server refused this name/);
      expect(await auditThemes(alice.page)).toEqual([]);
      await alice.page.getByLabel("Your name").fill("alice");
      await button(alice, "Open the camera").click();
      await button(alice, "Go live").waitFor();
      expect(await auditThemes(alice.page)).toEqual([]);
      await button(alice, "Go live").click();
      await alice.page.locator(".layers tbody tr").first().waitFor();
      expect(await auditThemes(alice.page)).toEqual([]);
      await button(viewer, "Statistics").click();
      expect(await auditThemes(viewer.page)).toEqual([]);
      await button(viewer, "Quality").click();
      expect(await auditThemes(viewer.page)).toEqual([]);
      for (const tab of [chooser, alice, viewer]) await closeTab(tab);
    }, 120_000);

  test("without a camera, the test picture is broadcast", async () => {
    const blind = await sharedBrowser("none");
    const url = pageUrl(server);
    const alice = await openStudio(blind, url, "blind");
    await button(alice, "Go live").click();
    const viewer = await openTab(browser, `${url}/live/blind`);
    await seesVideo(viewer, 60_000);
    await closeTab(viewer);
    await blind.close();
  }, 120_000);

  test("/ leads to both, and /live asks for a name", async () => {
    const tab = await openTab(browser, pageUrl(server));
    await tab.page.getByRole("link", { name: "Broadcast live" }).click();
    await sees(tab, "Name of the stream");
    await tab.page.getByRole("link", { name: "Watch" }).click();
    await tab.page.getByLabel("Name of the stream").fill("straße 1");
    await button(tab, "Watch").click();
    expect(new URL(tab.page.url()).pathname).toBe("/live");
    await tab.page.getByLabel("Name of the stream").fill("straße");
    await button(tab, "Watch").click();
    await sees(tab, "straße is not live");
    expect(tab.errors).toEqual([]);
    await closeTab(tab);
  }, 60_000);
});
