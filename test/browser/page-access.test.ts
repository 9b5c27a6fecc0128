import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser } from "playwright-core";
import { someOf } from "../support/seed.ts";
import type { RunningServer } from "../support/server.ts";
import { audit, auditThemes } from "./support/audit.ts";
import {
  button,
  chromiumPath,
  closeTab,
  openTab,
  sees,
  seesVideo,
  sharedBrowser,
  signIn,
  still,
  type Tab,
} from "./support/browser.ts";
import { pageUrl, startBuiltServer } from "./support/built-server.ts";

describe.skipIf(chromiumPath === null)("the page for everybody", () => {
  let server: RunningServer;
  let browser: Browser;

  beforeAll(async () => {
    server = await startBuiltServer();
    browser = await sharedBrowser();
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  /** Presses Tab until this has the focus. */
  const tabTo = async ({ page }: Tab, name: string | RegExp): Promise<void> => {
    const wanted = typeof name === "string" ? new RegExp(`^${name}$`) : name;
    const passed: string[] = [];
    for (let presses = 0; presses < 40; presses++) {
      const label = await page.evaluate(() => {
        const element = document.activeElement;
        const own = element?.getAttribute("aria-label") ?? element?.textContent ?? "";
        return element instanceof HTMLInputElement ? (element.labels?.[0]?.textContent ?? own) : own;
      });
      if (wanted.test(label.trim())) return;
      passed.push(label.trim().slice(0, 20));
      await page.keyboard.press("Tab");
    }
    throw new Error(`Tab does not reach ${String(name)}: ${passed.join(", ")}`);
  };
  const focused = ({ page }: Tab) =>
    page.evaluate(
      () => document.activeElement?.getAttribute("role") ?? document.activeElement?.tagName ?? "",
    );

  test("a call by keyboard alone", async () => {
    const alice = await openTab(browser, pageUrl(server));
    const bob = await signIn(browser, pageUrl(server), "bob");
    await tabTo(alice, "Your name");
    await alice.page.keyboard.type("alice");
    await alice.page.keyboard.press("Enter");
    await alice.page.getByRole("img", { name: "online" }).waitFor();
    await tabTo(alice, /^Bbob/);
    await alice.page.keyboard.press("Enter");
    await tabTo(alice, "Call");
    await alice.page.keyboard.press("Enter");

    await bob.page.getByRole("alertdialog").waitFor();
    expect(await focused(bob)).toBe("alertdialog");
    for (const key of ["Enter", " ", "Escape"]) await bob.page.keyboard.press(key);
    await bob.page.getByRole("alertdialog", { name: "alice is calling" }).waitFor();
    await sees(alice, "Ringing bob");
    await tabTo(bob, "Accept");
    await bob.page.keyboard.press("Enter");
    await Promise.all([seesVideo(alice), seesVideo(bob)]);

    await tabTo(bob, "Mute");
    await bob.page.keyboard.press("m");
    await button(bob, "Unmute").waitFor();
    await bob.page.keyboard.press("m");
    await bob.page.keyboard.press("v");
    await sees(alice, "bob’s picture is off");
    await bob.page.keyboard.press("v");
    await seesVideo(alice);
    await bob.page.keyboard.press("Escape");
    await button(bob, "Mute").waitFor();

    await tabTo(bob, "Message to alice");
    await bob.page.keyboard.type("mv m v s");
    await bob.page.keyboard.press("Enter");
    await alice.page.locator(".line", { hasText: "mv m v s" }).waitFor();
    await button(bob, "Mute").waitFor();
    await tabTo(bob, "Hang up");
    await bob.page.keyboard.press("Enter");
    await sees(alice, /^bob hung up after/);
    for (const tab of [alice, bob]) {
      expect(tab.errors).toEqual([]);
      await closeTab(tab);
    }
  }, 60_000);

  test("the focus comes back to where it was when a ring ends", async () => {
    const alice = await signIn(browser, pageUrl(server), "alice");
    const bob = await signIn(browser, pageUrl(server), "bob");
    await button(bob, "Audio only").focus();
    await button(alice, "Call").click();
    await bob.page.getByRole("alertdialog").waitFor();
    await button(alice, "Cancel").click();
    await bob.page.getByRole("alertdialog").waitFor({ state: "detached" });
    // The dialog is gone a moment before the focus is back.
    await bob.page.waitForFunction(() => document.activeElement?.textContent?.trim() === "Audio only");
    for (const tab of [alice, bob]) await closeTab(tab);
  });

  test("the audit finds what is wrong", async () => {
    const page = await browser.newPage();
    await page.setContent(`<main><p id="a" style="color: #999">gray</p><p id="a">twice</p>
      <button style="width: 20px; height: 20px"></button><input></main>`);
    const found = (await audit(page)).join("\n");
    for (const problem of [
      "contrast of 2.",
      "two have the id a",
      "is 20 by 20",
      "has no name",
      "no language",
      "no banner",
    ])
      expect(found).toContain(problem);
    await page.close();
  });

  for (const width of someOf([390, 1280], 1)) {
    test(`names, contrast and targets at ${width} px, in light and dark`, async () => {
      const context = () =>
        browser.newContext({ ...still, viewport: { width, height: 844 }, hasTouch: width < 720 });
      const alice = await openTab(await context(), pageUrl(server));
      expect(await auditThemes(alice.page)).toEqual([]);
      await alice.page.getByLabel("Your name").fill("al ice");
      await button(alice, "Go online").click();
      expect(await auditThemes(alice.page)).toEqual([]);
      await alice.page.getByLabel("Your name").fill("alice");
      await button(alice, "Go online").click();
      await sees(alice, "Nobody else here");
      expect(await auditThemes(alice.page)).toEqual([]);
      const bob = await openTab(await context(), `${pageUrl(server)}/?as=bob`);
      await button(alice, "Call").waitFor();
      expect(await auditThemes(alice.page)).toEqual([]);
      await button(alice, "Call").click();
      await bob.page.getByRole("alertdialog").waitFor();
      expect(await auditThemes(bob.page)).toEqual([]);
      await sees(alice, "Ringing bob");
      expect(await auditThemes(alice.page)).toEqual([]);
      await button(bob, "Accept").click();
      await Promise.all([seesVideo(alice), seesVideo(bob)]);
      expect(await auditThemes(alice.page)).toEqual([]);
      await button(alice, "Move").click();
      await sees(alice, "Move to");
      expect(await auditThemes(alice.page)).toEqual([]);
      await alice.page.keyboard.press("Escape");
      if (width < 720) {
        await button(alice, "Ladder").click();
        expect(await auditThemes(alice.page)).toEqual([]);
        await alice.page.keyboard.press("Escape");
      }
      await button(alice, "Hang up").click();
      await sees(bob, /^alice hung up after/);
      expect(await auditThemes(bob.page)).toEqual([]);
      for (const tab of [alice, bob]) {
        expect(tab.errors).toEqual([]);
        await closeTab(tab);
      }
    });
  }
});
