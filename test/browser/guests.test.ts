import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { createToken } from "../../src/application/create-token.ts";
import { command } from "../support/command.ts";
import type { RunningServer } from "../support/server.ts";
import { camera, closeAll, device } from "../webrtc/support/parties.ts";
import { chromiumPath, openTab, sharedBrowser } from "./support/browser.ts";
import { pageUrl, startBuiltServer } from "./support/built-server.ts";

const secret = "a secret of at least thirty-two characters";

/** The page of docs/embedding.md, as the site of somebody else serves it. */
describe.skipIf(chromiumPath === null)("click to call from a page of another origin", () => {
  const folder = mkdtempSync(join(tmpdir(), "switchboard-guests-"));
  let server: RunningServer;
  let browser: Browser;
  let site: ReturnType<typeof Bun.serve>;
  let html = "";

  beforeAll(async () => {
    server = await startBuiltServer({ dev: false, tokens: { secret }, stateFolder: folder });
    site = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () => new Response(html, { headers: { "Content-Type": "text/html" } }),
    });
    const origin = `http://localhost:${site.port}`;
    const args = ["api-key", "site", "--publishable", "--target", "owner", "--origin", origin];
    const key = command(args, { SWITCHBOARD_STATE_FOLDER: folder }).out.trim();
    const docs = readFileSync(fileURLToPath(new URL("../../docs/embedding.md", import.meta.url)), "utf8");
    const page = /```html\n(.*?)```/s.exec(docs)?.[1] ?? "";
    expect(page).toContain("guest-tokens");
    html = page.replaceAll("https://calls.example.com", pageUrl(server)).replaceAll("sbp_…", key);
    browser = await sharedBrowser("slow");
  }, 120_000);
  afterAll(async () => {
    await closeAll();
    await browser?.close();
    await site?.stop(true);
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("a visitor clicks, the owner answers, and they hear each other", async () => {
    const owner = device(server.url, "owner", "desk", {
      token: await createToken({ secret, user: "owner" }),
    });
    await owner.ready;
    const answered = owner.next("incoming").then(async (ring) => ring.accept({ media: await camera() }));
    const tab = await openTab(browser, `http://localhost:${site.port}`);
    await tab.page.click("#call");
    const call = await answered;
    expect(call.peer.user).toStartWith("guest-");
    await call.connected;
    await tab.page.waitForFunction(() => document.querySelector("#call")?.textContent === "Hang up");
    await tab.page.click("#call");
    expect((await call.ended).reason).toBe("hangup");
    expect(tab.errors).toEqual([]);
  }, 60_000);
});
