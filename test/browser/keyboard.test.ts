import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser } from "playwright-core";
import type { RunningServer } from "../support/server.ts";
import { signIn } from "../support/sign-in.ts";
import { chromiumPath, openTab, sees, seesVideo, sharedBrowser, type Tab } from "./support/browser.ts";
import { pageUrl, startBuiltServer } from "./support/built-server.ts";

/** More stops than any state of the page or the console has. */
const mostStops = 80;

/** What has the focus: its role and name, and whether one sees that it has it. */
function focused({ page }: Tab): Promise<{ name: string; seen: boolean }> {
  return page.evaluate(() => {
    const element = document.activeElement ?? document.body;
    const labels = element instanceof HTMLInputElement ? [...(element.labels ?? [])] : [];
    const label = labels.map(({ textContent }) => textContent).join(" ");
    const name = element.getAttribute("aria-label") ?? (label || element.textContent) ?? "";
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
    const ring = outlineStyle !== "none" && Number.parseFloat(outlineWidth) > 0;
    return { name: name.trim(), seen: ring || boxShadow !== "none" };
  });
}

/** Presses Tab until that has the focus. Throws when it is not reached, or when one can't see where the focus is. */
async function tabTo(tab: Tab, wanted: string | RegExp): Promise<void> {
  const passed: string[] = [];
  for (let stop = 0; stop < mostStops; stop++) {
    await tab.page.keyboard.press("Tab");
    const { name, seen } = await focused(tab);
    passed.push(name.slice(0, 30));
    if (typeof wanted === "string" ? name !== wanted : !wanted.test(name)) continue;
    if (!seen) throw new Error(`nobody sees that ${name} has the focus`);
    return;
  }
  throw new Error(`Tab does not reach ${wanted}: ${passed.join(" · ")}`);
}

async function press(tab: Tab, wanted: string | RegExp, key = "Enter"): Promise<void> {
  await tabTo(tab, wanted);
  await tab.page.keyboard.press(key);
}

describe.skipIf(chromiumPath === null)("by the keyboard alone", () => {
  let server: RunningServer;
  let browser: Browser;
  beforeAll(async () => {
    [server, browser] = await Promise.all([startBuiltServer(), sharedBrowser("none")]);
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  // test/browser/page-access.test.ts makes a call by the keyboard, too, with all that can be done in it.
  if (process.env.TEST_LONG === "1")
    test("a call on the page: online, call, answer, hang up", async () => {
      const alice = await openTab(browser, `${pageUrl(server)}/`);
      await alice.page.getByLabel("Your name").waitFor();
      await press(alice, "Go online");
      const bob = await openTab(browser, `${pageUrl(server)}/?as=bob`);
      await alice.page
        .getByRole("button", { name: "Call bob" })
        .or(alice.page.getByRole("button", { name: "Call" }))
        .first()
        .waitFor();
      await press(alice, /^Call/);
      await bob.page.getByRole("button", { name: "Accept" }).waitFor();
      await press(bob, "Accept");
      await Promise.all([seesVideo(alice), seesVideo(bob)]);
      await press(alice, "Hang up", "Space");
      await alice.page.getByRole("button", { name: /^Call/ }).first().waitFor();
      expect([...alice.errors, ...bob.errors]).toEqual([]);
      for (const tab of [alice, bob]) await tab.page.context().close();
    });

  test("the console: a session is found, a question is left, the session is ended, and its record is read", async () => {
    const [carol, dave] = [await signIn(server, "dev:carol"), await signIn(server, "dev:dave")];
    await carol.ok("call", { to: "dave" });
    await dave.push("incoming");
    const tab = await openTab(browser, `${pageUrl(server)}/console`);
    await sees(tab, "Devices by protocol");
    await press(tab, "Sessions");
    await sees(tab, /carol/);
    await press(tab, /^End/);
    await sees(tab, "End this session?");
    await tab.page.keyboard.press("Escape");
    await tab.page.getByRole("dialog").waitFor({ state: "detached" });
    // The focus is where it was before the question.
    expect((await focused(tab)).name).toMatch(/^End/);
    await tab.page.keyboard.press("Enter");
    await press(tab, "End it");
    await sees(tab, "No session lives.");
    await carol.push("ended");
    await press(tab, "Records");
    await press(tab, /^carol → dave/);
    const row = tab.page.getByRole("button", { name: /^carol to server: call dave/ });
    await row.waitFor();
    await press(tab, /call dave/);
    expect(await row.getAttribute("aria-expanded")).toBe("true");
    expect(tab.errors).toEqual([]);
    await tab.page.context().close();
  });
});
