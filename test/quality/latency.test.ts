import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser, Page } from "playwright-core";
import { chromiumPath, launch } from "../browser/support/browser.ts";
import { blankTab, eventually, figure, publish, view } from "../media/support/pages.ts";
import { freePort } from "../support/free-port.ts";
import { type RunningServer, startServer } from "../support/server.ts";

/** Milliseconds are shown as so many black and white blocks, of so many pixels. */
const [bits, block] = [16, 20];

/** How late the picture is, and how soon it is there, between two pages of one Chromium. Takes a minute, and a machine that does nothing else. */
describe.skipIf(chromiumPath === null)("latency on this machine", () => {
  let server: RunningServer;
  let browser: Browser;
  beforeAll(async () => {
    server = await startServer({ config: { media: { enabled: true, port: await freePort(), workers: 1 } } });
    browser = await launch("fake", ["--autoplay-policy=no-user-gesture-required"]);
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  test("from glass to glass, by a clock in the picture", async () => {
    const [publisher, viewer] = [await blankTab(browser, server.url), await blankTab(browser, server.url)];
    await publisher.page.evaluate(showClock, [bits, block]);
    const options = { picture: "given", codec: "video/VP8" } as const;
    expect(await publish(publisher.page, `${server.url}/whip/clock`, options)).toBe(201);
    await eventually(async () => (await view(viewer.page, `${server.url}/whep/clock`)) === 201, 20_000);
    await eventually(async () => (await figure(viewer.page, "video", "framesDecoded")) > 60, 30_000);
    const late = (await viewer.page.evaluate(readClock, [bits, block, 300])).sort(
      (one, other) => one - other,
    );
    console.log(
      `glass to glass: p50 ${share(late, 0.5)} ms, p95 ${share(late, 0.95)} ms of ${late.length} frames`,
    );
    expect(late.length).toBeGreaterThan(250);
    expect(share(late, 0.5)).toBeLessThan(300);
    for (const { page } of [publisher, viewer]) await page.close();
  }, 120_000);

  for (const [way, without] of [
    ["UDP", "tcp"],
    ["ICE-TCP", "udp"],
  ] as const)
    test(`from click to the first frame, by ${way}`, async () => {
      const publisher = await blankTab(browser, server.url);
      const url = `${server.url}/whip/first-${way}`;
      expect(await publish(publisher.page, url, { codec: "video/VP8" })).toBe(201);
      const viewer = await blankTab(browser, server.url);
      const whep = `${server.url}/whep/first-${way}`;
      await eventually(async () => (await view(viewer.page, whep, { without })) === 201, 20_000);
      const took: number[] = [];
      for (let n = 0; n < 30; n++) took.push(await firstFrame(viewer.page, whep, without));
      took.sort((one, other) => one - other);
      console.log(
        `first frame by ${way}: p50 ${share(took, 0.5)} ms, p90 ${share(took, 0.9)} ms, the last of ${took.length} ${share(took, 1)} ms`,
      );
      expect(share(took, 0.5)).toBeLessThan(1_000);
      for (const { page } of [publisher, viewer]) await page.close();
    }, 180_000);
});

function share(sorted: readonly number[], part: number): number {
  return Math.round(sorted[Math.floor(part * (sorted.length - 1))] ?? Number.NaN);
}

/** Views anew. Resolves with the ms from the first line of the page's code to the first frame that is shown. */
async function firstFrame(page: Page, url: string, without: "udp" | "tcp"): Promise<number> {
  await page.evaluate(() => {
    const { kept } = globalThis as unknown as { kept: { connection: RTCPeerConnection } };
    kept.connection.close();
    const video = document.querySelector("video") as HTMLVideoElement;
    video.srcObject = null;
    const began = performance.now();
    const shown = new Promise((resolve) => video.requestVideoFrameCallback((now) => resolve(now - began)));
    Object.assign(globalThis, { shown });
  });
  expect(await view(page, url, { without })).toBe(201);
  return await page.evaluate(() => (globalThis as unknown as { shown: Promise<number> }).shown);
}

/** In the page: a canvas that shows the time of day in ms, as `colors` of the page. */
function showClock([bits, block]: readonly number[]): void {
  const [count, size] = [bits ?? 0, block ?? 0];
  const canvas = Object.assign(document.createElement("canvas"), { width: count * size, height: 180 });
  const paint = canvas.getContext("2d");
  setInterval(() => {
    const time = Date.now() % 2 ** count;
    for (let n = 0; n < count && paint !== null; n++) {
      paint.fillStyle = (time >> n) & 1 ? "#fff" : "#000";
      paint.fillRect(n * size, 0, size, 180);
    }
  }, 15);
  Object.assign(globalThis, { colors: canvas.captureStream(30) });
}

/** In the page: how old each of so many frames is when it is shown, ms. */
function readClock([bits, block, frames]: readonly number[]): Promise<number[]> {
  const [count, size] = [bits ?? 0, block ?? 0];
  const video = document.querySelector("video") as HTMLVideoElement;
  const canvas = Object.assign(document.createElement("canvas"), { width: count * size, height: 1 });
  const paint = canvas.getContext("2d", { willReadFrequently: true });
  const late: number[] = [];
  return new Promise((resolve) => {
    const next = (): void => {
      const now = Date.now() % 2 ** count;
      paint?.drawImage(video, 0, video.videoHeight / 2, video.videoWidth, 1, 0, 0, count * size, 1);
      const pixels = paint?.getImageData(0, 0, count * size, 1).data ?? [];
      let [time, clear] = [0, true];
      for (let n = 0; n < count; n++) {
        const light = pixels[4 * (n * size + size / 2)] ?? 0;
        if (light > 80 && light < 176) clear = false;
        if (light >= 128) time += 2 ** n;
      }
      // A frame that was captured while its bits were painted, or is blurred, says nothing.
      const age = (now - time + 2 ** count) % 2 ** count;
      if (clear && age < 10_000) late.push(age);
      if (late.length >= (frames ?? 0)) resolve(late);
      else video.requestVideoFrameCallback(next);
    };
    video.requestVideoFrameCallback(next);
  });
}
