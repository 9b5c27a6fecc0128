import { readFile, rm, writeFile } from "node:fs/promises";
import { type Bucket, BucketError } from "./bucket.ts";
import { objectKey, type RecordingFacts, uploadPath } from "./facts.ts";
import { type RecordingStore, removeObjects, type StoredRecording } from "./store.ts";

export interface UploadOptions {
  readonly store: RecordingStore;
  readonly bucket: Bucket;
  /** Runs a task once, after so many ms, unless the returned function is called. */
  after(delay: number, task: () => void): () => void;
  /** The bucket answers no longer, or again (undefined). Told once for each outage. */
  changed(failure: string | undefined): void;
}

/** How uploads go. */
export interface UploadState {
  /** Files that are to be uploaded, as far as is known. */
  readonly waiting: number;
  readonly uploaded: number;
  readonly bytes: number;
  readonly failed: number;
  /** Why the last attempt failed; undefined where it did not. */
  readonly failure: string | undefined;
}

/** An upload that has begun: what is noted beside the file, so that it goes on after a restart. */
interface Begun {
  readonly upload: string;
  readonly partBytes: number;
  readonly tags: readonly string[];
}

/** Files at once; files that may wait in memory, beyond which the folder is looked through again. */
const [mostAtOnce, mostWaiting] = [2, 1_000];
/** Parts have so many bytes, or more where a file would have more parts than S3 takes. */
const [leastPart, mostParts] = [8 << 20, 10_000];
/** The pause after a failure, ms: doubled after each further one. */
const [firstPause, longestPause] = [1_000, 300_000];

/**
 * Copies recordings to a bucket, once they are complete. What waits is the folder itself: what is not uploaded yet is found there after a
 * restart, and an upload in parts goes on with the part where it stopped.
 */
export class Uploads {
  readonly #options: UploadOptions;
  /** By id, oldest first. One that failed goes to the end. */
  readonly #waiting = new Map<string, string>();
  readonly #running = new Set<string>();
  #more = false;
  #pause = firstPause;
  #paused: (() => void) | undefined;
  #stopped = false;
  #state: UploadState = { waiting: 0, uploaded: 0, bytes: 0, failed: 0, failure: undefined };

  constructor(options: UploadOptions) {
    this.#options = options;
  }

