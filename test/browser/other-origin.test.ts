import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser } from "playwright-core";
import type { RunningServer } from "../support/server.ts";
import { chromiumPath, openTab, sharedBrowser } from "./support/browser.ts";
import { pageUrl, startBuiltServer } from "./support/built-server.ts";

/** What a page of another origin does with the SDK: a message, and a camera, whose code is a file of its own. */
const page = (server: string) => `<!doctype html><title>other origin</title><script type="module">
  import { capture, connect } from "${server}/client.js";
  const [alice, bob] = ["alice", "bob"].map((user) => connect({ url: "${server}", token: "dev:" + user }));
  const message = bob.next("message");
  await bob.ready;
  await alice.send("bob", "hello");
  const { stream } = await capture();
  document.title = (await message).body + ", " + stream.getTracks().map(({ kind }) => kind).sort();
</script>`;

describe.skipIf(chromiumPath === null)("a page of another origin", () => {
  let server: RunningServer;
  let browser: Browser;
  let application: ReturnType<typeof Bun.serve>;
  beforeAll(async () => {
    server = await startBuiltServer();
    const html = page(pageUrl(server));
    application = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () => new Response(html, { headers: { "Content-Type": "text/html" } }),
    });
    browser = await sharedBrowser("slow");
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await application?.stop(true);
    await server?.stop();
  });

  test("imports the SDK from the server, with what that loads later, and connects", async () => {
    const tab = await openTab(browser, `http://localhost:${application.port}`);
    await tab.page.waitForFunction(() => document.title !== "other origin");
    expect(await tab.page.title()).toBe("hello, audio,video");
    expect(tab.errors).toEqual([]);
  }, 60_000);
});
