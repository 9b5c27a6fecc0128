import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { chromiumPath, sharedBrowser } from "../browser/support/browser.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { killWriter, type Listed, listRecordings, probe, whatIsLeft } from "./support/killed-writer.ts";
import { blankTab, end, eventually, publish } from "./support/pages.ts";
import { portable } from "./support/portable.ts";

const withSound = ["--autoplay-policy=no-user-gesture-required"];

describe.skipIf(chromiumPath === null)("recordings", () => {
  let folder: string;
  let server: RunningServer;
  let browser: Browser;
  const start = () => {
    const recordings = { folder: join(folder, "recordings") };
    const media = { enabled: true, port: 0, workers: 1, record: ["show-*"], recordings, portable };
    return startServer({ config: { media } });
  };
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "switchboard-recordings-"));
    server = await start();
    browser = await sharedBrowser("fake", withSound);
  }, 60_000);
  // A page that is left open goes on capturing and encoding.
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const list = (stream: string): Promise<readonly Listed[]> => listRecordings(server, stream);
  const download = async (address: string): Promise<Uint8Array> => {
    const response = await fetch(new URL(address, server.url));
    expect(response.status).toBe(200);
    return new Uint8Array(await response.arrayBuffer());
  };
  /** Writes it to a file, and counts its pictures; undefined without ffprobe. */
  const pictures = (bytes: Uint8Array, codec: string): number | undefined => {
    const path = join(folder, "probed");
    writeFileSync(path, bytes);
    const streams = probe(path);
    if (streams === undefined) return undefined;
    expect(streams.map(({ codec_name }) => codec_name)).toEqual([codec, "opus"]);
    return Number(streams[0]?.nb_read_frames);
  };

  test("a stream that the rule names becomes an MP4 that plays, whole and in part; another stream does not", async () => {
    const tab = await blankTab(browser, server.url);
    expect(await publish(tab.page, `${server.url}/whip/show-1`, { codec: "video/H264" })).toBe(201);
    await eventually(async () => ((await list("show-1")).at(-1)?.seconds ?? 0) > 3, 40_000);
    // More of this: npm run soak -- recordings
    const kill = await killWriter(server, "show-1", 3_000);
    const left = await whatIsLeft(server, "show-1", kill, join(folder, "probed"));
    expect(left.lost).toBeLessThanOrEqual(2_000);
    expect(left.pictures).not.toBe(0);
    await eventually(async () => ((await list("show-1")).at(-1)?.seconds ?? 0) > 2, 40_000);
    expect(await end(tab.page)).toBe(200);
    // The last fragment is written when the stream is over.
    await eventually(
      async () => pictures(await download((await list("show-1"))[0]?.url ?? ""), "h264") !== 0,
      10_000,
    );
    const recordings = await list("show-1");
    expect(recordings.every(({ container }) => container === "mp4")).toBe(true);
    const last = recordings.at(-1);
    const whole = pictures(await download(last?.url ?? ""), "h264");
    if (whole !== undefined) expect(whole).toBeGreaterThan(15);

    const from = await download(
      `/api/v1/recordings?stream=show-1&format=mp4&from=${Date.parse(dateOf(last, 0))}`,
    );
    const part = pictures(from, "h264");
    if (part !== undefined) expect(part).toBeGreaterThan(10);
    const playlist = new TextDecoder().decode(await download("/api/v1/recordings?stream=show-1&format=hls"));
    expect(playlist).toContain("#EXT-X-ENDLIST");
    expect(playlist).toMatch(/#EXT-X-BYTERANGE:\d+@\d+/);
    for (const name of readdirSync(join(folder, "recordings"))) expect(name).toMatch(/^[0-9a-f]{32}$/);

    expect((await fetch(`${server.url}/api/v1/recordings?stream=..%2f`)).status).toBe(400);
    expect((await fetch(`${server.url}/api/v1/recordings?stream=show-1&from=x`)).status).toBe(400);
    expect((await fetch(`${server.url}/api/v1/recordings?stream=other&format=mp4`)).status).toBe(404);
    expect((await fetch(`${server.url}/api/v1/recordings/..%2f..%2fx.mp4?stream=show-1`)).status).toBe(404);
    expect(await list("other")).toEqual([]);
  }, 120_000);

  test("VP8 becomes a WebM; what was written before everything is killed plays", async () => {
    const tab = await blankTab(browser, server.url);
    expect(await publish(tab.page, `${server.url}/whip/show-2`, { codec: "video/VP8" })).toBe(201);
    const begun = Date.now();
    await eventually(async () => {
      const [first] = await list("show-2");
      return first !== undefined && (await download(first.url)).length > 60_000 && Date.now() - begun > 4_000;
    }, 40_000);
    await server.kill();
    server = await start();
    const [recording] = await list("show-2");
    expect(recording?.container).toBe("webm");
    const shown = pictures(await download(recording?.url ?? ""), "vp8");
    if (shown !== undefined) expect(shown).toBeGreaterThan(5);
  }, 120_000);
});

/** When it begins, or so many seconds later. */
function dateOf(recording: Listed | undefined, seconds: number): string {
  return new Date(Date.parse(recording?.from ?? "") + seconds * 1_000).toISOString();
}
