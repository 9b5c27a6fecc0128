import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromiumPath, sharedBrowser } from "../browser/support/browser.ts";
import { clientPage } from "../browser/support/client-page.ts";
import { startServer } from "../support/server.ts";
import { closeAll } from "../webrtc/support/parties.ts";
import { eventually, nodeParty } from "./support/parties.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const examples = [
  ...readFileSync(`${root}docs/sip.md`, "utf8").matchAll(/## (\S+)\n\n```js\n([\s\S]*?)```/g),
];

describe.skipIf(chromiumPath === null)("docs/sip.md", () => {
  // Where the packages are found from.
  mkdirSync(`${root}.cache`, { recursive: true });
  const folder = mkdtempSync(`${root}.cache/sip-docs-`);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  for (const [, name = "", code = ""] of examples)
    test(`the example for ${name} has ten lines, and calls`, async () => {
      // All of them: imports, and empty ones.
      expect(code.trimEnd().split("\n").length).toBeLessThanOrEqual(10);
      const server = await startServer();
      const browser = await sharedBrowser("slow");
      try {
        const bob = await nodeParty(server.url, "bob");
        const file = join(folder, `${name}.js`);
        writeFileSync(file, code.replaceAll("wss://switchboard.example", server.url.replace("http", "ws")));
        const built = await Bun.build({
          entrypoints: [file],
          target: "browser",
          define: { global: "window" },
        });
        const page = await clientPage(await browser.newContext({ bypassCSP: true }), server.url);
        await page.addScriptTag({ content: (await built.outputs[0]?.text()) ?? "", type: "module" });
        await eventually("bob to ring", async () => (await bob.state()).rings === 1);
        await bob.answer();
        await eventually("bob to connect", async () => (await bob.state()).connected);
      } finally {
        await closeAll();
        await browser.close();
        await server.stop();
      }
    }, 120_000);

  test("there is one for each client", () => {
    expect(examples.map(([, name]) => name)).toEqual(["JsSIP", "SIP.js"]);
  });
});
