import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { blankTab, end, eventually, publish } from "../media/support/pages.ts";
import type { RunningServer } from "../support/server.ts";
import { button, chromiumPath, openTab, sees, sharedBrowser, type Tab } from "./support/browser.ts";
import { pageUrl, startBuiltServer } from "./support/built-server.ts";

/** How long the newest recording of the stream is so far, in s. */
async function recorded(url: string, stream: string): Promise<number> {
  const response = await fetch(`${url}/api/v1/recordings?stream=${stream}`);
  const { recordings } = (await response.json()) as { recordings: { seconds: number }[] };
  return recordings.at(-1)?.seconds ?? 0;
}

/** Pictures of the page for people to look at, where the environment names a folder for them. */
async function shoot({ page }: Tab, name: string): Promise<void> {
  const folder = process.env.SHOTS;
  if (folder === undefined) return;
  for (const colorScheme of ["light", "dark"] as const)
    for (const width of [390, 1280]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 844 });
      await page.screenshot({ path: `${folder}/${name}-${width}-${colorScheme}.png`, fullPage: true });
    }
}

describe.skipIf(chromiumPath === null)("the page of recordings", () => {
  let folder: string;
  let server: RunningServer;
  let browser: Browser;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "switchboard-recordings-"));
    server = await startBuiltServer({
      media: { port: 0, workers: 1, record: ["lobby"], recordings: { folder } },
    });
    browser = await sharedBrowser("slow");
  }, 90_000);
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("lists what was recorded, and plays it with a timeline", async () => {
    const url = pageUrl(server);
    const publisher = await blankTab(browser, url);
    expect(await publish(publisher.page, `${url}/whip/lobby`, { codec: "video/H264" })).toBe(201);
    await eventually(async () => (await recorded(url, "lobby")) > 3, 60_000);
    expect(await end(publisher.page)).toBe(200);

    const tab = await openTab(browser, `${url}/recordings`);
    await tab.page.getByLabel("Name of the stream").fill("nobody");
    await button(tab, "Look").click();
    await sees(tab, "There are no recordings of this stream.");
    await tab.page.getByLabel("Name of the stream").fill("lobby");
    await button(tab, "Look").click();
    await button(tab, /MB/).first().click();
    const played = () =>
      tab.page.evaluate(() => {
        const video = document.querySelector("video");
        return {
          frames: video?.getVideoPlaybackQuality().totalVideoFrames ?? 0,
          length: video?.duration ?? 0,
        };
      });
    await eventually(async () => (await played()).frames > 5, 60_000);
    expect((await played()).length).toBeGreaterThan(2);
    const picture = tab.page.locator(".row img").first();
    const hasFfmpeg = Bun.which("ffmpeg") !== null;
    if (hasFfmpeg) await picture.waitFor();
    const slider = tab.page.getByRole("slider", { name: "Time" });
    const moved = (): Promise<number> =>
      tab.page.evaluate(() => document.querySelector("video")?.currentTime ?? 0);
    await slider.fill("1.5");
    await eventually(async () => (await moved()) >= 1.4, 20_000);
    await slider.hover();
    if (hasFfmpeg) await tab.page.locator(".glimpse img").waitFor();
    await shoot(tab, "recordings");
    expect(tab.errors).toEqual([]);
  }, 180_000);

  test("records a live stream on demand, for whoever may publish it", async () => {
    const url = pageUrl(server);
    const publisher = await blankTab(browser, url);
    expect(await publish(publisher.page, `${url}/whip/desk`, { codec: "video/VP8" })).toBe(201);
    const tab = await openTab(browser, `${url}/recordings?stream=desk`);
    await sees(tab, "There are no recordings of this stream.");
    await button(tab, "Record from now on").click();
    await sees(tab, /Authorization/);
    await tab.page.getByLabel("Token").fill("dev:alice");
    await button(tab, "Look").click();
    await button(tab, "Record from now on").click();
    await button(tab, "Stop recording").waitFor();
    await eventually(async () => (await recorded(url, "desk")) > 3, 60_000);
    await button(tab, "Stop recording").click();
    await button(tab, "Record from now on").waitFor();
    await button(tab, /MB/).first().click();
    const frames = () =>
      tab.page.evaluate(
        () => document.querySelector("video")?.getVideoPlaybackQuality().totalVideoFrames ?? 0,
      );
    await eventually(async () => (await frames()) > 5, 30_000);
    expect(await end(publisher.page)).toBe(200);
    const headers = { Authorization: "Bearer dev:alice" };
    const listed = await fetch(`${url}/api/v1/recordings?stream=desk`, { headers });
    const { recordings } = (await listed.json()) as { recordings: { url: string }[] };
    const address = `${url}${recordings[0]?.url}`;
    expect((await fetch(address, { method: "DELETE" })).status).toBe(401);
    await eventually(
      async () => (await fetch(address, { method: "DELETE", headers })).status === 204,
      20_000,
    );
    expect((await fetch(address)).status).toBe(404);
    expect((await fetch(`${url}/api/v1/recordings?stream=desk`, { method: "POST", headers })).status).toBe(
      409,
    );
  }, 180_000);
});
