import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser, Page } from "playwright-core";
import { chromiumPath, launch } from "../browser/support/browser.ts";
import { blankTab, eventually, figure, publish, tone, view } from "../media/support/pages.ts";
import { freePort } from "../support/free-port.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { LossyRelay } from "./lossy-relay.ts";

/** How long frames are counted, in ms. */
const minute = 60_000;

/** What a viewer gets when its datagrams, and the publisher's, are lost both ways. Takes some minutes, and a machine that does nothing else. */
describe.skipIf(chromiumPath === null)("loss on the way", () => {
  let server: RunningServer;
  let relay: LossyRelay;
  let browser: Browser;
  beforeAll(async () => {
    const port = await freePort();
    server = await startServer({ config: { media: { enabled: true, port } } });
    relay = await LossyRelay.start(port);
    browser = await launch("fake", ["--autoplay-policy=no-user-gesture-required"]);
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    relay?.stop();
    await server?.stop();
  });

  const start = async (name: string, simulcast: boolean): Promise<{ publisher: Page; viewer: Page }> => {
    const through = { without: "tcp", port: relay.port } as const;
    const [publisher, viewer] = [await blankTab(browser, server.url), await blankTab(browser, server.url)];
    const url = `${server.url}/whip/${name}`;
    expect(await publish(publisher.page, url, { simulcast, codec: "video/VP8", ...through })).toBe(201);
    const whep = `${server.url}/whep/${name}`;
    await eventually(async () => (await view(viewer.page, whep, through)) === 201, 20_000);
    await eventually(async () => (await figure(viewer.page, "video", "framesDecoded")) > 20, 20_000);
    return { publisher: publisher.page, viewer: viewer.page };
  };

  test("at 5 % each way and 30 ms of jitter, 98 % of the frames are decoded, and nothing freezes for 500 ms", async () => {
    const { publisher, viewer } = await start("five", false);
    relay.quality = { loss: 0.05, jitter: 30 };
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    const longest = viewer.evaluate(longestGap, minute);
    const sent = await figure(publisher, "video", "framesEncoded", "outbound-rtp");
    const decoded = await figure(viewer, "video", "framesDecoded");
    const gap = await longest;
    const sentNow = (await figure(publisher, "video", "framesEncoded", "outbound-rtp")) - sent;
    const decodedNow = (await figure(viewer, "video", "framesDecoded")) - decoded;
    relay.quality = { loss: 0, jitter: 0 };
    console.log(`5 %: ${decodedNow} of ${sentNow} frames, the longest gap ${Math.round(gap)} ms`);
    expect(decodedNow).toBeGreaterThanOrEqual(sentNow * 0.98);
    expect(gap).toBeLessThan(500);
    expect(relay.lost).toBeGreaterThan(100);
  }, 200_000);

  test("at 20 % the video goes down, and the sound stays", async () => {
    const { viewer } = await start("twenty", true);
    await eventually(async () => (await figure(viewer, "video", "frameHeight")) >= 240, 60_000);
    relay.quality = { loss: 0.2, jitter: 30 };
    await eventually(async () => (await figure(viewer, "video", "frameHeight")) <= 120, 60_000);
    expect(Math.abs((await tone(viewer)) - 440)).toBeLessThan(10);
    const before = await figure(viewer, "audio", "totalSamplesReceived");
    const hidden = await figure(viewer, "audio", "concealedSamples");
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    const received = (await figure(viewer, "audio", "totalSamplesReceived")) - before;
    const concealed = (await figure(viewer, "audio", "concealedSamples")) - hidden;
    relay.quality = { loss: 0, jitter: 0 };
    console.log(`20 %: ${Math.round((100 * concealed) / received)} % of the sound was concealed`);
    expect(concealed / received).toBeLessThan(0.3);
  }, 200_000);
});

/** In the page: the longest time between two frames that were shown, ms. */
async function longestGap(time: number): Promise<number> {
  const video = document.querySelector("video") as HTMLVideoElement;
  let last = performance.now();
  let longest = 0;
  const end = last + time;
  return await new Promise((resolve) => {
    const next = (now: number): void => {
      longest = Math.max(longest, now - last);
      last = now;
      if (now > end) resolve(longest);
      else video.requestVideoFrameCallback(next);
    };
    video.requestVideoFrameCallback(next);
  });
}
