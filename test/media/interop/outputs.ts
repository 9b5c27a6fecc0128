import { spawn, spawnSync } from "node:child_process";
import type { Browser, Page } from "playwright-core";
import { startServer } from "../../support/server.ts";
import { playHls } from "../support/hls-page.ts";
import { listRecordings } from "../support/killed-writer.ts";
import { blankTab, colors, end, eventually, publish } from "../support/pages.ts";
import { type Content, check, NotHere, type Outcome, outcomeOf, patience } from "./outcome.ts";

/** What is made of a stream, by the name of its column. */
const outputs = ["LL-HLS", "HLS", "recording, MP4", "recording, WebM", "replay, MP4", "replay, HLS"] as const;
type Output = (typeof outputs)[number];

/** A player: answers what it saw and heard of an output at this address. */
interface Player {
  readonly name: string;
  /** Outputs that it has no means to play: why. */
  readonly without: Partial<Record<Output, string>>;
  play(address: string, output: Output): Promise<Content>;
}

const sound = ["-map", "0:a:0", "-ac", "1", "-ar", "48000", "-f", "s16le"];
const picture = ["-map", "0:v:0", "-vf", "scale=1:1", "-pix_fmt", "rgb24", "-f", "rawvideo"];
const partless = "reads no parts";

const ffmpeg: Player = {
  name: "ffmpeg",
  without: { "LL-HLS": partless },
  play: async (address) => {
    const read = (options: readonly string[]) =>
      output("ffmpeg", ["-v", "error", "-i", address, "-t", "3", ...options, "pipe:1"]);
    return contentOf(await read(picture), 3, await read(sound));
  },
};

const gstreamer: Player = {
  name: "GStreamer",
  without: { "LL-HLS": partless },
  play: async (address) => {
    const read = (caps: string, convert: readonly string[], bytes: number) =>
      output(
        "gst-launch-1.0",
        ["-q", "uridecodebin3", `uri=${address}`, `caps=${caps}`, "!", ...convert, "!", "fdsink", "fd=1"],
        bytes,
      );
    const small = "video/x-raw,format=RGB,width=4,height=4";
    const pixels = await read("video/x-raw", ["videoconvert", "!", "videoscale", "!", small], 48 * 60);
    const samples = "audio/x-raw,format=S16LE,channels=1,rate=48000";
    const heard = await read("audio/x-raw", ["audioconvert", "!", "audioresample", "!", samples], 96_000);
    return contentOf(pixels, 48, heard);
  },
};

/** Plays by a page's video element: by hls.js what is HLS, files by themselves. */
function chromium(browser: Browser, server: string): Player {
  return {
    name: "Chromium, with hls.js for HLS",
    without: {},
    play: async (address, output) => {
      const { page } = await blankTab(browser, server);
      try {
        if (output.endsWith("HLS")) await playHls(page, address, undefined, output === "LL-HLS");
        else await playFile(page, address);
        const seen = await colors(page, patience);
        const decoded = await page.evaluate(() => {
          const video = document.querySelector("video") as HTMLVideoElement & {
            webkitAudioDecodedByteCount: number;
          };
          return video.webkitAudioDecodedByteCount;
        });
        // The element tells that it decodes sound, not which.
        return { colors: seen, tone: decoded > 0 ? 440 : 0 };
      } finally {
        await page.context().close();
      }
    },
  };
}

async function playFile(page: Page, address: string): Promise<void> {
  await page.evaluate(async (address) => {
    const video = document.querySelector("video") as HTMLVideoElement;
    video.src = URL.createObjectURL(await (await fetch(address)).blob());
    await video.play();
  }, address);
}

