import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { chromiumPath, sharedBrowser } from "../browser/support/browser.ts";
import { endWithUs } from "../support/end-with-us.ts";
import { freePort } from "../support/free-port.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { hlsFigures, playHls } from "./support/hls-page.ts";
import { blankTab, eventually, publish } from "./support/pages.ts";

const hasNginx = spawnSync("nginx", ["-v"]).status === 0;
const example = readFileSync(new URL("../../examples/cdn/nginx.conf", import.meta.url), "utf8");

/** nginx with the configuration of the example, before a server at this port. */
async function cache(port: number, folder: string): Promise<{ url: string; stop(): void }> {
  const own = await freePort();
  mkdirSync(join(folder, "cache"));
  // Its workers are another user's.
  chmodSync(folder, 0o755);
  const file = join(folder, "nginx.conf");
  const config = example
    .replace("127.0.0.1:8080", `127.0.0.1:${port}`)
    .replace("listen 8090", `listen 127.0.0.1:${own}`)
    .replaceAll("/tmp/switchboard-cdn", `${folder}/cache`);
  writeFileSync(file, config);
  const options = ["-p", folder, "-c", file, "-e", join(folder, "error.log"), "-g", "daemon off;"];
  const child = spawn("nginx", options, { stdio: "ignore" });
  endWithUs(child);
  const url = `http://127.0.0.1:${own}`;
  await eventually(
    async () => (await fetch(`${url}/health/live`).catch(() => undefined))?.ok === true,
    20_000,
  );
  return { url, stop: () => child.kill("SIGTERM") };
}

describe.skipIf(chromiumPath === null || !hasNginx)("HLS behind the cache of examples/cdn", () => {
  let server: RunningServer;
  let browser: Browser;
  let front: { url: string; stop(): void };
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "switchboard-cdn-"));
    server = await startServer({ config: { media: { enabled: true, port: 0, workers: 1 } } });
    front = await cache(server.port, folder);
    browser = await sharedBrowser("fake", ["--autoplay-policy=no-user-gesture-required"]);
  }, 90_000);
  afterAll(async () => {
    await browser?.close();
    front?.stop();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("plays, and a hundred viewers who ask for the same are one request; what a token opened is not kept", async () => {
    const publisher = await blankTab(browser, server.url);
    const address = `${server.url}/whip/lobby`;
    expect(await publish(publisher.page, address, { codec: "video/H264", audio: false })).toBe(201);
    const master = `${front.url}/hls/lobby/index.m3u8`;
    await eventually(async () => (await fetch(master)).status === 200, 20_000);
    const viewer = await blankTab(browser, front.url);
    await playHls(viewer.page, master);
    await eventually(async () => (await hlsFigures(viewer.page)).frames > 20, 30_000);

    const [uri = ""] = /^[^#\s]+\.m3u8$/m.exec(await (await fetch(master)).text()) ?? [];
    const playlist = new URL(uri, master).href;
    const text = await (await fetch(playlist)).text();
    const [, hint = ""] = /#EXT-X-PRELOAD-HINT:TYPE=PART,URI="[av]\d-(\d+)\./.exec(text) ?? [];
    const wanted = `${playlist}?_HLS_msn=${Number(hint) + 1}&_HLS_part=0`;
    const answers = await Promise.all(Array.from({ length: 100 }, () => fetch(wanted)));
    const caches = answers.map(({ status, headers }) => `${status} ${headers.get("x-cache")}`);
    expect(caches.filter((one) => one === "200 MISS").length).toBe(1);
    expect(caches.filter((one) => one === "200 HIT").length).toBe(99);

    const headers = { Authorization: "Bearer dev:bob" };
    for (let n = 0; n < 2; n++)
      expect((await fetch(`${playlist}?n=1`, { headers })).headers.get("x-cache")).toBe("MISS");
  }, 120_000);
});
