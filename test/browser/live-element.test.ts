import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser } from "playwright-core";
import { blankTab, end, eventually, publish } from "../media/support/pages.ts";
import type { RunningServer } from "../support/server.ts";
import { chromiumPath, openTab, seesVideo, sharedBrowser, type Tab } from "./support/browser.ts";
import { pageUrl, startBuiltServer } from "./support/built-server.ts";

/** A page of another origin. It allows no inline style, as careful pages do. */
const page = (server: string, attributes: string) => `<!doctype html><title>other origin</title>
  <script src="${server}/live.js" async></script>
  <switchboard-live ${attributes}></switchboard-live>`;

const csp = (server: string) => `default-src 'none'; script-src ${server}; connect-src ${server}`;

/** The attribute by which the element tells its state. */
function state(tab: Tab): Promise<string | null> {
  return tab.page.evaluate(() => document.querySelector("switchboard-live")?.getAttribute("state") ?? null);
}

/** What stands in the element for people to read. */
function words(tab: Tab): Promise<string> {
  return tab.page.evaluate(
    () => document.querySelector("switchboard-live")?.shadowRoot?.querySelector(".words")?.textContent ?? "",
  );
}

describe.skipIf(chromiumPath === null)("<switchboard-live> in a page of another origin", () => {
  let server: RunningServer;
  let browser: Browser;
  let application: ReturnType<typeof Bun.serve>;
  beforeAll(async () => {
    server = await startBuiltServer({ media: { port: 0, workers: 1 } });
    const url = pageUrl(server);
    application = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) => {
        const attributes = decodeURIComponent(new URL(request.url).search.slice(1));
        return new Response(page(url, attributes), {
          headers: { "Content-Type": "text/html", "Content-Security-Policy": csp(url) },
        });
      },
    });
    browser = await sharedBrowser("slow");
  }, 90_000);
  afterAll(async () => {
    await browser?.close();
    await application?.stop(true);
    await server?.stop();
  });
  const open = (attributes: string) =>
    openTab(browser, `http://localhost:${application.port}/?${encodeURIComponent(attributes)}`);

  test("waits for its stream, plays it without sound, and says when it is over", async () => {
    const viewer = await open('stream="lobby" muted controls');
    await eventually(async () => (await state(viewer)) === "waiting", 20_000);
    expect(await words(viewer)).toBe("Not live yet");
    const publisher = await blankTab(browser, pageUrl(server));
    expect(await publish(publisher.page, `${pageUrl(server)}/whip/lobby`, { simulcast: true })).toBe(201);
    await seesVideo(viewer, 60_000);
    await eventually(async () => (await state(viewer)) === "live", 20_000);
    await viewer.page.getByRole("button", { name: "Turn on sound" }).click();
    await viewer.page.getByRole("button", { name: "Mute" }).waitFor();
    const quality = viewer.page.getByLabel("Quality");
    await quality.selectOption("120p", { timeout: 60_000 });
    await viewer.page.waitForFunction(
      () =>
        document.querySelector("switchboard-live")?.shadowRoot?.querySelector("video")?.videoHeight === 120,
      undefined,
      { timeout: 60_000 },
    );

    await viewer.page.evaluate(() =>
      document.querySelector("switchboard-live")?.setAttribute("stream", "other"),
    );
    await eventually(async () => (await state(viewer)) === "waiting", 20_000);
    await viewer.page.evaluate(() =>
      document.querySelector("switchboard-live")?.setAttribute("stream", "lobby"),
    );
    await seesVideo(viewer, 60_000);
    expect(await end(publisher.page)).toBe(200);
    await eventually(async () => (await state(viewer)) === "waiting", 20_000);
    expect(viewer.errors).toEqual([]);
  }, 240_000);

  test("says why the server refuses", async () => {
    const viewer = await open('stream="lobby" token="nonsense"');
    await eventually(async () => (await state(viewer)) === "refused", 20_000);
    expect(await words(viewer)).not.toBe("");
  }, 60_000);
});
