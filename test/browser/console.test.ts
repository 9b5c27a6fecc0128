import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { roles } from "../../src/api/scopes.ts";
import { signToken } from "../../src/auth/sign-token.ts";
import { api } from "../api/support.ts";
import { command } from "../support/command.ts";
import { freePort } from "../support/free-port.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { signIn } from "../support/sign-in.ts";
import { until } from "../support/until.ts";
import { audit } from "./support/audit.ts";
import { button, chromiumPath, closeTab, openTab, sees, sharedBrowser, type Tab } from "./support/browser.ts";
import { buildPage, pageUrl, startBuiltServer } from "./support/built-server.ts";

let browser: Browser;
const hidden = chromiumPath === null;

beforeAll(async () => {
  if (!hidden) browser = await sharedBrowser("none");
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

  test("an event that was given up is sent again from the console", async () => {
    let status = 410;
    const taken: string[] = [];
    const receiver = createServer((request, response) => {
      request.resume().on("end", () => {
        if (status < 300) taken.push(String(request.headers["webhook-id"]));
        response.writeHead(status).end();
      });
    });
    await new Promise<void>((listening) => receiver.listen(0, "127.0.0.1", listening));
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/gone`;
    const { body } = await api(server)("POST", "/webhooks", { url, events: ["device.online"] });
    const ivan = await signIn(server, "dev:ivan");
    const tab = await openTab(browser, `${pageUrl(server)}/console#/webhooks/${body.id}?dead=1`);
    const letters = tab.page.getByRole("table", { name: "Dead letters" });
    await letters.getByText("device.online").first().waitFor();
    const { items } = (await api(server)("GET", `/webhooks/${body.id}/deliveries?dead=true`)).body;
    status = 204;
    const retry = letters.getByRole("button", { name: `Retry device.online ${items[0].id}` });
    await retry.click();
    await sees(tab, "1 event will be sent again.");
    await retry.waitFor({ state: "detached" });
    await until(() => taken.length > 0, 20_000);
    expect(taken).toEqual([items[0].id]);
    expect(tab.errors).toEqual([]);
    ivan.close();
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
  const secret = "0123456789abcdef0123456789abcdef";
  const state = mkdtempSync(join(tmpdir(), "switchboard-console-"));
  const env = { STATE_DIRECTORY: state };
  let server: RunningServer;
  let url: string;
  beforeAll(async () => {
    buildPage();
    const port = await freePort();
    server = await startServer({ env, config: { dev: false, admin: { port }, tokens: { secret } } });
    url = `http://127.0.0.1:${port}`;
  }, 60_000);
  afterAll(async () => {
    await server?.stop();
    rmSync(state, { recursive: true, force: true });
  });

  async function withKey(role: string): Promise<Tab> {
    const key = command(["api-key", `the ${role} key`, "--role", role], env).out.trim();
    const tab = await openTab(browser, url);
    await tab.page.getByLabel("API key").fill(key);
    await button(tab, "Sign in").click();
    await sees(tab, "Devices by protocol");
    return tab;
  }
  const person = async (user: string) =>
    await signIn(
      server,
      await signToken(
        { user, grants: { call: ["*"] }, lifetime: 600 },
        { secret, issuer: "switchboard", audience: "switchboard" },
        Date.now(),
      ),
    );

  test("a key with the role operate helps people in their calls; it sees no keys and changes no server", async () => {
    const [alice, bob] = [await person("alice"), await person("bob")];
    await alice.ok("call", { to: "bob" });
    await bob.push("incoming");
    const tab = await withKey("operate");
    const sections = await tab.page.getByRole("navigation").getByRole("link").allTextContents();
    expect(sections).toContain("Webhooks");
    expect(sections).not.toContain("Keys");
    await go(tab, "Sessions", "alice/phone");
    await button(tab, /^End/).click();
    await button(tab, "End it").click();
    await sees(tab, "No session lives.");
    await alice.push("ended");
    await go(tab, "Devices", "bob");
    await button(tab, /^Kick bob/).click();
    await tab.page.getByRole("dialog").getByRole("button", { name: "Sign out" }).click();
    await bob.closed();
    await go(tab, "Nodes", /drain|node/i);
    expect(await tab.page.getByRole("button", { name: /drain/i }).count()).toBe(0);
    await tab.page.goto(`${url}/console#/keys`);
    await sees(tab, /keys:read/);
    expect(await tab.page.getByRole("button", { name: "Make a key" }).count()).toBe(0);
    expect(await audit(tab.page)).toEqual([]);
    alice.close();
    expect(tab.errors).toEqual([]);
    await closeTab(tab);
  });

  test("an administrator makes keys: each has exactly the scopes of its role", async () => {
    const tab = await withKey("administer");
    await go(tab, "Keys", "the administer key");
    for (const role of ["look", "operate", "administer"] as const) {
      await tab.page.getByLabel("Name").fill(`made to ${role}\u202e`);
      await tab.page.getByLabel("Role").selectOption(role);
      await button(tab, "Make a key").click();
      const key = (await tab.page.locator("code.secret").textContent()) ?? "";
      expect((await api({ url }, key)("GET", "/key")).body.scopes).toEqual(roles[role]);
      await button(tab, "I have kept it").click();
      const row = tab.page.getByRole("row", { name: `made to ${role}[U+202E]` });
      await row.getByText(role, { exact: true }).waitFor();
    }
    expect(await audit(tab.page)).toEqual([]);
    expect(tab.errors).toEqual([]);
    await closeTab(tab);
  });

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
