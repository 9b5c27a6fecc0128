import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { Browser } from "playwright-core";
import { type Cutter, openCutter } from "../support/cutter.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import {
  button,
  chromiumPath,
  closeTab,
  openTab,
  sees,
  seesVideo,
  sharedBrowser,
  signIn,
  type Tab,
} from "./support/browser.ts";
import { pageUrl, startBuiltServer } from "./support/built-server.ts";

/** Longer than the first attempts to come back. ms */
const cutFor = 1_500;

describe.skipIf(chromiumPath === null)("the page when the network or the server goes", () => {
  let server: RunningServer;
  let browser: Browser;
  let wire: Cutter;
  const tabs: Tab[] = [];

  const enter = async (url: string, name: string): Promise<Tab> => {
    const tab = await signIn(browser, url, name);
    tabs.push(tab);
    return tab;
  };

  beforeAll(async () => {
    server = await startBuiltServer();
    wire = await openCutter(server.port);
    browser = await sharedBrowser();
  }, 60_000);

  afterEach(async () => {
    for (const tab of tabs.splice(0)) {
      expect(tab.errors).toEqual([]);
      await closeTab(tab);
    }
  });

  afterAll(async () => {
    await browser?.close();
    await wire?.close();
    await server?.stop();
  });

  test("a call goes on while the link is cut for some seconds, and is whole again after", async () => {
    const alice = await enter(wire.url, "alice");
    const bob = await enter(pageUrl(server), "bob");
    await button(alice, "Call").click();
    await button(bob, "Accept").click();
    await Promise.all([seesVideo(alice), seesVideo(bob)]);

    wire.cut();
    const cutAt = Date.now();
    await sees(alice, "The link to the server is lost. The call continues.");
    await alice.page.getByLabel("Message to bob").fill("said while the link was cut");
    await alice.page.keyboard.press("Enter");
    while (Date.now() < cutAt + cutFor) await Promise.all([seesVideo(alice), seesVideo(bob)]);
    expect(await bob.page.locator(".bubble").count()).toBe(0);

    wire.restore();
    await alice.page.locator(".banner").waitFor({ state: "detached" });
    await bob.page.locator(".line", { hasText: "said while the link was cut" }).waitFor();
    expect(await bob.page.locator(".bubble").count()).toBe(1);
    await sees(alice, "The link to the server came back and nothing was lost. The media never noticed.");

    await button(alice, "Restart ICE").click();
    await sees(alice, "Both ends agreed on a new path. The call continued.");
    await Promise.all([seesVideo(alice), seesVideo(bob)]);
    await button(alice, "Screen").waitFor();
    await button(bob, "Hang up").click();
    await sees(alice, /^bob hung up after/);
  }, 120_000);

  test("a server that is away is said so, counted down to, and found again by itself", async () => {
    const short = await startServer();
    const carol = await enter(pageUrl(short), "carol");
    await sees(carol, "Nobody else here");
    await short.stop();
    await sees(carol, "The server can’t be reached");
    await sees(carol, /Again in \d+ s\.|Trying/);
    await carol.page.getByRole("img", { name: "offline" }).waitFor();
    const again = await startServer({ config: { port: short.port } });
    try {
      await button(carol, "Try now")
        .click({ timeout: 2_000 })
        .catch(() => undefined);
      await sees(carol, "Nobody else here");
    } finally {
      await again.stop();
    }
  }, 60_000);

  test("a server that is not there at the first try is said so too", async () => {
    const tab = await openTab(browser, wire.url);
    tabs.push(tab);
    wire.cut();
    await button(tab, "Go online").click();
    await sees(tab, "The server can’t be reached");
    await button(tab, "Go offline").click();
    await button(tab, "Go online").waitFor();
    wire.restore();
    await button(tab, "Go online").click();
    await sees(tab, "Nobody else here");
  });

  test("an end that is gone for good is called lost", async () => {
    const alice = await enter(pageUrl(server), "alice");
    const bob = await enter(pageUrl(server), "bob");
    await button(alice, "Call").click();
    await button(bob, "Accept").click();
    await seesVideo(alice);
    await bob.page.close();
    await sees(alice, /bob left\.|bob hung up/);
    await sees(alice, "Nobody else here");
  });
});
