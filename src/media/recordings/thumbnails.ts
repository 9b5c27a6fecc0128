import { spawn } from "node:child_process";
import { readFile, rename, writeFile } from "node:fs/promises";
import { thumbnailPath } from "./facts.ts";
import type { RecordingStore, StoredRecording } from "./store.ts";

/** Fragments come by a pipe, the picture leaves by one; nothing else is opened. */
const options = (container: string): string[] => [
  ...["-hide_banner", "-loglevel", "quiet", "-nostdin", "-protocol_whitelist", "pipe"],
  ...["-f", container === "mp4" ? "mp4" : "matroska", "-i", "pipe:0", "-an", "-frames:v", "1"],
  ...["-vf", "scale=320:-2", "-c:v", "mjpeg", "-f", "image2pipe", "pipe:1"],
];
/** Processes at once; requests that wait for one; how long one may take, ms; bytes of a picture, and of what it is made of. */
const [mostAtOnce, mostWaiting, patience, mostBytes, mostInput] = [2, 64, 5_000, 1 << 20, 8 << 20];

/** Small pictures (JPEG) of recordings, made by ffmpeg when they are asked for. The first one of each recording is kept beside it. */
export class Thumbnails {
  readonly #store: RecordingStore;
  readonly #ffmpeg: string;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** `ffmpeg`: the program; empty for none, and no pictures. */
  constructor(store: RecordingStore, ffmpeg: string) {
    this.#store = store;
    this.#ffmpeg = ffmpeg;
  }

  /** The picture at so many seconds from the beginning. Undefined where there is none, or where too many wait for theirs. */
  async of(recording: StoredRecording, at: number): Promise<Uint8Array | undefined> {
    const path = thumbnailPath(recording.path);
    const kept = at === 0 ? await readFile(path).catch(() => undefined) : undefined;
    if (kept !== undefined || this.#ffmpeg === "") return kept;
    if (this.#waiting.length >= mostWaiting) return undefined;
    if (this.#running >= mostAtOnce) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      const input = await this.#input(recording, at);
      const made = input && (await convert(this.#ffmpeg, options(recording.container), input));
      if (made !== undefined && at === 0) await keep(path, made).catch(() => undefined);
      return made;
    } finally {
      // The place goes to whoever waits longest.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  /** A file that begins with the keyframe at or before that time. A WebM begins where it begins. */
  async #input(recording: StoredRecording, at: number): Promise<Uint8Array | undefined> {
    if (recording.container === "webm")
      return await this.#store.bytes(recording, 0, Math.min(recording.bytes, mostInput));
    const index = await this.#store.index(recording);
    const fragment = index?.fragments.findLast(({ key, start }) => key && start <= at) ?? index?.fragments[0];
    if (index === undefined || fragment === undefined || fragment.end - fragment.at > mostInput)
      return undefined;
    return Buffer.concat([index.header, await this.#store.bytes(recording, fragment.at, fragment.end)]);
  }
}

async function keep(path: string, picture: Uint8Array): Promise<void> {
  await writeFile(`${path}.new`, picture, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** What the program makes of the input; undefined where it fails, takes too long, or makes too much. */
function convert(
  program: string,
  args: readonly string[],
  input: Uint8Array,
): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "ignore"] });
    const chunks: Uint8Array[] = [];
    let length = 0;
    const timer = setTimeout(() => child.kill("SIGKILL"), patience);
    child.stdout.on("data", (chunk: Uint8Array) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > mostBytes) child.kill("SIGKILL");
    });
    // It stops to read once it has its picture.
    child.stdin.on("error", () => {});
    child.on("error", () => {
      clearTimeout(timer);
      resolve(undefined);
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve(code === 0 && length > 0 ? Buffer.concat(chunks) : undefined);
    });
    child.stdin.end(input);
  });
}
