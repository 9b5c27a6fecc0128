import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { interfaceAddresses } from "../../src/net/interfaces.ts";
import { chromiumPath, launch } from "../browser/support/browser.ts";
import { freePort } from "../support/free-port.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { hlsFigures, playHls } from "./support/hls-page.ts";
import { listRecordings, probe as probeRecording } from "./support/killed-writer.ts";
import { agreed, blankTab, colors, end, eventually, publish, view } from "./support/pages.ts";
import { colorsIn, hasRtmpSink, probe, RtmpSink } from "./support/rtmp-sink.ts";

const admin = { headers: { Authorization: "Bearer dev:admin" } };
const inTurn = /red green|green blue|blue red/;
const patience = 60_000;

interface Push {
  readonly kind: string;
  readonly state: string;
  readonly failure?: string;
}

/** What becomes of each codec: as docs/media.md has it. */
const cases = [
  { codec: "H264", hls: "avc1", container: "mp4", renditions: true },
  { codec: "AV1", hls: "av01", container: "mp4", renditions: false },
  { codec: "VP8", hls: "avc1", container: "webm", renditions: false },
  { codec: "VP9", hls: "avc1", container: "webm", renditions: false },
] as const;

/** Chromium publishes in each codec, and every output is asked for. The table of docs/media.md is what this shows. */
describe.skipIf(chromiumPath === null || !hasRtmpSink)("each codec to each output", () => {
  let folder: string;
  let rtmp: RtmpSink;
  let sink: RunningServer;
  let server: RunningServer;
  let browser: Browser;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "switchboard-outputs-"));
    rtmp = await RtmpSink.start();
    const port = await freePort();
    sink = await startServer({ config: { port, media: { enabled: true, port: 0, workers: 1 } } });
    const push = [
      { stream: "*", to: `rtmp://127.0.0.1:${rtmp.port}/live/key` },
      { stream: "*", to: `http://127.0.0.1:${port}/whip/copy`, token: "dev:pusher" },
    ];
    server = await startServer({
      config: {
        media: {
          ...{ enabled: true, port: 0, workers: 1, record: ["*"], push },
          ladder: { streams: ["*"], heights: [120] },
          pushAllow: interfaceAddresses().map(({ address }) => address),
        },
      },
    });
    browser = await launch("fake", ["--autoplay-policy=no-user-gesture-required"]);
  }, 60_000);
  // A page that is left open goes on capturing and encoding.
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
  });
  afterAll(async () => {
    await browser?.close();
    for (const one of [server, sink, rtmp]) await one?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const pushes = async (stream: string): Promise<readonly Push[]> =>
    (await (await fetch(`${server.url}/api/v1/streams/${stream}/pushes`, admin)).json()).items ?? [];
  const heightOf = (address: string): number => {
    const options = ["-v", "error", "-show_entries", "stream=height", "-of", "csv=p=0", address];
    return Number.parseInt(`${spawnSync("ffprobe", options, { timeout: patience }).stdout}`, 10);
  };

  test("without ffmpeg, what needs it is refused in words, and everything else is there", async () => {
    const to = `rtmp://127.0.0.1:${rtmp.port}/live/key`;
    const media = { enabled: true, port: 0, workers: 1, record: ["*"], push: [{ stream: "*", to }] };
    const ladder = { streams: ["*"], heights: [120] };
    const bare = await startServer({
      config: { media: { ...media, ladder } },
      // No program is found.
      env: { PATH: "/nowhere" },
    });
    try {
      for (const codec of ["H264", "VP8"]) {
        const publisher = await blankTab(browser, bare.url);
        const options = { codec: `video/${codec}`, picture: "colors" } as const;
        expect(await publish(publisher.page, `${bare.url}/whip/${codec}`, options)).toBe(201);
        const hls = (): Promise<Response> => fetch(`${bare.url}/hls/${codec}/index.m3u8`);
        await eventually(async () => (await hls()).status === (codec === "VP8" ? 406 : 200), patience);
        const text = await (await hls()).text();
        if (codec === "VP8") expect(text).toContain("Where the system has ffmpeg");
        else
          expect(text.match(/CODECS="[^"]*"/g)).toEqual([expect.stringMatching(/^CODECS="avc1\.\w+,opus"$/)]);
        const list = async (): Promise<readonly Push[]> =>
          (await (await fetch(`${bare.url}/api/v1/streams/${codec}/pushes`, admin)).json()).items;
        await eventually(
          async () => (await list())[0]?.failure?.includes("install ffmpeg") === true,
          patience,
        );
        await eventually(
          async () => ((await listRecordings(bare, codec)).at(-1)?.seconds ?? 0) > 1,
          patience,
        );
        await publisher.page.context().close();
      }
    } finally {
      await bare.stop();
    }
  }, 120_000);

  for (const { codec, hls, container, renditions } of cases)
    test(codec, async () => {
      const name = codec.toLowerCase();
      const publisher = await blankTab(browser, server.url);
      const options = { codec: `video/${codec}`, picture: "colors" } as const;
      expect(await publish(publisher.page, `${server.url}/whip/${name}`, options)).toBe(201);

      // HLS: the publisher's picture and the smaller one, by a player and by ffprobe.
      const address = `${server.url}/hls/${name}/index.m3u8`;
      await eventually(async () => (await fetch(address)).status === 200, patience);
      const viewer = await blankTab(browser, server.url);
      await playHls(viewer.page, address);
      expect((await colors(viewer.page, patience)).join(" ")).toMatch(inTurn);
      expect((await hlsFigures(viewer.page)).errors.filter((error) => error.startsWith("fatal"))).toEqual([]);
      await viewer.page.context().close();
      const master = await (await fetch(address)).text();
      const own = /CODECS="(\w+)[^"]*",RESOLUTION=320x240.*\n(.*\/v0.m3u8)/.exec(master);
      expect(own?.[1]).toBe(hls);
      expect(heightOf(new URL(own?.[2] ?? "", address).href)).toBe(240);
      const smaller = /CODECS="avc1[^"]*",RESOLUTION=160x120.*\n(.*\/v1.m3u8)/.exec(master)?.[1];
      expect(heightOf(new URL(smaller ?? "", address).href)).toBe(120);

      // WebRTC: smaller sizes as layers of H.264 only.
      const { layers } = await (await fetch(`${server.url}/api/v1/streams/${name}`, admin)).json();
      expect(layers.some(({ rendition }: { rendition?: boolean }) => rendition === true)).toBe(renditions);

      // Pushes: to nginx as H.264 and AAC, to the other server in the publisher's own codec.
      await eventually(
        async () => (await pushes(name)).every(({ state }) => state === "live"),
        patience,
      ).catch(async () => {
        throw new Error(JSON.stringify(await pushes(name)));
      });
      const whep = await blankTab(browser, sink.url);
      expect(await view(whep.page, `${sink.url}/whep/copy`)).toBe(201);
      expect((await colors(whep.page, patience)).join(" ")).toMatch(inTurn);
      expect((await agreed(whep.page)).codec).toBe(`video/${codec}`);
      await whep.page.context().close();
      const file = () => rtmp.files().at(-1) ?? "";
      await eventually(
        async () => probe(file()).every((track) => Number(track.nb_read_frames) > 40),
        patience,
      );
      expect(
        probe(file())
          .map(({ codec_name }) => codec_name)
          .sort(),
      ).toEqual(["aac", "h264"]);
      expect(colorsIn(file()).join(" ")).toMatch(inTurn);

      // The recording has what the publisher sent.
      expect(await end(publisher.page)).toBe(200);
      await eventually(async () => (await pushes(name)).length === 0, patience);
      const recorded = (await listRecordings(server, name)).toSorted((one, two) => two.seconds - one.seconds);
      expect(recorded[0]?.container).toBe(container);
      const path = join(folder, name);
      const whole = await fetch(new URL(recorded[0]?.url ?? "", server.url));
      writeFileSync(path, new Uint8Array(await whole.arrayBuffer()));
      expect(probeRecording(path)?.map(({ codec_name }) => codec_name)).toEqual([name, "opus"]);
      expect(colorsIn(path).join(" ")).toMatch(inTurn);
    }, 240_000);
});
