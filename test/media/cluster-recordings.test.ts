import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { chromiumPath, launch, openTab } from "../browser/support/browser.ts";
import { buildPage } from "../browser/support/built-server.ts";
import { hasNats, NatsServer } from "../support/nats-server.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { type Listed, probe } from "./support/killed-writer.ts";
import { blankTab, end, eventually, publish } from "./support/pages.ts";

interface List {
  readonly live: boolean;
  readonly recordings: readonly Listed[];
  readonly elsewhere: readonly (Listed & { readonly node: string })[];
  readonly partial?: readonly string[];
}

describe.skipIf(chromiumPath === null || !hasNats)("recordings of two nodes", () => {
  let folder: string;
  let nats: NatsServer;
  let browser: Browser;
  const nodes = new Map<string, RunningServer>();
  const start = (node: string, recordings: string): Promise<RunningServer> =>
    startServer({
      config: {
        ...{ node, nats: { url: [nats.url] }, ticketKey: "a ticket key that both nodes have" },
        media: { port: 0, workers: 1, record: ["show"], recordings: { folder: join(folder, recordings) } },
      },
    });
  beforeAll(async () => {
    buildPage();
    folder = mkdtempSync(join(tmpdir(), "switchboard-cluster-"));
    nats = await NatsServer.start();
    for (const name of ["a", "b"]) nodes.set(name, await start(name, name));
    browser = await launch("fake", ["--autoplay-policy=no-user-gesture-required"]);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    for (const node of nodes.values()) await node.stop();
    await nats?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const url = (node: string): string => nodes.get(node)?.url ?? "";
  const ask = (node: string, query = ""): Promise<Response> =>
    fetch(`${url(node)}/api/v1/recordings?stream=show${query}`);
  const list = async (node: string): Promise<List> => (await (await ask(node)).json()) as List;
  /** Publishes at a node until a recording of it is so many seconds long. */
  const record = async (node: string, seconds: number): Promise<void> => {
    const { page } = await blankTab(browser, url(node));
    expect(await publish(page, `${url(node)}/whip/show`, { codec: "video/H264" })).toBe(201);
    await eventually(async () => ((await list(node)).recordings.at(-1)?.seconds ?? 0) > seconds, 60_000);
    expect(await end(page)).toBe(200);
    await page.context().close();
    await eventually(async () => !(await list(node)).live, 20_000);
  };
  /** The pictures of an answer with a file; a status where there is none. */
  const pictures = async (response: Response): Promise<number> => {
    if (response.status !== 200) return -response.status;
    const path = join(folder, "probed");
    writeFileSync(path, new Uint8Array(await response.arrayBuffer()));
    return Number(probe(path)?.find(({ codec_name }) => codec_name === "h264")?.nb_read_frames);
  };

  test("are listed at either of them, and played at the one that has them", async () => {
    await record("a", 3);
    await record("b", 3);
    for (const [node, other] of [
      ["a", "b"],
      ["b", "a"],
    ] as const) {
      const own = await list(node);
      expect(own.recordings.length).toBeGreaterThan(0);
      expect(new Set(own.elsewhere.map(({ node }) => node))).toEqual(new Set([other]));
      expect(own.partial).toBeUndefined();
      // Whoever reads the list of one node finds what the other node lists itself.
      const others = await list(other);
      expect(own.elsewhere.map(({ id }) => id)).toEqual(others.recordings.map(({ id }) => id));

      const { id = "", from = "", to = "", url: file = "" } = own.recordings.at(-1) ?? {};
      expect(await pictures(await fetch(new URL(file, url(node))))).toBeGreaterThan(15);
      const range = `&from=${from}&to=${to}`;
      expect(await pictures(await ask(node, `${range}&format=mp4`))).toBeGreaterThan(15);
      const playlist = `${url(node)}/api/v1/recordings?stream=show${range}&format=hls`;
      expect(probe(playlist)?.map(({ codec_name }) => codec_name)).toEqual(["h264", "opus"]);

      // The other node has nothing of it, and says who has.
      expect((await fetch(new URL(file, url(other)))).status).toBe(404);
      for (const format of ["mp4", "hls"]) {
        const elsewhere = await ask(other, `${range}&format=${format}`);
        expect(elsewhere.status).toBe(404);
        expect(((await elsewhere.json()) as { detail: string }).detail).toContain(`The node ${node} has`);
      }

      const { page } = await openTab(browser, `${url(node)}/recordings?stream=show`);
      await page.getByText(`${others.recordings.length} more on the server ${other}.`).waitFor();
      await page.locator("main.recordings ol li .row").first().click();
      const plays = (): Promise<boolean> =>
        page.evaluate(() => (document.querySelector("video")?.currentTime ?? 0) > 0.5);
      await eventually(plays, 30_000);
      await page.context().close();
      expect(id).not.toBe("");
    }
  }, 240_000);

  test("are listed without those of a node that doesn't answer, which is named", async () => {
    const silent = nodes.get("b");
    process.kill(silent?.pid ?? 0, "SIGSTOP");
    try {
      const own = await list("a");
      expect(own.recordings.length).toBeGreaterThan(0);
      expect(own.elsewhere).toEqual([]);
      expect(own.partial).toEqual(["b"]);
      const { page } = await openTab(browser, `${url("a")}/recordings?stream=show`);
      await page.getByText("b did not answer.").waitFor();
      await page.context().close();
    } finally {
      process.kill(silent?.pid ?? 0, "SIGCONT");
    }
    await eventually(async () => (await list("a")).partial === undefined, 60_000);
    expect((await list("a")).elsewhere.length).toBeGreaterThan(0);
  }, 120_000);

  test("in a folder that nodes share are played at any of them", async () => {
    await nodes.get("b")?.stop();
    nodes.set("b", await start("b", "a"));
    await eventually(async () => (await list("b")).recordings.length > 0, 20_000);
    await eventually(async () => (await list("b")).partial === undefined, 60_000);
    const [own, other] = [await list("a"), await list("b")];
    expect(other.recordings.map(({ id }) => id)).toEqual(own.recordings.map(({ id }) => id));
    for (const { elsewhere } of [own, other]) expect(elsewhere).toEqual([]);
    const file = own.recordings.at(-1)?.url ?? "";
    expect(await pictures(await fetch(new URL(file, url("b"))))).toBeGreaterThan(15);
  }, 120_000);
});
