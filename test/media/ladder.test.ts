import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import type { Browser, Page } from "playwright-core";
import { chromiumPath, sharedBrowser } from "../browser/support/browser.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { blankTab, colors, end, eventually, figure, publish, view } from "./support/pages.ts";

const admin = { headers: { Authorization: "Bearer dev:admin" } };

/** Chooses a layer as WHEP's extension does; undefined leaves the choice to the server. */
function choose(page: Page, choice: object | undefined): Promise<number> {
  return page.evaluate(async (choice) => {
    const { session } = (globalThis as unknown as { kept: { session: string } }).kept;
    const body = choice && { headers: { "Content-Type": "application/json" }, body: JSON.stringify(choice) };
    const response = await fetch(`${session}/layer`, {
      method: choice === undefined ? "DELETE" : "POST",
      ...body,
    });
    return response.status;
  }, choice);
}

/** The ids of programs of that name that a process, or a child of it, has started. */
function programs(pid: number, name: string): number[] {
  const lines = `${spawnSync("ps", ["-eo", "pid=,ppid=,comm="]).stdout}`.split("\n");
  const all = lines.map((line) => line.trim().split(/\s+/));
  const below = (parent: number): number[] =>
    all
      .filter(([, ppid]) => Number(ppid) === parent)
      .flatMap(([child, , comm]) => [...(comm === name ? [Number(child)] : []), ...below(Number(child))]);
  return below(pid);
}

describe.skipIf(chromiumPath === null || Bun.which("ffmpeg") === null)("smaller sizes by WebRTC", () => {
  let server: RunningServer;
  let browser: Browser;
  beforeAll(async () => {
    const ladder = { streams: ["lobby"], heights: [720, 120] };
    // Viewers are at another worker than the publisher.
    server = await startServer({ config: { media: { port: 0, workers: 2, ladder } } });
    browser = await sharedBrowser("fake", ["--autoplay-policy=no-user-gesture-required"]);
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  test("are layers of a publisher's stream without simulcast, made while a viewer takes them", async () => {
    const publisher = await blankTab(browser, server.url);
    // Chromium would send VP8 first: such a stream is answered with H.264.
    expect(await publish(publisher.page, `${server.url}/whip/lobby`, { picture: "colors" })).toBe(201);
    const { page } = await blankTab(browser, server.url);
    await eventually(async () => (await view(page, `${server.url}/whep/lobby`)) === 201, 30_000);
    const height = (): Promise<number> => figure(page, "video", "frameHeight");
    await eventually(async () => (await height()) >= 240, 30_000);
    const layers = async (): Promise<{ rid: string; rendition?: boolean }[]> =>
      (await (await fetch(`${server.url}/api/v1/streams/lobby`, admin)).json()).layers;
    await eventually(async () => (await layers()).length === 2, 10_000);
    expect((await layers()).map(({ rid, rendition = false }) => [rid, rendition])).toEqual([
      ["", false],
      ["120p", true],
    ]);
    expect(programs(server.pid, "ffmpeg")).toEqual([]);

    expect(await choose(page, { encodingId: "120p" })).toBe(200);
    await eventually(async () => (await height()) === 120, 20_000);
    expect(programs(server.pid, "ffmpeg").length).toBe(1);
    expect((await colors(page, 10_000)).length).toBeGreaterThan(3);
    expect(await choose(page, { encodingId: "" })).toBe(200);
    await eventually(async () => (await height()) >= 240, 20_000);
    await eventually(async () => programs(server.pid, "ffmpeg").length === 0, 20_000);
    // Every packet is numbered: nothing looks lost.
    expect(await figure(page, "video", "packetsLost")).toBe(0);

    // An encoder that is killed gives way to one other, and the viewer sees on meanwhile.
    expect(await choose(page, { encodingId: "120p" })).toBe(200);
    await eventually(async () => (await height()) === 120, 20_000);
    const [killed = 0] = programs(server.pid, "ffmpeg");
    process.kill(killed, "SIGKILL");
    const decoded = await figure(page, "video", "framesDecoded");
    await eventually(async () => {
      const running = programs(server.pid, "ffmpeg");
      expect(running.length).toBeLessThanOrEqual(1);
      const [other = killed] = running;
      const shown = (await figure(page, "video", "framesDecoded")) - decoded;
      return other !== killed && shown > 40 && (await height()) === 120;
    }, 90_000);
    expect(await end(publisher.page)).toBe(200);
  }, 240_000);
});
