import { createReadStream } from "node:fs";
import { open, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type Bucket, BucketError } from "./bucket.ts";
import {
  factsPath,
  indexPath,
  isRecordingId,
  objectKey,
  type RecordingFacts,
  recordingFolder,
  thumbnailPath,
  uploadPath,
  writeFacts,
} from "./facts.ts";
import { type RecordingIndex, readIndex, readWrittenIndex, writeIndex } from "./mp4-index.ts";

/** A recording that is there. */
export interface StoredRecording extends RecordingFacts {
  /** Where its file is, or was. */
  readonly path: string;
  /** False where the bucket alone has it. */
  readonly local: boolean;
  readonly seconds: number;
  readonly bytes: number;
  /** It is still being written, as far as one can tell. */
  readonly open: boolean;
}

/** Files of one stream that are looked at. */
const mostFiles = 10_000;
/** A file that was written to within this time is still being written. ms */
const fresh = 60_000;

/**
 * The recordings in a folder, as the packager writes them, and the bucket that they are copied to, if there is one. Files that a killed
 * process left behind are read as far as they are whole. What needs the bucket rejects with a BucketError where it doesn't answer.
 */
export class RecordingStore {
  readonly #folder: string;
  readonly #bucket: Bucket | undefined;
  /** Recordings that are being written. */
  readonly #writing = new Set<string>();

  constructor(folder: string, bucket?: Bucket) {
    this.#folder = folder;
    this.#bucket = bucket;
  }

  /** The recording is being written from now on, or no longer. */
  writes(id: string, writing: boolean): void {
    if (writing) this.#writing.add(id);
    else this.#writing.delete(id);
  }

  /** Whoever wrote recordings has ended. */
  writesNothing(): void {
    this.#writing.clear();
  }

