import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { eventually } from "../media/support/pages.ts";
import { endWithUs } from "../support/end-with-us.ts";
import { freePort } from "../support/free-port.ts";
import { chromiumPath, sharedBrowser } from "./support/browser.ts";
import { buildPage } from "./support/built-server.ts";
import { withoutCandidates } from "./support/without-candidates.ts";

const example = fileURLToPath(new URL("../../examples/broadcast/", import.meta.url));

describe.skipIf(chromiumPath === null)("examples/broadcast", () => {
  let browser: Browser;
  let url: string;
  let folder: string;
  let stop: () => Promise<void>;
  beforeAll(async () => {
    buildPage();
    folder = mkdtempSync(join(tmpdir(), "switchboard-broadcast-"));
    const port = await freePort();
    const env = {
      ...process.env,
      PORT: String(port),
      MEDIA_PORT: "0",
      STUDIO_KEY: "studio-key",
      STATE_DIRECTORY: folder,
    };
    const child = spawn(process.execPath, [example], { env, stdio: ["ignore", "pipe", "inherit"] });
    endWithUs(child);
    const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    stop = async () => {
      child.kill("SIGTERM");
      await exited;
    };
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stdout }).on("line", (line) => line.startsWith("Watch:") && resolve());
      void exited.then(() => reject(new Error("the example ended")));
    });
    url = `http://localhost:${port}`;
    browser = await sharedBrowser("slow");
  }, 90_000);
  afterAll(async () => {
    await browser?.close();
    await stop?.();
    rmSync(folder, { recursive: true, force: true });
  });

  const opened = async (address: string, prepare?: () => void): Promise<Page> => {
    const context = await browser.newContext({ viewport: { width: 1200, height: 700 } });
    const page = await context.newPage();
    if (prepare !== undefined) await page.addInitScript(prepare);
    await page.goto(address);
    return page;
  };
  /** Waits until the page shows moving pictures, by WebRTC or by HLS. */
  const watches = (page: Page, hls: boolean): Promise<void> =>
    eventually(
      () =>
        page.evaluate((hls) => {
          const video = document.querySelector("switchboard-live")?.shadowRoot?.querySelector("video");
          const frames = video?.getVideoPlaybackQuality().totalVideoFrames ?? 0;
          return frames > 10 && (video?.srcObject === null) === hls;
        }, hls),
      60_000,
    );
  const says = (page: Page, text: string): Promise<void> =>
    eventually(async () => (await page.locator("aside ol").innerText()).includes(text), 20_000);

  test("one sends, another watches; they talk, and the show is recorded", async () => {
    const studio = await opened(`${url}/studio#studio-key`);
    await studio.getByRole("button", { name: "Go live" }).click();
    const live = () =>
      eventually(async () => (await studio.locator("#state").innerText()).startsWith("Live, "), 30_000);
    await live();
    const viewer = await opened(`${url}/`);
    await watches(viewer, false);
    // The element does so of itself: test/browser/page-live-hls.test.ts.
    if (process.env.TEST_LONG === "1") await watches(await opened(`${url}/`, withoutCandidates), true);

    await viewer.getByLabel("Your name in the chat").fill("bob");
    await viewer.getByRole("button", { name: "Join" }).click();
    await viewer.getByLabel("Message").fill("hello from the audience");
    await viewer.getByRole("button", { name: "Send" }).click();
    await says(studio, "bob hello from the audience");
    await studio.getByLabel("Message").fill("welcome <b>all</b>");
    await studio.getByRole("button", { name: "Send" }).click();
    await says(viewer, "host welcome <b>all</b>");
    // Taken for the README: SHOTS=examples/broadcast
    if (process.env.SHOTS !== undefined)
      await viewer.screenshot({ path: `${process.env.SHOTS}/broadcast.png` });

    await studio.getByRole("button", { name: "End the show" }).click();
    await eventually(async () => {
      const response = await fetch(`${url}/rtc/api/v1/recordings?stream=show`);
      const { live, recordings } = (await response.json()) as {
        live: boolean;
        recordings: { seconds: number }[];
      };
      return !live && (recordings.at(-1)?.seconds ?? 0) > 1;
    }, 20_000);
    await studio.getByRole("button", { name: "Go live" }).click();
    await live();
  }, 180_000);

  test("who doesn't have the key of the studio may not send", async () => {
    expect((await fetch(`${url}/token?name=eve&key=wrong`, { method: "POST" })).status).toBe(403);
    expect((await fetch(`${url}/token?name=..%2f`, { method: "POST" })).status).toBe(400);
    const token = await (await fetch(`${url}/token?name=eve`, { method: "POST" })).text();
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/sdp" };
    expect((await fetch(`${url}/rtc/whip/show`, { method: "POST", headers, body: "v=0" })).status).toBe(403);
  });
});
