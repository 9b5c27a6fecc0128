import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser } from "playwright-core";
import { api } from "../api/support.ts";
import { freePort } from "../support/free-port.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { signIn } from "../support/sign-in.ts";
import { audit } from "./support/audit.ts";
import { button, chromiumPath, closeTab, launch, openTab, sees, type Tab } from "./support/browser.ts";
import { buildPage, pageUrl, startBuiltServer } from "./support/built-server.ts";

let browser: Browser;
const hidden = chromiumPath === null;

beforeAll(async () => {
  if (!hidden) browser = await launch("none");
}, 60_000);
afterAll(() => browser?.close());

/** Looks at a section, and waits until it shows the text. */
async function go(tab: Tab, section: string, text: string | RegExp): Promise<void> {
  await tab.page.getByRole("navigation").getByRole("link", { name: section, exact: true }).click();
  await tab.page.locator("main").getByText(text).first().waitFor();
  expect(await audit(tab.page)).toEqual([]);
}

describe.skipIf(hidden)("the console in development mode", () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startBuiltServer();
  }, 60_000);
  afterAll(() => server?.stop());

  test("it signs in by itself, shows what goes on, and ends a call", async () => {
    const [alice, bob] = [await signIn(server, "dev:alice"), await signIn(server, "dev:bob")];
    const { session } = await alice.ok("call", { to: "bob" });
    await bob.push("incoming");
    const tab = await openTab(browser, `${pageUrl(server)}/console`);
    await sees(tab, "Devices by protocol");
    await go(tab, "Devices", "bob");
    await go(tab, "Rooms", "Nobody is in a room.");
    await go(tab, "Streams", /media server/);
    await go(tab, "Sessions", "alice/phone");
    expect(await tab.page.locator("tbody tr").count()).toBe(1);
    await button(tab, /^End/).click();
    expect(await audit(tab.page)).toEqual([]);
    await button(tab, "End it").click();
    await sees(tab, "No session lives.");
    expect(await alice.push("ended")).toMatchObject({ session });
    expect(tab.errors).toEqual([]);
    await closeTab(tab);
  });

  test("a call that was declined: found by its user, with its diagnosis and its call flow", async () => {
    const [erin, fred] = [await signIn(server, "dev:erin"), await signIn(server, "dev:fred")];
    const { session } = await erin.ok("call", { to: "fred" });
    await fred.push("incoming");
    await fred.ok("decline", { session, reason: "declined" });
    const tab = await openTab(browser, `${pageUrl(server)}/console#/records?user=erin`);
    expect(await audit(tab.page)).toEqual([]);
    await tab.page.getByRole("link", { name: "erin → fred" }).click();
    const flow = tab.page.getByRole("region", { name: "Call flow" });
    await flow.getByRole("button", { name: "erin to server: call fred" }).waitFor();
    const code = await tab.page.locator(".finding code").first().textContent();
    expect(code).toBe("declined");
    expect(await flow.getByRole("button", { name: /decline/ }).textContent()).toContain("Proves finding 1");
    expect(await audit(tab.page)).toEqual([]);
    expect(tab.errors).toEqual([]);
    await closeTab(tab);
  });

  test("a user is followed: what her devices and the server say is shown as it happens, and is paused", async () => {
    const gina = await signIn(server, "dev:gina");
    const tab = await openTab(browser, `${pageUrl(server)}/console#/follow`);
    await tab.page.getByLabel("User").fill("gina");
    await tab.page.keyboard.press("Enter");
    await sees(tab, /^Nothing yet/);
    const said = tab.page.getByRole("table", { name: "Frames of gina" });
    // The stream may just be about to begin.
    while (!(await said.isVisible())) {
      await gina.ok("status", { status: `here ${Math.random()}` });
      await tab.page.waitForTimeout(100);
    }
    await said.getByText("status").first().waitFor();
    const { session } = await gina.ok("call", { to: "nobody" });
    await said.getByRole("row", { name: /call nobody, .*ok|call nobody ok/ }).waitFor();
    expect(await audit(tab.page)).toEqual([]);
    await said
      .getByRole("link", { name: String(session).slice(0, 10) })
      .first()
      .waitFor();
    await button(tab, "Pause").click();
    await button(tab, "Clear").click();
    await sees(tab, "Paused.");
    expect(tab.errors).toEqual([]);
    await closeTab(tab);
  });

  test("a webhook that is not taken is seen to wait, and settings are shown without secrets", async () => {
    const receiver = createServer((request, response) => {
      request.resume().on("end", () => response.writeHead(500).end());
    });
    await new Promise<void>((listening) => receiver.listen(0, "127.0.0.1", listening));
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
    await api(server)("POST", "/webhooks", { url, events: ["device.*"] });
    const hugo = await signIn(server, "dev:hugo");
    const tab = await openTab(browser, `${pageUrl(server)}/console#/webhooks`);
    await tab.page.getByRole("link", { name: url }).click();
    await sees(tab, "device.online");
    await sees(tab, /500/);
    expect(await audit(tab.page)).toEqual([]);
    await tab.page.getByLabel("Show").selectOption("dead letters");
    await sees(tab, "No event was given up.");
    await button(tab, "Retry all").click();
    await sees(tab, "0 events will be sent again.");
    expect(await audit(tab.page)).toEqual([]);
    await go(tab, "Settings", "turn.embedded");
    await tab.page.getByLabel("Name").fill("tokens.secret");
    await tab.page.keyboard.press("Enter");
    await sees(tab, "(none)");
    hugo.close();
    receiver.close();
    receiver.closeAllConnections();
    await closeTab(tab);
  });

  test("a device that is kicked is gone from the list; one that comes is in it, without a reload", async () => {
    const carol = await signIn(server, "dev:carol");
    const tab = await openTab(browser, `${pageUrl(server)}/console#/devices?user=carol`);
    await button(tab, /^Kick carol/).click();
    await button(tab, "Sign out").click();
    await sees(tab, "carol is not signed in.");
    await carol.closed();
    await signIn(server, "dev:carol", "tablet");
    await sees(tab, "tablet");
    await closeTab(tab);
  });

  test("names are text, whatever they hold", async () => {
    const name = `<img src=x onerror=alert(1)>\u202e${"👩‍👩‍👧".repeat(10)}`;
    const dora = await signIn(server, "dev:dora", "phone", { device: { id: "phone", name } });
    const tab = await openTab(browser, `${pageUrl(server)}/console#/devices?user=dora`);
    const shown = await tab.page.locator("bdi", { hasText: "onerror" }).textContent();
    expect(shown).toStartWith("<img src=x oner");
    expect(shown).toEndWith("…");
    expect(await tab.page.locator("main img").count()).toBe(0);
    expect(tab.errors).toEqual([]);
    dora.close();
    await closeTab(tab);
  });
});

describe.skipIf(hidden)("the console in production", () => {
  let server: RunningServer;
  let url: string;
  beforeAll(async () => {
    buildPage();
    const port = await freePort();
    server = await startServer({
      config: { dev: false, admin: { port }, tokens: { secret: "0123456789abcdef0123456789abcdef" } },
    });
    url = `http://127.0.0.1:${port}`;
  }, 60_000);
  afterAll(() => server?.stop());

  test("it is at the port for operators, asks for a key, and says why one is refused", async () => {
    const tab = await openTab(browser, url);
    expect(tab.page.url()).toBe(`${url}/console`);
    await tab.page.getByLabel("API key").fill("sbk_wrong");
    expect(await audit(tab.page)).toEqual([]);
    await button(tab, "Sign in").click();
    await sees(tab, "The key is unknown, was revoked, or has ended.");
    expect((await fetch(`${url}/broadcast`)).status).toBe(404);
    await closeTab(tab);
  });
});
