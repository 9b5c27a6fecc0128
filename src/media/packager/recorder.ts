import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { random, sha256 } from "../../net/crypto.ts";
import { TokenBucket } from "../forward/token-bucket.ts";
import { Recording } from "../package/recording.ts";
import type { TimedFrame } from "../package/track-reader.ts";
import type { FromPackager, RecordingRules } from "../packaging.ts";
import { factsPath, type RecordingFacts, recordingFolder, writeFacts } from "../recordings/facts.ts";
import type { FrameSink, TakenStream } from "./taken-stream.ts";

/** Bytes that may wait for the disk before a recording fails; and how long it then waits to begin anew, ms. */
const [mostWaiting, pause] = [32 << 20, 10_000];
/** A shorter file is not kept: while a stream begins, a larger layer takes the place of the first one at once. s */
const shortest = 0.5;
/** Files that one stream may begin a second, and at once: a publisher that changes its picture all the time has gaps in its recordings. */
const [filesPerSecond, filesAtOnce] = [0.1, 20];

/** Records one stream to files, one after the other. A write that fails ends the file, and another one is begun a while later. */
export class Recorder implements FrameSink {
  readonly #name: string;
  readonly #rules: RecordingRules;
  readonly #stream: TakenStream;
  readonly #sound: boolean;
  readonly #picture: boolean;
  readonly #tell: (message: FromPackager) => void;
  readonly #now: () => number;
  #file: OpenFile | undefined;
  #rendition = "";
  #resume = 0;
  readonly #files: TokenBucket;
  /** Files that are still being closed. */
  readonly #closing = new Set<Promise<void>>();

  constructor(
    stream: TakenStream,
    name: string,
    kinds: { readonly sound: boolean; readonly picture: boolean },
    rules: RecordingRules,
    tell: (message: FromPackager) => void,
    now: () => number,
  ) {
    this.#stream = stream;
    this.#name = name;
    this.#sound = kinds.sound;
    this.#picture = kinds.picture;
    this.#rules = rules;
    this.#tell = tell;
    this.#now = now;
    this.#files = new TokenBucket(filesPerSecond, filesAtOnce, now());
  }

  video(rendition: string, frame: TimedFrame, best: boolean): void {
    const file = this.#file;
    const own = rendition === this.#rendition;
    if (frame.key && (best || own)) {
      const due =
        file === undefined ||
        (own && !file.recording.fits(frame)) ||
        (best && !own) ||
        file.recording.seconds >= this.#rules.seconds ||
        file.bytes >= this.#rules.bytes;
      if (due && best) {
        this.#close();
        this.#rendition = rendition;
        this.#open(frame);
      }
    }
    if (rendition !== this.#rendition || this.#file?.recording.fits(frame) !== true) return;
    this.#file.write(this.#file.recording.picture(frame));
  }

  audio(frame: TimedFrame): void {
    const file = this.#file;
    if (!this.#picture) {
      const due = file !== undefined && file.recording.seconds >= this.#rules.seconds;
      if (due) this.#close();
      if (file === undefined || due) this.#open(frame);
    }
    this.#file?.write(this.#file.recording.sound(frame));
  }

  interrupted(): void {
    this.#close();
    this.#rendition = "";
  }

  /** Ends the file, and resolves when it is on disk. */
  async stop(): Promise<void> {
    this.#close();
    await Promise.all(this.#closing);
  }

  #open(first: TimedFrame): void {
    const now = this.#now();
    if (now < this.#resume || !this.#files.take(1, now)) return;
    const recording = new Recording(first, this.#sound);
    const started = Math.round(this.#stream.origin + recording.start * 1_000);
    const { container, codecs } = recording;
    const id = sha256(`${this.#name} ${started} ${random(12)}`)
      .replaceAll(/[^\w]/g, "")
      .slice(0, 24);
    const facts: RecordingFacts = { id, stream: this.#name, started, container, codecs };
    const file: OpenFile = new OpenFile(
      join(this.#rules.folder, recordingFolder(this.#name)),
      facts,
      recording,
      (error) => {
        if (this.#file === file) this.#file = undefined;
        this.#resume = this.#now() + pause;
        this.#tell({ type: "recording-failed", id, stream: this.#name, reason: error.message });
      },
    );
    this.#file = file;
    file.write(recording.header);
    this.#tell({ type: "recording", id, stream: this.#name, state: "begun" });
  }

  #close(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    file.write(file.recording.finish());
    const closing = file.close().then((whole) => {
      this.#closing.delete(closing);
      if (whole) this.#tell({ type: "recording", id: file.facts.id, stream: this.#name, state: "ended" });
    });
    this.#closing.add(closing);
  }
}

/** A file that grows. What is to be written waits for what was written before; the first error is the last. */
class OpenFile {
  readonly facts: RecordingFacts;
  readonly recording: Recording;
  bytes = 0;
  readonly #path: string;
  readonly #failed: (error: Error) => void;
  #handle: FileHandle | undefined;
  #waiting = 0;
  #work: Promise<void>;
  #error: Error | undefined;

  constructor(folder: string, facts: RecordingFacts, recording: Recording, failed: (error: Error) => void) {
    this.facts = facts;
    this.recording = recording;
    this.#failed = failed;
    this.#path = join(folder, `${facts.id}.${facts.container}`);
    this.#work = this.#attempt(async () => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      this.#handle = await open(this.#path, "wx", 0o600);
      await writeFacts(this.#path, facts);
    });
  }

  write(bytes: Uint8Array | undefined): void {
    if (bytes === undefined || this.#error !== undefined) return;
    this.bytes += bytes.length;
    this.#waiting += bytes.length;
    if (this.#waiting > mostWaiting) this.#fail(new Error("the disk is too slow"));
    const before = this.#work;
    this.#work = before.then(() =>
      this.#attempt(async () => {
        await this.#handle?.appendFile(bytes);
        this.#waiting -= bytes.length;
      }),
    );
  }

  /** Resolves with false where it had failed. */
  async close(): Promise<boolean> {
    await this.#work;
    await this.#attempt(async () => {
      if (this.recording.seconds < shortest) {
        await rm(factsPath(this.#path), { force: true });
        await rm(this.#path, { force: true });
      } else
        await writeFacts(this.#path, { ...this.facts, seconds: this.recording.seconds, bytes: this.bytes });
    });
    await this.#handle?.close().catch(() => undefined);
    return this.#error === undefined;
  }

  async #attempt(task: () => Promise<void>): Promise<void> {
    if (this.#error !== undefined) return;
    try {
      await task();
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #fail(error: Error): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    void this.#handle?.close().catch(() => undefined);
    this.#failed(error);
  }
}