/** Each player with each output of two streams of Chromium, H.264 and VP8: a row of outcomes for each. `names`: of the columns. */
export async function outputRows(browser: Browser): Promise<{
  readonly names: readonly string[];
  readonly rows: readonly { readonly name: string; readonly outcomes: readonly Outcome[] }[];
}> {
  const server = await startServer({
    config: { media: { enabled: true, port: 0, workers: 1, record: ["*"] } },
  });
  const stream = async (name: string, codec: string): Promise<Page> => {
    const { page } = await blankTab(browser, server.url);
    const status = await publish(page, `${server.url}/whip/${name}`, { picture: "colors", codec });
    if (status !== 201) throw new Error(`WHIP answered ${status}`);
    return page;
  };
  const recordings = `${server.url}/api/v1/recordings?stream=h264`;
  const addresses = new Map<Output, string>([
    ["LL-HLS", `${server.url}/hls/h264/index.m3u8`],
    ["HLS", `${server.url}/hls/h264/index.m3u8`],
    ["replay, MP4", `${recordings}&format=mp4`],
    ["replay, HLS", `${recordings}&format=hls`],
  ]);
  const [h264, vp8] = [await stream("h264", "video/H264"), await stream("vp8", "video/VP8")];
  const rows = new Map<string, Map<Output, Outcome>>();
  const run = async (player: Player, output: Output): Promise<void> => {
    const row = rows.get(player.name) ?? new Map<Output, Outcome>();
    rows.set(player.name, row);
    const outcome = await outcomeOf(async () => {
      const why = player.without[output];
      if (why !== undefined) throw new NotHere(why);
      check(await player.play(addresses.get(output) ?? "", output));
      return "";
    });
    row.set(output, outcome);
  };
  const players = [chromium(browser, server.url), ffmpeg, gstreamer];
  const live: readonly Output[] = ["LL-HLS", "HLS"];
  for (const player of players) for (const output of live) await run(player, output);
  for (const [page, name] of [
    [h264, "recording, MP4"],
    [vp8, "recording, WebM"],
  ] as const) {
    const of = page === h264 ? "h264" : "vp8";
    await eventually(async () => ((await listRecordings(server, of)).at(-1)?.seconds ?? 0) > 5, patience);
    await end(page);
    const ended = async () => (await fetch(`${server.url}/api/v1/recordings?stream=${of}`)).json();
    await eventually(async () => ((await ended()) as { live: boolean }).live === false, patience);
    const [longest] = [...(await listRecordings(server, of))].sort((one, two) => two.seconds - one.seconds);
    addresses.set(name, new URL(longest?.url ?? "", server.url).href);
    // The beginning may have been sent with a smaller picture, as a file of its own.
    if (of === "h264") {
      const range = `&from=${Date.parse(longest?.from ?? "")}&to=${Date.parse(longest?.to ?? "")}`;
      addresses.set("replay, MP4", `${recordings}&format=mp4${range}`);
    }
  }
  for (const player of players)
    for (const output of outputs.filter((one) => !live.includes(one))) await run(player, output);
  await server.stop();
  return {
    names: outputs,
    rows: [...rows].map(([name, row]) => ({
      name,
      outcomes: outputs.map((one) => row.get(one) ?? { result: "no", detail: "wasn't run" }),
    })),
  };
}

/** What the program writes, up to so many bytes. Throws with its last words where it writes nothing. */
function output(program: string, args: readonly string[], most = 1 << 20): Promise<Buffer> {
  if (spawnSync(program, [program === "ffmpeg" ? "-version" : "--version"]).status !== 0)
    throw new NotHere(`needs ${program}`);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    const [chunks, errors]: [Buffer[], Buffer[]] = [[], []];
    let bytes = 0;
    const timer = setTimeout(() => child.kill("SIGKILL"), patience);
    child.stdout.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= most) child.kill("SIGKILL");
    });
    child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
    child.once("close", () => {
      clearTimeout(timer);
      const words = Buffer.concat(errors).toString().trim().split("\n").at(-1) ?? "";
      if (bytes === 0) reject(new Error(`${program} made nothing: ${words}`));
      else resolve(Buffer.concat(chunks));
    });
  });
}

/** `pictures`: frames of so many bytes each, of which the first pixel is looked at; `samples`: 16 bits each, 48,000 a second. */
function contentOf(pictures: Buffer, frameBytes: number, samples: Buffer): Content {
  const names = ["red", "green", "blue"];
  const seen: string[] = [];
  for (let at = 0; at + frameBytes <= pictures.length; at += frameBytes) {
    // The middle of small pictures.
    const pixel = [...pictures.subarray(at + (frameBytes > 3 ? 30 : 0)).subarray(0, 3)];
    const name = names[pixel.findIndex((one) => one > 150)];
    if (name !== undefined && pixel.filter((one) => one < 90).length >= 2 && name !== seen.at(-1))
      seen.push(name);
  }
  // From one rise through zero to the next: the median passes over gaps.
  const periods: number[] = [];
  let rise = 0;
  for (let n = 1; n < Math.floor(samples.length / 2); n++)
    if (samples.readInt16LE(2 * n - 2) < 0 && samples.readInt16LE(2 * n) >= 0) {
      if (rise > 0) periods.push(n - rise);
      rise = n;
    }
  periods.sort((one, other) => one - other);
  return {
    colors: seen,
    tone: 48_000 / (periods[Math.floor(periods.length / 2)] ?? Number.POSITIVE_INFINITY),
  };
}
