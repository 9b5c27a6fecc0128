import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser } from "playwright-core";
import type { RunningServer } from "../support/server.ts";
import {
  button,
  chromiumPath,
  closeTab,
  openTab,
  sees,
  seesVideo,
  sharedBrowser,
} from "./support/browser.ts";
import { pageUrl, startBuiltServer } from "./support/built-server.ts";

describe.skipIf(chromiumPath === null)("a stranger's first minute", () => {
  let server: RunningServer;
  let browser: Browser;

  beforeAll(async () => {
    server = await startBuiltServer();
    browser = await sharedBrowser("none");
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  test("two tabs of one browser, without a camera: five clicks, and both halves of the ladder are real", async () => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    const alice = await openTab(context, pageUrl(server));
    expect(await alice.page.getByLabel("Your name").inputValue()).toBe("alice");
    await button(alice, "Go online").click();

    const link = alice.page.getByRole("link", { name: "Open a second tab as bob" });
    expect(await link.getAttribute("rel")).toBe("noopener");
    const bob = await openTab(context, await link.evaluate((a: HTMLAnchorElement) => a.href));
    await bob.page.getByRole("img", { name: "online" }).waitFor();
    const device = (tab: typeof bob) => tab.page.evaluate(() => sessionStorage.getItem("switchboard.device"));
    expect(await device(alice)).not.toBe(await device(bob));

    await button(alice, "Call").click();
    await button(bob, "Accept").click();
    await Promise.all([seesVideo(alice), seesVideo(bob)]);
    await sees(alice, "both ends seen");
    await sees(bob, /^Set up in \d+ ms, \d+ of them the server$/);
    expect(await alice.page.locator(".half.inferred").count()).toBe(0);

    await button(alice, "Copy").click();
    await sees(alice, "The ladder is on the clipboard.");
    const text = await alice.page.evaluate(() => navigator.clipboard.readText());
    expect(text).toStartWith("Switchboard: alice — server — bob\n\nFind: The server found bob at one device");
    expect(text).toContain("═════ media, direct");
    expect([...alice.errors, ...bob.errors]).toEqual([]);
    for (const tab of [alice, bob]) await tab.page.close();
    await context.close();
  });

  test("a reload comes back online as the same user and device", async () => {
    const alice = await openTab(browser, `${pageUrl(server)}/?as=alice`);
    const online = alice.page.getByRole("img", { name: "online" });
    await online.waitFor();
    const device = () => alice.page.evaluate(() => sessionStorage.getItem("switchboard.device"));
    const before = await device();
    await alice.page.reload();
    await online.waitFor();
    expect(await device()).toBe(before);
    await sees(alice, "Nobody else here");
    await button(alice, "Go offline").click();
    await button(alice, "Go online").waitFor();
    await closeTab(alice);
  });
});