  get state(): UploadState {
    return { ...this.#state, waiting: this.#waiting.size + this.#running.size };
  }

  /** The recording is complete. */
  add(stream: string, id: string): void {
    if (this.#running.has(id)) return;
    if (this.#waiting.size < mostWaiting) this.#waiting.set(id, stream);
    else this.#more = true;
    this.#next();
  }

  /** Finds what is not uploaded yet. */
  async scan(): Promise<void> {
    this.#more = false;
    for (const { id, stream, open, uploaded } of await this.#options.store.all())
      if (!open && uploaded === undefined && !this.#waiting.has(id)) this.add(stream, id);
  }

  /** Ends what is under way. It goes on after the next start. */
  stop(): void {
    this.#stopped = true;
    this.#paused?.();
    this.#options.bucket.stop();
  }

  #next(): void {
    if (this.#stopped || this.#paused !== undefined) return;
    for (const [id, stream] of this.#waiting) {
      // After a failure one attempt tells whether the bucket is there again.
      if (this.#running.size >= (this.#state.failure === undefined ? mostAtOnce : 1)) return;
      this.#waiting.delete(id);
      this.#running.add(id);
      void this.#attempt(stream, id);
    }
    if (this.#more && this.#running.size === 0) void this.scan();
  }

  async #attempt(stream: string, id: string): Promise<void> {
    try {
      const recording = await this.#options.store.find(stream, id);
      if (recording !== undefined && !recording.open && recording.uploaded === undefined) {
        await this.#upload(recording);
        const { uploaded, bytes } = this.#state;
        this.#state = { ...this.#state, uploaded: uploaded + 1, bytes: bytes + recording.bytes };
      }
      this.#recovered();
    } catch (error) {
      // Where it was removed meanwhile, nothing has failed.
      const there = (await this.#options.store.find(stream, id)) !== undefined;
      if (there && !this.#stopped) this.#failed(stream, id, error as Error);
    }
    this.#running.delete(id);
    this.#next();
  }

  #recovered(): void {
    const { failure } = this.#state;
    this.#pause = firstPause;
    this.#state = { ...this.#state, failure: undefined };
    if (failure !== undefined) this.#options.changed(undefined);
  }

  #failed(stream: string, id: string, error: Error): void {
    const failure = error instanceof BucketError ? error.message : "the local file can't be read";
    const known = this.#state.failure !== undefined;
    this.#state = { ...this.#state, failed: this.#state.failed + 1, failure };
    if (!known) this.#options.changed(failure);
    this.#waiting.set(id, stream);
    if (this.#paused !== undefined) return;
    this.#paused = this.#options.after(this.#pause, () => {
      this.#paused = undefined;
      this.#next();
    });
    this.#pause = Math.min(longestPause, this.#pause * 2);
  }

  async #upload(recording: StoredRecording): Promise<void> {
    const { store, bucket } = this.#options;
    const { path, bytes, container } = recording;
    const key = objectKey(recording);
    const type = `video/${container}`;
    if (bytes <= leastPart) await bucket.put(key, await store.bytes(recording, 0, bytes), type);
    else await this.#inParts(recording, key, type);
    const there = await bucket.size(key);
    if (there !== bytes) throw new BucketError(502, "the object is not as long as the file");
    const facts: RecordingFacts = { ...factsOf(recording), uploaded: Date.now() };
    const text = JSON.stringify(facts);
    await bucket.put(`${key}.json`, Buffer.from(text), "application/json");
    // Somebody may have removed the recording meanwhile.
    if (!(await store.note(recording, facts))) await removeObjects(bucket, recording);
    await rm(uploadPath(path), { force: true });
  }

  async #inParts(recording: StoredRecording, key: string, type: string): Promise<void> {
    const { store, bucket } = this.#options;
    const { path, bytes } = recording;
    let begun = await readBegun(uploadPath(path));
    if (begun === undefined) {
      const partBytes = Math.max(leastPart, Math.ceil(bytes / mostParts));
      begun = { upload: await bucket.begin(key, type), partBytes, tags: [] };
    }
    const { upload, partBytes } = begun;
    const tags = [...begun.tags];
    try {
      for (let at = tags.length * partBytes; at < bytes; at += partBytes) {
        const part = await store.bytes(recording, at, Math.min(bytes, at + partBytes));
        tags.push(await bucket.putPart(key, upload, tags.length + 1, part));
        const note: Begun = { upload, partBytes, tags };
        await writeFile(uploadPath(path), JSON.stringify(note), { mode: 0o600 });
      }
      await bucket.complete(key, upload, tags);
    } catch (error) {
      // The bucket doesn't know the upload, or doesn't take its parts: the next attempt begins anew.
      const refused = error instanceof BucketError && error.status >= 400 && error.status < 500;
      const missing = !(error instanceof BucketError);
      if ((refused && ![401, 403, 408, 429].includes(error.status)) || missing) {
        await bucket.abandon(key, upload).catch(() => undefined);
        await rm(uploadPath(path), { force: true });
      }
      throw error;
    }
  }
}

function factsOf({
  id,
  stream,
  started,
  container,
  codecs,
  seconds,
  bytes,
}: StoredRecording): RecordingFacts {
  return { id, stream, started, container, codecs, seconds, bytes };
}

async function readBegun(path: string): Promise<Begun | undefined> {
  try {
    const { upload, partBytes, tags } = JSON.parse(await readFile(path, "utf8")) as Partial<Begun>;
    if (typeof upload !== "string" || typeof partBytes !== "number" || partBytes < leastPart)
      return undefined;
    return Array.isArray(tags) ? { upload, partBytes, tags } : undefined;
  } catch {
    return undefined;
  }
}