  /** Recordings of the stream that have something between two times (Unix, ms), oldest first. */
  async list(stream: string, from: number, to: number): Promise<StoredRecording[]> {
    const folder = join(this.#folder, recordingFolder(stream));
    const names = await readdir(folder).catch(() => []);
    const found: StoredRecording[] = [];
    for (const name of names.filter((one) => one.endsWith(".json")).slice(0, mostFiles)) {
      const recording = await this.#read(folder, name.slice(0, -".json".length));
      if (recording === undefined || recording.stream !== stream) continue;
      if (recording.started <= to && recording.started + recording.seconds * 1_000 >= from)
        found.push(recording);
    }
    return found.sort((one, other) => one.started - other.started);
  }

  /** Recordings of all streams, oldest first. One that has no end noted isn't measured. */
  async all(): Promise<StoredRecording[]> {
    const found: StoredRecording[] = [];
    for (const name of await readdir(this.#folder).catch(() => [])) {
      if (!/^[0-9a-f]{32}$/.test(name)) continue;
      const folder = join(this.#folder, name);
      for (const file of await readdir(folder).catch(() => []))
        if (file.endsWith(".json")) {
          const recording = await this.#read(folder, file.slice(0, -".json".length), false);
          if (recording !== undefined) found.push(recording);
        }
    }
    return found.sort((one, other) => one.started - other.started);
  }

  async find(stream: string, id: string): Promise<StoredRecording | undefined> {
    if (!isRecordingId(id)) return undefined;
    const recording = await this.#read(join(this.#folder, recordingFolder(stream)), id);
    return recording?.stream === stream ? recording : undefined;
  }

  /** The bytes of a recording from `first` to `last`, both included. */
  async read(recording: StoredRecording, first: number, last: number): Promise<ReadableStream<Uint8Array>> {
    if (!recording.local) return await this.#remote().get(objectKey(recording), first, last);
    const body: unknown = Readable.toWeb(createReadStream(recording.path, { start: first, end: last }));
    return body as ReadableStream<Uint8Array>;
  }

  /** The bytes of a recording from one place up to another, as many of them as there are. */
  async bytes(recording: StoredRecording, from: number, to: number): Promise<Uint8Array> {
    if (!recording.local) {
      const end = Math.min(to, recording.bytes);
      return from < end ? await this.#remote().read(objectKey(recording), from, end - 1) : new Uint8Array();
    }
    const file = await open(recording.path, "r");
    try {
      const bytes = new Uint8Array(to - from);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, from);
      return bytes.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }

  /** Where everything is in a recording; undefined for one that is no MP4. */
  async index({ path, local, container }: StoredRecording): Promise<RecordingIndex | undefined> {
    if (container !== "mp4") return undefined;
    return local ? await readIndex(path) : await readWrittenIndex(indexPath(path));
  }

  /** Writes what is known of a recording. False where it was removed meanwhile. */
  async note({ stream, id, path }: StoredRecording, facts: RecordingFacts): Promise<boolean> {
    if ((await this.find(stream, id)) === undefined) return false;
    await writeFacts(path, facts);
    return true;
  }

  /** Removes a recording and all that belongs to it, from the bucket first. */
  async remove(recording: StoredRecording): Promise<void> {
    const { path, uploaded } = recording;
    if (uploaded !== undefined && this.#bucket !== undefined) await removeObjects(this.#bucket, recording);
    for (const file of [factsPath(path), `${factsPath(path)}.new`, uploadPath(path), indexPath(path)])
      await rm(file, { force: true });
    for (const file of [thumbnailPath(path), path]) await rm(file, { force: true });
  }

  /**
   * Removes what began before `oldest` (Unix time in ms), and then the oldest until the files here have no more than so many bytes. Where
   * there is a bucket, that takes away local copies only, and none that the bucket doesn't have. Rejects with the first failure, once it has
   * tried them all.
   */
  async trim(oldest: number, mostBytes: number): Promise<void> {
    const all = await this.all();
    const size = ({ local, bytes }: StoredRecording): number => (local ? bytes : 0);
    let bytes = all.reduce((sum, one) => sum + size(one), 0);
    let failure: unknown;
    for (const recording of all) {
      const [old, over] = [recording.started < oldest, bytes > mostBytes && recording.local];
      if (recording.open || (!old && !over)) continue;
      const copy = !old && this.#bucket !== undefined;
      if (copy && recording.uploaded === undefined) continue;
      try {
        if (copy) await this.#removeCopy(recording);
        else await this.remove(recording);
        bytes -= size(recording);
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
  }

  /** Removes the file of a recording that the bucket has. Its index stays, so that a range of time needs no more than its bytes. */
  async #removeCopy(recording: StoredRecording): Promise<void> {
    const { path } = recording;
    const index = await this.index(recording);
    if (index !== undefined) await writeIndex(indexPath(path), index);
    await rm(path, { force: true });
  }

  #remote(): Bucket {
    if (this.#bucket === undefined) throw new BucketError(0, "there is no bucket");
    return this.#bucket;
  }

  /** Undefined for what is none, or is neither here nor in the bucket. `whole`: measures one that has no end noted. */
  async #read(folder: string, id: string, whole = true): Promise<StoredRecording | undefined> {
    if (!isRecordingId(id)) return undefined;
    const text = await readFile(join(folder, `${id}.json`), "utf8").catch(() => undefined);
    const facts = text === undefined ? undefined : parseFacts(text);
    if (facts === undefined || facts.id !== id) return undefined;
    const path = join(folder, `${id}.${facts.container}`);
    const state = await stat(path).catch(() => undefined);
    const { seconds, uploaded, bytes = 0 } = facts;
    if (state === undefined) {
      if (uploaded === undefined || this.#bucket === undefined) return undefined;
      return { ...facts, path, local: false, seconds: seconds ?? 0, bytes, open: false };
    }
    const here = { ...facts, path, local: true, bytes: state.size };
    if (seconds !== undefined) return { ...here, seconds, open: false };
    const fragments = whole && facts.container === "mp4" ? (await readIndex(path))?.fragments : undefined;
    const last = fragments?.at(-1);
    const measured =
      last === undefined ? (state.mtimeMs - facts.started) / 1_000 : last.start + last.duration;
    const open = this.#writing.has(id) || Date.now() - state.mtimeMs < fresh;
    return { ...here, seconds: Math.max(0, measured), open };
  }
}

/** Removes what the bucket has of a recording. */
export async function removeObjects(bucket: Bucket, recording: RecordingFacts): Promise<void> {
  const key = objectKey(recording);
  for (const one of [key, `${key}.json`]) await bucket.remove(one);
}

function parseFacts(text: string): RecordingFacts | undefined {
  try {
    const value = JSON.parse(text) as Partial<RecordingFacts>;
    const { id, stream, started, container, codecs } = value;
    if (typeof id !== "string" || typeof stream !== "string" || typeof started !== "number") return undefined;
    if ((container !== "mp4" && container !== "webm") || !Array.isArray(codecs)) return undefined;
    return value as RecordingFacts;
  } catch {
    return undefined;
  }
}
