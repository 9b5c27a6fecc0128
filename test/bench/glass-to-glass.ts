import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import type { PlayHls } from "../../src/page/live/hls-fallback.ts";
import { launch } from "../browser/support/browser.ts";
import { hlsFigures, playHls } from "../media/support/hls-page.ts";
import { blankTab, eventually, publish, view } from "../media/support/pages.ts";
import { startServer } from "../support/server.ts";

/** Digits of the clock in the picture, binary; a cell of it in pixels. The second row has each digit inverted, so that a torn picture is none. */
const [digits, cell] = [20, 32];

/** Makes the page's `colors`, which {@link publish} sends as `given`: a clock of ms in black and white, 30 times a second, and a tone. */
function makeClock(page: Page): Promise<void> {
  return page.evaluate(
    ({ digits, cell }) => {
      const canvas = Object.assign(document.createElement("canvas"), { width: digits * cell, height: 360 });
      const paint = canvas.getContext("2d");
      setInterval(() => {
        const now = Date.now() % 2 ** digits;
        for (let row = 0; row < 2; row++)
          for (let digit = 0; digit < digits; digit++) {
            if (paint === null) return;
            paint.fillStyle = ((now >> digit) & 1) === row ? "#000" : "#fff";
            paint.fillRect(digit * cell, row * 180, cell, 180);
          }
      }, 33);
      const context = new AudioContext();
      const tone = new OscillatorNode(context, { frequency: 440 });
      const sink = context.createMediaStreamDestination();
      tone.connect(sink);
      tone.start();
      const colors = new MediaStream([...canvas.captureStream().getTracks(), ...sink.stream.getTracks()]);
      Object.assign(globalThis, { colors, keepsPlaying: [context, tone] });
    },
    { digits, cell },
  );
}

/** How old the pictures are that the page's video shows, ms: one figure for each picture in so many seconds. */
function ages(page: Page, seconds: number): Promise<number[]> {
  return page.evaluate(
    async ({ digits, seconds }) => {
      const video = document.querySelector("video") as HTMLVideoElement;
      const canvas = Object.assign(document.createElement("canvas"), { width: digits * 4, height: 8 });
      const paint = canvas.getContext("2d", { willReadFrequently: true }) as CanvasRenderingContext2D;
      const found: number[] = [];
      const end = Date.now() + seconds * 1_000;
      while (Date.now() < end) {
        const shown = await new Promise<boolean>((resolve) => {
          video.requestVideoFrameCallback(() => resolve(true));
          setTimeout(resolve, 500, false);
        });
        if (!shown) continue;
        const now = Date.now();
        paint.drawImage(video, 0, 0, digits * 4, 8);
        const { data } = paint.getImageData(0, 0, digits * 4, 8);
        const white = (digit: number, row: number): boolean =>
          (data[((row * 4 + 2) * digits * 4 + digit * 4 + 2) * 4] ?? 0) > 127;
        let clock = 0;
        let whole = true;
        for (let digit = 0; digit < digits; digit++) {
          whole &&= white(digit, 0) !== white(digit, 1);
          if (white(digit, 0)) clock += 2 ** digit;
        }
        if (whole) found.push((now - clock + 2 ** digits) % 2 ** digits);
      }
      return found;
    },
    { digits, seconds },
  );
}

/** Prints how old the picture is by WebRTC, LL-HLS and HLS, in Chromium, and how long hls.js takes to the first picture. */
export async function glassToGlass(seconds: number): Promise<void> {
  const server = await startServer({ config: { media: { enabled: true, port: 0, workers: 1 } } });
  const browser = await launch("fake", ["--autoplay-policy=no-user-gesture-required"]);
  const tab = async (): Promise<Page> => (await blankTab(browser, server.url)).page;
  const publisher = await tab();
  await makeClock(publisher);
  const status = await publish(publisher, `${server.url}/whip/clock`, {
    picture: "given",
    codec: "video/H264",
  });
  if (status !== 201) throw new Error(`WHIP answered ${status}`);
  const address = `${server.url}/hls/clock/index.m3u8`;
  await eventually(async () => (await fetch(address)).status === 200, 30_000);
  const player = await builtPlayer();
  const ways: Record<string, (page: Page) => Promise<unknown>> = {
    WebRTC: async (page) =>
      eventually(async () => (await view(page, `${server.url}/whep/clock`)) === 201, 30_000),
    "LL-HLS": (page) => playHls(page, address),
    "LL-HLS in our page's player": (page) => playAsOurPage(page, player, address),
    HLS: (page) => playHls(page, address, undefined, false),
  };
  for (const [name, play] of Object.entries(ways)) {
    const page = await tab();
    await play(page);
    const plays = () => page.evaluate(() => (document.querySelector("video")?.currentTime ?? 0) > 0);
    await eventually(plays, 60_000);
    // A player comes nearer to the live edge for a while.
    await Bun.sleep(seconds * 1_000);
    const found = await ages(page, seconds);
    const told = name === "WebRTC" ? "" : await (name.includes("our") ? firstPicture(page) : behind(page));
    console.log(
      `${name}: the picture is ${Math.round(median(found))} ms old (median of ${found.length})${told}`,
    );
    await page.context().close();
  }
  await browser.close();
  await server.stop();
}

function median(figures: readonly number[]): number {
  return [...figures].sort((one, other) => one - other)[Math.floor(figures.length / 2)] ?? Number.NaN;
}

/** The script of `/hls.js`. */
async function builtPlayer(): Promise<string> {
  const entry = fileURLToPath(new URL("../../src/page/live/hls.ts", import.meta.url));
  const { outputs } = await Bun.build({ entrypoints: [entry], target: "browser", format: "iife" });
  return (await outputs[0]?.text()) ?? "";
}

/** Plays as the page `/live` does where WebRTC doesn't get through. */
async function playAsOurPage(page: Page, script: string, url: string): Promise<void> {
  await page.evaluate(script);
  await page.evaluate((url) => {
    const { switchboardHls } = globalThis as unknown as { switchboardHls: PlayHls };
    const video = document.querySelector("video") as HTMLVideoElement;
    const begun = performance.now();
    video.requestVideoFrameCallback(() => Object.assign(globalThis, { started: performance.now() - begun }));
    switchboardHls(video, { url, token: undefined, lost: () => {} });
    void video.play();
  }, url);
}

async function firstPicture(page: Page): Promise<string> {
  const started = await page.evaluate(() => (globalThis as unknown as { started: number }).started);
  return `, first picture after ${Math.round(started)} ms`;
}

async function behind(page: Page): Promise<string> {
  const { latency, started = 0 } = await hlsFigures(page);
  return `, ${latency.toFixed(2)} s behind live as hls.js counts, first picture after ${Math.round(started)} ms`;
}
