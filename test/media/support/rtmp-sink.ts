import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endWithUs } from "../../support/end-with-us.ts";
import { freePort } from "../../support/free-port.ts";
import { eventually } from "./pages.ts";

/** Where Debian puts the module of `libnginx-mod-rtmp`. */
const module = "/usr/lib/nginx/modules/ngx_rtmp_module.so";

/** True where nginx can take streams by RTMP, and ffmpeg can read what it has recorded. */
export const hasRtmpSink: boolean =
  existsSync(module) && Bun.which("nginx") !== null && Bun.which("ffmpeg") !== null;

/** nginx with its module for RTMP: the application `live` records what is published. */
export class RtmpSink {
  readonly port: number;
  readonly #folder: string;
  #child: ChildProcess | undefined;

  static async start(): Promise<RtmpSink> {
    const sink = new RtmpSink(await freePort());
    await sink.start();
    return sink;
  }

  private constructor(port: number) {
    this.port = port;
    this.#folder = mkdtempSync(join(tmpdir(), "switchboard-rtmp-"));
    mkdirSync(join(this.#folder, "recorded"));
    writeFileSync(
      join(this.#folder, "nginx.conf"),
      `load_module ${module};
daemon off; master_process off; worker_processes 1; pid ${this.#folder}/pid; error_log ${this.#folder}/log;
events { worker_connections 64; }
rtmp { server { listen 127.0.0.1:${port};
  application live { live on; record all; record_unique on; record_path ${this.#folder}/recorded; }
} }
`,
    );
  }

  async start(): Promise<void> {
    const child = spawn("nginx", ["-c", join(this.#folder, "nginx.conf"), "-e", join(this.#folder, "log")], {
      stdio: "ignore",
    });
    this.#child = child;
    endWithUs(child);
    await eventually(async () => {
      const socket = await Bun.connect({
        ...{ hostname: "127.0.0.1", port: this.port },
        socket: { data: () => {} },
      }).catch(() => undefined);
      socket?.end();
      return socket !== undefined;
    }, 20_000);
  }

  /** As a crash: nobody is told. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  /** The files of what was published so far, the oldest first. */
  files(): string[] {
    const folder = join(this.#folder, "recorded");
    return readdirSync(folder)
      .sort()
      .map((name) => join(folder, name));
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** What ffprobe reads of a file: its tracks, and how many frames each has. None as long as the file holds nothing. */
export function probe(path: string): { codec_name: string; nb_read_frames: string; height?: number }[] {
  const options = ["-v", "error", "-count_frames", "-show_streams", "-of", "json", path];
  const { stdout } = spawnSync("ffprobe", options, { encoding: "utf8" });
  return JSON.parse(stdout || "{}").streams ?? [];
}

/** The colours of the middle of the picture as they follow each other. */
export function colorsIn(path: string): string[] {
  const { stdout } = spawnSync(
    "ffmpeg",
    [
      ...["-v", "error", "-i", path, "-vf", "crop=16:16,scale=1:1", "-f", "rawvideo", "-pix_fmt", "rgb24"],
      "pipe:1",
    ],
    { maxBuffer: 1 << 24 },
  );
  const seen: string[] = [];
  for (let at = 0; at + 3 <= stdout.length; at += 3) {
    const light = [...stdout.subarray(at, at + 3)];
    const name = ["red", "green", "blue"][light.findIndex((one) => one > 150)];
    if (name !== undefined && light.filter((one) => one < 90).length === 2 && name !== seen.at(-1))
      seen.push(name);
  }
  return seen;
}

/** The frequency of the tone in the second second of the sound, in Hz. */
export function toneIn(path: string): number {
  const { stdout } = spawnSync(
    "ffmpeg",
    ["-v", "error", "-i", path, "-vn", "-ac", "1", "-ar", "48000", "-f", "s16le", "pipe:1"],
    { maxBuffer: 1 << 26 },
  );
  const samples = new Int16Array(stdout.buffer, stdout.byteOffset, stdout.length >> 1).subarray(
    48_000,
    96_000,
  );
  // Of each tenth of the second by itself: on a busy machine the browser leaves out a piece of the sound now and then.
  const tones = Array.from({ length: 10 }, (_, n) => toneOf(samples.subarray(n * 4_800, (n + 1) * 4_800)));
  return tones.toSorted((a, b) => a - b)[5] ?? 0;
}

/** The frequency between the first rise through zero and the last. Hz; 0 where there are none. */
function toneOf(samples: Int16Array): number {
  const rises: number[] = [];
  for (let n = 1; n < samples.length; n++)
    if ((samples[n - 1] ?? 0) < 0 && (samples[n] ?? 0) >= 0) rises.push(n);
  const [first = 0] = rises;
  const last = rises.at(-1) ?? 0;
  return last === first ? 0 : ((rises.length - 1) * 48_000) / (last - first);
}
