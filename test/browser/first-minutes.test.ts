import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { endWithUs } from "../support/end-with-us.ts";
import { audit } from "./support/audit.ts";
import {
  button,
  chromiumPath,
  openTab,
  sees,
  seesVideo,
  sharedBrowser,
  type Tab,
} from "./support/browser.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

describe.skipIf(chromiumPath === null)("README's tour, from npm start to the ladder of a call", () => {
  let starting: ChildProcess;
  let browser: Browser;
  let url: string;
  const begun = Date.now();

  beforeAll(async () => {
    [url, browser] = await Promise.all([npmStart(), sharedBrowser("none")]);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    starting?.kill("SIGTERM");
  });

  /** Resolves with the address that it prints. */
  function npmStart(): Promise<string> {
    const parts = ["--port", "0", "--turn.embedded", "false", "--media.enabled", "false"];
    starting = spawn("npm", ["start", "--", ...parts, "--log.format", "json"], { cwd: root });
    endWithUs(starting);
    return new Promise((resolve, reject) => {
      let out = "";
      const hear = (text: Buffer): void => {
        out += text;
        const [, port] = /"url":"http:\/\/[^"]+:(\d+)"/.exec(out) ?? [];
        if (port !== undefined) resolve(`http://localhost:${port}`);
      };
      starting.stdout?.on("data", hear);
      starting.stderr?.on("data", hear);
      starting.on("exit", (code) => reject(new Error(`npm start ended with ${code}:\n${out}`)));
    });
  }

  /** Follows a link that opens the console in a tab of its own. */
  async function toConsole(tab: Tab, name: string): Promise<Page> {
    const opened = tab.page.context().waitForEvent("page");
    await tab.page.getByRole("link", { name }).click();
    const page = await opened;
    page.on("pageerror", (error) => tab.errors.push(String(error.stack ?? error)));
    return page;
  }

  test("by clicks alone: a call, its ladder in the console; a call that fails, and why", async () => {
    const context = await browser.newContext({ reducedMotion: "reduce" });
    const alice = await openTab(context, url);
    await button(alice, "Go online").click();
    const second = alice.page.getByRole("link", { name: "Open a second tab as bob" });
    const bob = await openTab(context, await second.evaluate((a: HTMLAnchorElement) => a.href));
    await button(alice, "Call").click();
    await button(bob, "Accept").click();
    await Promise.all([seesVideo(alice), seesVideo(bob)]);

    const flowing = await toConsole(alice, "Console");
    await flowing.getByText("So far nothing is wrong.").waitFor();
    const flow = flowing.getByRole("region", { name: "Call flow" });
    await flow.getByRole("button", { name: "alice to server: call bob" }).waitFor();
    const took = (Date.now() - begun) / 1_000;
    console.log(`npm start → a call → its ladder in the console: ${took.toFixed(1)} s`);
    expect(took).toBeLessThan(60);
    await flowing.close();

    await button(alice, "Hang up").click();
    const over = await toConsole(alice, "The last call in the console");
    await over.locator(".finding code", { hasText: "no_fault" }).waitFor();
    await over.close();

    await button(alice, "Call").click();
    await button(bob, "Decline").waitFor();
    await bob.page.close();
    await sees(alice, "bob is offline");
    expect(await audit(alice.page)).toEqual([]);
    const failed = await toConsole(alice, "Why? Its ladder in the console");
    await failed.getByText(/^bob\/\S+ rang and went offline before anybody answered\.$/).waitFor();
    expect(await failed.locator(".finding code").first().textContent()).toBe("went_offline");
    // The diagnosis names a device, whose id is a long word, and fits a phone all the same.
    await failed.setViewportSize({ width: 390, height: 844 });
    const { x, width } = (await failed.locator(".finding").first().boundingBox()) ?? { x: 0, width: 1_000 };
    expect(x + width).toBeLessThanOrEqual(390);
    expect([alice, bob].flatMap(({ errors }) => errors)).toEqual([]);
    await context.close();
  }, 60_000);
});
