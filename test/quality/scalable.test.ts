import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser } from "playwright-core";
import { chromiumPath, launch, type Tab } from "../browser/support/browser.ts";
import { agreed, blankTab, end, eventually, figure, publish, view } from "../media/support/pages.ts";
import { type RunningServer, startServer } from "../support/server.ts";

describe.skipIf(chromiumPath === null)("layers within one SSRC (SVC), from Chromium to Chromium", () => {
  let server: RunningServer;
  let browser: Browser;
  beforeAll(async () => {
    server = await startServer({ config: { media: { port: 0, workers: 1 } } });
    browser = await launch("fake", ["--autoplay-policy=no-user-gesture-required"]);
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  /** What the viewer wishes at most; without anything it takes the wish back. */
  async function wish(viewer: Tab, what?: object): Promise<void> {
    const status = await viewer.page.evaluate(async (what) => {
      const { kept } = globalThis as unknown as { kept: { session: string } };
      const method = what === undefined ? "DELETE" : "POST";
      const headers = { "Content-Type": "application/json" };
      const init = what === undefined ? {} : { headers, body: JSON.stringify(what) };
      return (await fetch(`${kept.session}/layer`, { method, ...init })).status;
    }, what);
    expect(status).toBe(200);
  }
  const height = (viewer: Tab) => figure(viewer.page, "video", "frameHeight");
  async function decodes(viewer: Tab, frames = 10): Promise<void> {
    const before = await figure(viewer.page, "video", "framesDecoded");
    await eventually(
      async () => (await figure(viewer.page, "video", "framesDecoded")) > before + frames,
      30_000,
    );
  }

  for (const [codec, scalabilityMode] of [
    ["video/VP9", "L2T3_KEY"],
    ["video/VP9", "L2T2"],
    ["video/AV1", "L2T3_KEY"],
    ["video/AV1", "L2T1"],
  ] as const)
    test(`${codec} ${scalabilityMode}: a viewer gets the picture that it asks for, and all of it again`, async () => {
      const [publisher, viewer] = [await blankTab(browser, server.url), await blankTab(browser, server.url)];
      const name = codec.slice(6).toLowerCase();
      const options = { codec, scalabilityMode, audio: false };
      expect(await publish(publisher.page, `${server.url}/whip/${name}`, options)).toBe(201);
      const whep = `${server.url}/whep/${name}`;
      await eventually(async () => (await view(viewer.page, whep, { descriptor: true })) === 201, 20_000);
      await eventually(async () => (await height(viewer)) === 480, 40_000);
      expect((await agreed(viewer.page)).codec).toBe(codec);
      await wish(viewer, { maxHeight: 250 });
      await eventually(async () => (await height(viewer)) === 240, 30_000);
      await decodes(viewer);
      await wish(viewer);
      await eventually(async () => (await height(viewer)) === 480, 30_000);
      await decodes(viewer, 20);
      if (codec === "video/AV1") {
        // Without the descriptor a decoder can't tell the layers of a picture apart: it gets the lowest.
        const plain = await blankTab(browser, server.url);
        expect(await view(plain.page, whep)).toBe(201);
        await eventually(async () => (await height(plain)) === 240, 30_000);
        await decodes(plain);
        await plain.page.close();
      }
      expect(await end(publisher.page)).toBe(200);
      for (const { page } of [publisher, viewer]) await page.close();
    }, 180_000);
});
