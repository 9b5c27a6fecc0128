import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type axe from "axe-core";
import type { Browser, BrowserContext } from "playwright-core";
import type { RunningServer } from "../support/server.ts";
import { signIn } from "../support/sign-in.ts";
import {
  button,
  chromiumPath,
  openTab,
  sees,
  seesVideo,
  sharedBrowser,
  still,
  type Tab,
} from "./support/browser.ts";
import { pageUrl, startBuiltServer } from "./support/built-server.ts";

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe finds wrong with the page as it is now. */
async function findings(tab: Tab): Promise<string[]> {
  await tab.page.evaluate(source);
  return await tab.page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run();
    return violations.map(
      ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" ")}`,
    );
  });
}

describe.skipIf(chromiumPath === null)("axe finds nothing wrong", () => {
  let server: RunningServer;
  let browser: Browser;
  let context: BrowserContext;
  let url: string;

  beforeAll(async () => {
    server = await startBuiltServer({ media: { enabled: true, port: 0, workers: 1 } });
    browser = await sharedBrowser("slow");
    context = await browser.newContext({ ...still, viewport: { width: 1280, height: 800 } });
    url = pageUrl(server);
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  test("with the page, from signing in to the end of a call", async () => {
    const alice = await openTab(context, `${url}/`);
    expect(await findings(alice)).toEqual([]);
    await button(alice, "Go online").click();
    await sees(alice, "Nobody else here");
    expect(await findings(alice)).toEqual([]);
    const bob = await openTab(context, `${url}/?as=bob`);
    await button(alice, "Call").click();
    await button(bob, "Accept").waitFor();
    expect(await findings(bob)).toEqual([]);
    expect(await findings(alice)).toEqual([]);
    await button(bob, "Accept").click();
    await Promise.all([seesVideo(alice), seesVideo(bob)]);
    expect(await findings(alice)).toEqual([]);
    await button(alice, "Hang up").click();
    await button(alice, "Call").click();
    await button(bob, "Decline").click();
    await sees(alice, "bob declined");
    expect(await findings(alice)).toEqual([]);
    expect(alice.errors).toEqual([]);
    await Promise.all([alice.page.close(), bob.page.close()]);
  }, 120_000);

  test("with broadcasts, what views them, and recordings", async () => {
    const cast = await openTab(context, `${url}/broadcast`);
    expect(await findings(cast)).toEqual([]);
    await cast.page
      .getByRole("button", { name: /camera/i })
      .first()
      .click();
    await button(cast, "Go live").click();
    await sees(cast, /^Live$/);
    expect(await findings(cast)).toEqual([]);
    for (const path of ["/live", "/live/lobby", "/live/none", "/recordings"]) {
      const tab = await openTab(context, url + path);
      await tab.page.locator("h1").first().waitFor({ state: "attached" });
      expect([path, ...(await findings(tab))]).toEqual([path]);
      await tab.page.close();
    }
    await embedded();
    await cast.page.close();
  }, 120_000);

  /** The element that pages of other origins embed, of the stream that is live: while it plays, while it waits for one, and refused. */
  async function embedded(): Promise<void> {
    const application = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) =>
        new Response(
          `<!doctype html><html lang="en"><title>embeds</title><main><h1>A page</h1>
            <switchboard-live ${decodeURIComponent(new URL(request.url).search.slice(1))}></switchboard-live></main>
            <script src="${url}/live.js"></script></html>`,
          { headers: { "Content-Type": "text/html" } },
        ),
    });
    const look = async (attributes: string, state: string): Promise<Tab> => {
      const at = `http://localhost:${application.port}/?${encodeURIComponent(attributes)}`;
      const tab = await openTab(context, at);
      await tab.page.locator(`switchboard-live[state=${state}]`).waitFor({ timeout: 60_000 });
      expect([attributes, ...(await findings(tab))]).toEqual([attributes]);
      return tab;
    };
    const plays = await look('stream="lobby" muted controls', "live");
    await plays.page.getByRole("button", { name: "Turn on sound" }).click();
    expect(await findings(plays)).toEqual([]);
    const others = [
      await look('stream="nobody" controls', "waiting"),
      await look('stream="x" token="y"', "refused"),
    ];
    for (const tab of [plays, ...others]) await tab.page.close();
    await application.stop(true);
  }

  test("with any section of the console", async () => {
    const carol = await signIn(server, "dev:carol");
    const { session } = await carol.ok("call", { to: "nobody" });
    await carol.ok("join", { room: "room:front" });
    const tab = await openTab(context, `${url}/console`);
    const sections = ["overview", "devices", "sessions", "streams", "rooms", "records", "keys", "audit"];
    const more = ["server", "webhooks", "settings", "follow", "follow/carol", `sessions/${session}`];
    for (const section of [...sections, ...more]) {
      await tab.page.goto(`${url}/console#/${section}`);
      await tab.page.locator("main h1").waitFor();
      // What it asks the server for comes a little later than its heading.
      await tab.page.getByText("Asking the server…").waitFor({ state: "detached" });
      expect([section, ...(await findings(tab))]).toEqual([section]);
    }
    expect(tab.errors).toEqual([]);
    await tab.page.close();
  }, 120_000);
});
