import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import type { Browser, Page } from "playwright-core";
import { interfaceAddresses } from "../../src/net/interfaces.ts";
import { chromiumPath, launch } from "../browser/support/browser.ts";
import { freePort } from "../support/free-port.ts";
import { hasNats, NatsServer } from "../support/nats-server.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { until } from "../support/until.ts";
import { blankTab, colors, end, eventually, figure, publish, remotePort, view } from "./support/pages.ts";
import { colorsIn, hasRtmpSink, probe, RtmpSink } from "./support/rtmp-sink.ts";

const patience = 60_000;
const streams = ["one", "two"] as const;

interface Push {
  readonly id: string;
  readonly state: string;
  readonly failure?: string;
}

/** Two processes that serve one port, of which the first has two media workers: whatever is asked of either process comes of both workers. */
describe.skipIf(chromiumPath === null || !hasRtmpSink || !hasNats || process.platform !== "linux")(
  "with --workers 2 and two media workers",
  () => {
    let nats: NatsServer;
    let rtmp: RtmpSink;
    let sink: RunningServer;
    let server: RunningServer;
    let browser: Browser;
    beforeAll(async () => {
      nats = await NatsServer.start();
      rtmp = await RtmpSink.start();
      sink = await startServer({ config: { port: await freePort(), media: { port: 0, workers: 1 } } });
      server = await startServer({
        config: {
          ...{ port: await freePort(), node: "m", workers: 2, nats: { url: [nats.url] } },
          media: {
            ...{ port: await freePort(), workers: 2, record: [...streams] },
            push: streams.flatMap((stream) => [
              { stream, to: `rtmp://127.0.0.1:${rtmp.port}/live/${stream}` },
              { stream, to: `${sink.url}/whip/${stream}`, token: "dev:pusher" },
            ]),
            ladder: { streams: [...streams], heights: [120] },
            pushAllow: interfaceAddresses().map(({ address }) => address),
          },
        },
      });
      await until(
        () => server.logs.filter((line) => line.includes("Switchboard is at")).length === 2,
        patience,
      );
      browser = await launch("fake", ["--autoplay-policy=no-user-gesture-required"]);
    }, 120_000);
    afterAll(async () => {
      await browser?.close();
      for (const one of [server, sink, rtmp, nats]) await one?.stop();
    });

    /** A request on a connection of its own, which either process may get. */
    const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
      fetch(new URL(path, server.url), {
        ...init,
        keepalive: false,
        headers: {
          Authorization: "Bearer dev:admin",
          Connection: "close",
          "Content-Type": "application/json",
        },
      });
    /** Asks so often that both processes have answered, and answers all that they said. */
    const askBoth = async (path: string): Promise<Response[]> => {
      const answers: Response[] = [];
      for (let n = 0; n < 12; n++) answers.push(await ask(path));
      return answers;
    };
    const pushes = async (name: string): Promise<readonly Push[]> => {
      const response = await ask(`/api/v1/streams/${name}/pushes`);
      if (response.status !== 200) throw new Error(`pushes: ${response.status} ${await response.text()}`);
      return ((await response.json()) as { items: Push[] }).items;
    };

    test("HLS, recordings, pushes and smaller sizes come of publishers at either worker", async () => {
      const publishers: Page[] = [];
      const ports: number[] = [];
      for (const name of streams) {
        const { page } = await blankTab(browser, server.url);
        const options = { codec: "video/H264", picture: "colors" } as const;
        // The worker with the least to do gets a publisher, which is known a moment after another one came: the second tries until it has the other.
        await eventually(async () => {
          expect(await publish(page, `${server.url}/whip/${name}`, options)).toBe(201);
          let port = 0;
          await eventually(async () => {
            port = await remotePort(page);
            return port > 0 && (await figure(page, "video", "bytesSent", "outbound-rtp")) > 0;
          }, patience);
          if (ports.includes(port)) expect(await end(page)).toBe(200);
          else ports.push(port);
          return ports.includes(port) && ports.length === publishers.length + 1;
        }, patience);
        publishers.push(page);
      }
      expect(new Set(ports).size).toBe(2);

      for (const name of streams) {
        // HLS, with the smaller size.
        const address = `/hls/${name}/index.m3u8`;
        await eventually(async () => (await ask(address)).status === 200, patience);
        const masters = await Promise.all((await askBoth(address)).map((one) => one.text()));
        for (const master of masters) expect(master).toMatch(/RESOLUTION=160x120/);
        const smaller = /RESOLUTION=160x120.*\n(.*\/v1.m3u8)/.exec(masters[0] ?? "")?.[1] ?? "";
        const options = ["-v", "error", "-show_entries", "stream=height", "-of", "csv=p=0"];
        const read = spawnSync("ffprobe", [...options, `${server.url}/hls/${name}/${smaller}`]);
        expect(Number.parseInt(`${read.stdout}`, 10)).toBe(120);

        // Viewers of the smaller size, at each of the workers.
        const viewers: Page[] = [];
        for (let n = 0; n < 4; n++) {
          const { page } = await blankTab(browser, server.url);
          expect(await view(page, `${server.url}/whep/${name}`)).toBe(201);
          viewers.push(page);
        }
        const at120 = async (page: Page): Promise<void> => {
          const status = await page.evaluate(async () => {
            const { session } = (globalThis as unknown as { kept: { session: string } }).kept;
            const body = JSON.stringify({ encodingId: "120p" });
            const headers = { "Content-Type": "application/json" };
            return (await fetch(`${session}/layer`, { method: "POST", headers, body })).status;
          });
          expect(status).toBe(200);
          await eventually(async () => (await figure(page, "video", "frameHeight")) === 120, patience);
        };
        for (const page of viewers) await at120(page);
        const places = new Set(await Promise.all(viewers.map(remotePort)));
        expect([...places].sort()).toEqual([...ports].sort());
        for (const page of viewers) await page.context().close();

        // Pushes of both kinds, as either process tells.
        await eventually(
          async () => (await pushes(name)).every(({ state }) => state === "live"),
          patience,
        ).catch(async () => {
          throw new Error(JSON.stringify(await pushes(name)));
        });
        for (const answer of await askBoth(`/api/v1/streams/${name}/pushes`)) {
          const { items } = (await answer.json()) as { items: Push[] };
          expect(items.map(({ state }) => state)).toEqual(["live", "live"]);
        }
        const whep = await blankTab(browser, sink.url);
        expect(await view(whep.page, `${sink.url}/whep/${name}`)).toBe(201);
        expect((await colors(whep.page, patience)).join(" ")).toMatch(/red green|green blue|blue red/);
        await whep.page.context().close();
      }
      // What nginx has taken, whichever stream it was of.
      await eventually(
        async () => rtmp.files().filter((file) => probe(file).length === 2).length === 2,
        patience,
      );
      for (const file of rtmp.files()) {
        await eventually(
          async () => probe(file).every((track) => Number(track.nb_read_frames) > 40),
          patience,
        );
        expect(colorsIn(file).join(" ")).toMatch(/red green|green blue|blue red/);
      }
      for (const page of publishers) expect(await end(page)).toBe(200);
      for (const name of streams)
        for (const answer of await askBoth(`/api/v1/recordings?stream=${name}`)) {
          const { recordings } = (await answer.json()) as { recordings: { seconds: number; url: string }[] };
          expect(recordings.some(({ seconds }) => seconds > 3)).toBe(true);
          const file = await ask(recordings.at(-1)?.url ?? "");
          expect(file.status).toBe(200);
          expect((await file.arrayBuffer()).byteLength).toBeGreaterThan(10_000);
        }
    }, 300_000);
  },
);
