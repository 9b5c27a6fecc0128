import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { launch, openTab } from "../../browser/support/browser.ts";
import { pageUrl, startBuiltServer } from "../../browser/support/built-server.ts";
import { endWithUs } from "../../support/end-with-us.ts";
import { freePort } from "../../support/free-port.ts";
import { installPeers } from "../../support/peers.ts";
import { run } from "../../support/run.ts";
import { pageProgram } from "./programs.ts";

/**
 * Makes an application of Vite's in a project that has installed the SDK; builds and previews it, or serves it as `vite dev`
 * does. Opens it in Chromium, where it connects to a Switchboard server, and answers what it came to, with the page's errors.
 */
export async function runWithVite(project: string, mode: "build" | "dev"): Promise<string> {
  const folder = join(project, "page");
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "index.html"),
    '<title>none</title><script type="module" src="/main.js"></script>',
  );
  writeFileSync(join(folder, "main.js"), pageProgram);
  const vite = `${installPeers()}node_modules/vite/bin/vite.js`;
  const node = Bun.which("node") ?? "node";
  if (mode === "build") run(node, [vite, "build", "--logLevel", "error"], { cwd: folder });

  const port = await freePort();
  const command = mode === "build" ? "preview" : "dev";
  const args = [vite, command, "--port", String(port), "--strictPort", "--host", "127.0.0.1"];
  const serving = spawn(node, args, { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  endWithUs(serving);
  const server = await startBuiltServer();
  const browser = await launch("fake");
  try {
    // Its first words are where it listens.
    await once(serving.stdout, "data");
    const tab = await openTab(browser, `http://localhost:${port}/#${pageUrl(server)}`);
    await tab.page
      .waitForFunction(() => document.title !== "none", undefined, { timeout: 30_000 })
      .catch(() => {});
    return [await tab.page.title(), ...tab.errors].join("\n");
  } finally {
    await browser.close();
    await server.stop();
    serving.kill("SIGKILL");
  }
}
