import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import type { Browser } from "playwright-core";
import { chromiumPath, sharedBrowser, type Tab } from "../browser/support/browser.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { checkRendition } from "./support/hls-check.ts";
import { hlsFigures, playHls } from "./support/hls-page.ts";
import { blankTab, end, eventually, publish } from "./support/pages.ts";
import { portable } from "./support/portable.ts";

const admin = { headers: { Authorization: "Bearer dev:admin" } };
const withSound = ["--autoplay-policy=no-user-gesture-required"];

describe.skipIf(chromiumPath === null)("a stream from Chromium by HLS", () => {
  let server: RunningServer;
  let browser: Browser;
  beforeAll(async () => {
    const ladder = { streams: ["steps"], heights: [720, 240, 120] };
    server = await startServer({
      config: {
        media: {
          ...{
            enabled: true,
            port: 0,
            workers: 1,
            hlsStreams: ["show-*"],
            takeover: ["lobby"],
            ladder,
            portable,
          },
        },
      },
    });
    browser = await sharedBrowser("fake", withSound);
  }, 60_000);
  // A page that is left open goes on capturing and encoding.
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  const tab = (): Promise<Tab> => blankTab(browser, server.url);
  const plays = async ({ page }: Tab, frames = 60): Promise<void> =>
    eventually(async () => (await hlsFigures(page)).frames > frames, 30_000);

  test("hls.js plays H.264 and Opus with low latency", async () => {
    let publisher = await tab();
    const publishes = async ({ page }: Tab): Promise<void> =>
      expect(await publish(page, `${server.url}/whip/lobby`, { codec: "video/H264" })).toBe(201);
    await publishes(publisher);
    const viewer = await tab();
    await eventually(async () => (await fetch(`${server.url}/hls/lobby/index.m3u8`)).status === 200, 20_000);
    await playHls(viewer.page, `${server.url}/hls/lobby/index.m3u8`);
    await plays(viewer);
    const figures = await hlsFigures(viewer.page);
    if (process.env.SHOW === "1") console.error(figures);
    // hls.js begins at 0 and goes to where the pictures are. What fails on a machine that leaves the page no time is no fault of the stream.
    const excused = /^bufferSeekOverHole .*from 0 to /;
    expect(figures.punctual.filter((error) => !excused.test(error))).toEqual([]);
    expect(figures.errors.filter((error) => error.startsWith("fatal"))).toEqual([]);
    expect(figures.height).toBeGreaterThan(0);
    const master = await (await fetch(`${server.url}/hls/lobby/index.m3u8`)).text();
    const folder = `${server.url}/hls/lobby/${/^([\w-]+)\/v0/m.exec(master)?.[1]}`;
    const names = [...new Set(master.match(/[av]\d(?=\.m3u8)/g) ?? [])];
    expect(names).toContain("v0");
    expect(names).toContain("a0");
    // An hour of it, with a publisher that comes back from another page every 40 s: HLS_CHECK_SECONDS=3600 bun test test/media/hls.test.ts --timeout=7200000
    const seconds = Number(process.env.HLS_CHECK_SECONDS ?? 3);
    const checking = Promise.all(
      names.map((name) => checkRendition(`${folder}/${name}.m3u8`, seconds * 1_000)),
    );
    for (let left = seconds - 40; left > 0; left -= 40) {
      await new Promise((resolve) => setTimeout(resolve, 40_000));
      const former = publisher;
      publisher = await tab();
      await publishes(publisher);
      if (process.env.SHOW === "1")
        console.error(`another publisher at ${new Date().toISOString()}`, await hlsFigures(viewer.page));
      await former.page.context().close();
    }
    const checks = await checking;
    expect(Object.fromEntries(names.map((name, at) => [name, checks[at]?.findings]))).toEqual(
      Object.fromEntries(names.map((name) => [name, []])),
    );
    for (const { reloads } of checks) expect(reloads).toBeGreaterThan(seconds);
    const later = await hlsFigures(viewer.page);
    expect(later.punctual.filter((error) => !excused.test(error))).toEqual([]);
    if (seconds > 40) expect(later.frames).toBeGreaterThan(5 * seconds);
    expect(await end(publisher.page)).toBe(200);
    await eventually(async () => (await fetch(`${server.url}/hls/lobby/index.m3u8`)).status === 404, 10_000);
  }, 7_200_000);

  test("VP9 is made H.264 where there is ffmpeg, and told of where there is none", async () => {
    const publisher = await tab();
    expect(await publish(publisher.page, `${server.url}/whip/old`, { codec: "video/VP9" })).toBe(201);
    const address = `${server.url}/hls/old/index.m3u8`;
    const expected = Bun.which("ffmpeg") === null ? 406 : 200;
    await eventually(async () => (await fetch(address)).status === expected, 30_000);
    if (expected === 200) {
      expect(await (await fetch(address)).text()).toContain("avc1.");
      const viewer = await tab();
      await playHls(viewer.page, address);
      await plays(viewer, 20);
    }
    expect(await end(publisher.page)).toBe(200);
  }, 120_000);

  test.skipIf(Bun.which("ffmpeg") === null)(
    "smaller sizes are made where the settings say so",
    async () => {
      const publisher = await tab();
      expect(await publish(publisher.page, `${server.url}/whip/steps`, { codec: "video/H264" })).toBe(201);
      const live = async (): Promise<number> =>
        (await (await fetch(`${server.url}/api/v1/streams/steps`, admin)).json()).layers?.[0]?.height ?? 0;
      await eventually(async () => (await live()) >= 240, 20_000);
      const address = `${server.url}/hls/steps/index.m3u8`;
      const master = await (await fetch(address)).text();
      const names = [...new Set(master.match(/[\w-]+\/v\d(?=\.m3u8)/g) ?? [])];
      // 720 lines are more than the publisher has.
      const ends = names.map((name) => name.slice(-2));
      expect([ends.includes("v0"), ends.includes("v1"), ends.includes("v3")]).toEqual([true, false, true]);
      const heights = names.map((name) => {
        const options = ["-v", "error", "-show_entries", "stream=height", "-of", "csv=p=0"];
        return Number.parseInt(
          `${spawnSync("ffprobe", [...options, `${server.url}/hls/steps/${name}.m3u8`]).stdout}`,
          10,
        );
      });
      // A busy machine makes the publisher begin with fewer lines than its camera has.
      expect(heights.toSorted((one, other) => one - other)[0]).toBe(120);
      expect(await end(publisher.page)).toBe(200);
    },
    120_000,
  );

  test("a publisher is asked for H.264 where the stream is listed", async () => {
    const publisher = await tab();
    expect(await publish(publisher.page, `${server.url}/whip/show-1`)).toBe(201);
    await eventually(async () => (await fetch(`${server.url}/hls/show-1/index.m3u8`)).status === 200, 20_000);
    expect(await end(publisher.page)).toBe(200);
  }, 120_000);
});
