import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { Browser } from "playwright-core";
import { chromiumPath, sharedBrowser, type Tab } from "../browser/support/browser.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import {
  agreed,
  blankTab,
  end,
  eventually,
  figure,
  publish,
  remotePort,
  tone,
  view,
} from "./support/pages.ts";
import { portable } from "./support/portable.ts";

const withSound = ["--autoplay-policy=no-user-gesture-required"];

describe.skipIf(chromiumPath === null)("one publishes by WHIP, others view by WHEP", () => {
  let server: RunningServer;
  let browser: Browser;
  beforeAll(async () => {
    const media = { enabled: true, port: 0, workers: 2, takeover: ["studio"], portable };
    server = await startServer({ config: { media } });
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

  const tab = () => blankTab(browser, server.url);
  const decodes = async ({ page }: Tab): Promise<void> => {
    const before = await figure(page, "video", "framesDecoded");
    await eventually(async () => (await figure(page, "video", "framesDecoded")) > before + 10, 30_000);
  };
  const views = async (name: string, options?: Parameters<typeof view>[2]): Promise<Tab> => {
    const viewer = await tab();
    await eventually(
      async () => (await view(viewer.page, `${server.url}/whep/${name}`, options)) === 201,
      20_000,
    );
    return viewer;
  };

  test("viewers at two workers see and hear it; once the publisher has ended it, nobody can view", async () => {
    const publisher = await tab();
    expect(await publish(publisher.page, `${server.url}/whip/lobby`)).toBe(201);
    const viewers = [await views("lobby"), await views("lobby")];
    for (const viewer of viewers) {
      await decodes(viewer);
      await eventually(async () => Math.abs((await tone(viewer.page)) - 440) < 10, 30_000);
    }
    expect(new Set(await Promise.all(viewers.map(({ page }) => remotePort(page)))).size).toBe(2);
    expect(await end(publisher.page)).toBe(200);
    const late = await tab();
    await eventually(async () => (await view(late.page, `${server.url}/whep/lobby`)) === 409, 10_000);
  }, 120_000);

  test("by ICE-TCP, with the server as the DTLS client, sound alone", async () => {
    const publisher = await tab();
    const options = { without: "udp", setup: "passive" } as const;
    expect(await publish(publisher.page, `${server.url}/whip/tcp`, options)).toBe(201);
    await decodes(await views("tcp", options));
    const listener = await views("tcp", { ...options, video: false });
    await eventually(async () => Math.abs((await tone(listener.page)) - 440) < 10, 30_000);
    expect(await end(publisher.page)).toBe(200);
  }, 120_000);

  test("a second publisher is refused, or takes over where the name allows it; one that vanishes may come back", async () => {
    const first = await tab();
    expect(await publish(first.page, `${server.url}/whip/plain`)).toBe(201);
    await decodes(await views("plain"));
    const second = await tab();
    expect(await publish(second.page, `${server.url}/whip/plain`)).toBe(409);
    // Its connection is closed first: it ends the stream all the same.
    await first.page.evaluate(() =>
      (globalThis as unknown as { kept: { connection: RTCPeerConnection } }).kept.connection.close(),
    );
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await end(first.page)).toBe(200);
    expect(await view(second.page, `${server.url}/whep/plain`)).toBe(409);

    const third = await tab();
    expect(await publish(third.page, `${server.url}/whip/studio`)).toBe(201);
    const viewer = await views("studio");
    await decodes(viewer);
    // With another codec, too: the viewer has agreed on all that it takes.
    expect(await publish(second.page, `${server.url}/whip/studio`, { codec: "video/H264" })).toBe(201);
    await eventually(async () => (await agreed(viewer.page)).codec === "video/H264", 30_000);
    await decodes(viewer);
    // Gone without a word: nothing closes the session.
    await second.page.close();
    expect(await publish(first.page, `${server.url}/whip/studio`)).toBe(201);
    await decodes(viewer);
    expect(await end(first.page)).toBe(200);
  }, 120_000);
});
