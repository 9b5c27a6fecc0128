import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { chromiumPath, launch } from "../browser/support/browser.ts";
import { packagerOf } from "../support/media-workers.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { checkRendition } from "./support/hls-check.ts";
import { listRecordings } from "./support/killed-writer.ts";
import { blankTab, end, eventually, figure, publish, view } from "./support/pages.ts";

const patience = 90_000;
/** Programs that stand in for ffmpeg, each wrong in its own way, and what is said of it. */
const programs = {
  crashes: ["exit 1", /ffmpeg ended by itself/],
  hangs: ["exec sleep 1000", /ffmpeg makes no pictures/],
  floods: ["exec yes x >&2", /ffmpeg makes no pictures/],
} as const;

/** A running server whose ffmpeg is broken, and which is asked for nonsense, beside a stream that is watched, packaged and recorded. */
describe.skipIf(chromiumPath === null || process.platform !== "linux")("outputs in a bad world", () => {
  let folder: string;
  let server: RunningServer;
  let browser: Browser;
  let viewer: Page;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "switchboard-bad-outputs-"));
    broken("crashes");
    server = await startServer({
      config: {
        media: { port: 0, workers: 1, record: ["good"], hardwareEncoders: false },
        limits: { httpRequestsPerSecond: 1_000_000, httpRequestsBurst: 1_000_000 },
      },
      env: { PATH: folder },
    });
    browser = await launch("fake", ["--autoplay-policy=no-user-gesture-required"]);
    const publisher = await blankTab(browser, server.url);
    const options = { codec: "video/H264" } as const;
    expect(await publish(publisher.page, `${server.url}/whip/good`, options)).toBe(201);
    viewer = (await blankTab(browser, server.url)).page;
    await eventually(async () => (await view(viewer, `${server.url}/whep/good`)) === 201, patience);
    await eventually(async () => (await fetch(`${server.url}/hls/good/index.m3u8`)).status === 200, patience);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const broken = (kind: keyof typeof programs): void => {
    const path = join(folder, "ffmpeg");
    writeFileSync(path, `#!/bin/sh\nPATH=/usr/bin:/bin\n${programs[kind][0]}\n`);
    chmodSync(path, 0o755);
  };
  /** The address of a playlist of the good stream; packaging has ended where nobody asked for half a minute. */
  const opened = async (): Promise<string> => {
    const master = `${server.url}/hls/good/index.m3u8`;
    return new URL(/.*\/v0.m3u8/.exec(await (await fetch(master)).text())?.[0] ?? "", master).href;
  };
  /** Pictures of the viewer, and seconds of the recording. */
  const progress = async (): Promise<readonly [number, number]> => [
    await figure(viewer, "video", "framesDecoded"),
    (await listRecordings(server, "good")).reduce((sum, { seconds }) => sum + seconds, 0),
  ];
  /** Whoever did nothing wrong notices nothing of it: the playlist keeps its rules, the viewer sees on, the recording grows. */
  const unharmed = async (attack: (rendition: string) => Promise<void>): Promise<void> => {
    const packager = packagerOf(server.pid);
    const before = await progress();
    const rendition = await opened();
    const [{ findings }] = await Promise.all([checkRendition(rendition, 4_000), attack(rendition)]);
    expect(findings).toEqual([]);
    await eventually(async () => {
      const now = await progress();
      return now[0] > before[0] + 20 && now[1] > before[1] + 1;
    }, patience);
    expect(packagerOf(server.pid)).toBe(packager);
  };
  /** Children of the packager. */
  const encoders = (): number => {
    const pid = packagerOf(server.pid);
    return readdirSync("/proc").filter((name) => {
      try {
        const status = /^\d+$/.test(name) ? readFileSync(`/proc/${name}/status`, "utf8") : "";
        return Number(/^PPid:\s*(\d+)$/m.exec(status)?.[1]) === pid && !/^State:\s*Z/m.test(status);
      } catch {
        return false;
      }
    }).length;
  };

  for (const [kind, [, words]] of Object.entries(programs))
    test(`an ffmpeg that ${kind} is told of, started again ever more rarely, and never more than one for sound and one for pictures of a stream`, async () => {
      broken(kind as keyof typeof programs);
      const publisher = await blankTab(browser, server.url);
      expect(
        await publish(publisher.page, `${server.url}/whip/${kind}`, { codec: "video/VP8", audio: false }),
      ).toBe(201);
      let most = 0;
      const watching = setInterval(() => {
        most = Math.max(most, encoders());
      }, 50);
      await unharmed(() =>
        eventually(async () => {
          const response = await fetch(`${server.url}/hls/${kind}/index.m3u8`);
          expect([404, 503]).toContain(response.status);
          return words.test(await response.text());
        }, patience),
      );
      clearInterval(watching);
      // One that crashes is gone before anybody looks. Else there is sound of the good stream, and pictures of this one.
      if (kind !== "crashes") expect(most).toBeGreaterThan(0);
      expect(most).toBeLessThanOrEqual(2);
      expect(await end(publisher.page)).toBe(200);
      await publisher.page.context().close();
    }, 180_000);

  test("nonsense is answered in words: segments far ahead, ranges, names, and 10,000 playlists", async () => {
    const file = new URL((await listRecordings(server, "good"))[0]?.url ?? "", server.url).href;
    const size = Number((await fetch(file, { method: "HEAD" })).headers.get("Content-Length"));
    await unharmed(async (rendition) => {
      for (const [query, status] of [
        ["?_HLS_msn=4000000000", 400],
        ["?_HLS_msn=-1", 400],
        ["?_HLS_msn=1e9", 400],
        ["?_HLS_part=3", 400],
        ["?_HLS_msn=0&_HLS_part=99999999999", 400],
        ["?_HLS_msn=0&_HLS_part=0", 200],
      ] as const)
        expect([query, (await fetch(`${rendition}${query}`)).status]).toEqual([query, status]);
      for (const [range, status] of [
        ["bytes=0-0", 206],
        ["bytes=5-2", 416],
        [`bytes=${size * 1_000}-`, 416],
        ["bytes=-0", 416],
        ["bytes=99999999999999999999-", 200],
        ["bytes=0-1,3-4", 200],
        ["lines=1-2", 200],
        ["bytes=a-b", 200],
      ] as const) {
        const response = await fetch(file, { headers: { Range: range } });
        await response.body?.cancel();
        expect([range, response.status]).toEqual([range, status]);
      }
      for (const name of ["..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "a%00b", `${"x".repeat(500)}`, "%ff"]) {
        for (const path of [`hls/${name}/index.m3u8`, `api/v1/recordings?stream=${name}`]) {
          const response = await fetch(`${server.url}/${path}`);
          // `..` is a name like any other, of which there is nothing: names reach no path.
          if (response.status === 200) expect([path, (await response.json()).recordings]).toEqual([path, []]);
          else expect([path, response.status]).toEqual([path, path.startsWith("hls") ? 404 : 400]);
        }
        for (const path of [`whip/${name}`, `whep/${name}`]) {
          const headers = { "Content-Type": "application/sdp", Authorization: "Bearer dev:alice" };
          const { status } = await fetch(`${server.url}/${path}`, { method: "POST", headers, body: "v=0" });
          expect([400, 404, 405]).toContain(status);
        }
      }
      const statuses = new Set<number>();
      for (let n = 0; n < 10_000; n += 100)
        for (const { status } of await Promise.all(Array.from({ length: 100 }, () => fetch(rendition))))
          statuses.add(status);
      expect([...statuses].filter((status) => ![200, 429, 503].includes(status))).toEqual([]);
    });
  }, 180_000);
});
