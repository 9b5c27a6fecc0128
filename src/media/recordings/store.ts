import { createReadStream } from "node:fs";
import { open, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { boxHead, fragmentTracks, timescalesIn } from "../package/box-reader.ts";
import { isRecordingId, type RecordingFacts, recordingFolder, thumbnailPath } from "./facts.ts";

/** A recording that is there. */
export interface StoredRecording extends RecordingFacts {
  readonly path: string;
  readonly seconds: number;
  readonly bytes: number;
  /** It is still being written, as far as one can tell. */
  readonly open: boolean;
}

/** A movie fragment of an MP4 file. Times in s from the beginning of the file. */
export interface StoredFragment {
  readonly at: number;
  readonly end: number;
  readonly start: number;
  readonly duration: number;
  readonly key: boolean;
}

export interface RecordingIndex {
  /** Bytes of `ftyp` and `moov`. */
  readonly header: Uint8Array;
  readonly timescales: ReadonlyMap<number, number>;
  readonly fragments: readonly StoredFragment[];
}

/** A `moof` of our own is shorter by far. */
const longestHead = 4 << 20;
/** Files of one stream that are looked at. */
const mostFiles = 10_000;
/** A file that was written to within this time is still being written. ms */
const fresh = 60_000;

/** The recordings in a folder, as the packager writes them. Files that a killed process left behind are read as far as they are whole. */
export class RecordingStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
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

  async find(stream: string, id: string): Promise<StoredRecording | undefined> {
    if (!isRecordingId(id)) return undefined;
    const recording = await this.#read(join(this.#folder, recordingFolder(stream)), id);
    return recording?.stream === stream ? recording : undefined;
  }

  /** The bytes of a file from `first` to `last`, both included. */
  read(path: string, first: number, last: number): ReadableStream<Uint8Array> {
    const body: unknown = Readable.toWeb(createReadStream(path, { start: first, end: last }));
    return body as ReadableStream<Uint8Array>;
  }

  /** The bytes of a file between two places, as many of them as there are. */
  async bytes(path: string, from: number, to: number): Promise<Uint8Array> {
    const file = await open(path, "r");
    try {
      const bytes = new Uint8Array(to - from);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, from);
      return bytes.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }

  /** Where everything is in an MP4 file: up to the first box that is not whole, which the end of a killed process is. */
  async index(path: string): Promise<RecordingIndex | undefined> {
    const file = await open(path, "r").catch(() => undefined);
    if (file === undefined) return undefined;
    try {
      const { size } = await file.stat();
      const head = new Uint8Array(16);
      const read = async (at: number, length: number): Promise<Uint8Array> => {
        const bytes = new Uint8Array(length);
        const { bytesRead } = await file.read(bytes, 0, length, at);
        return bytes.subarray(0, bytesRead);
      };
      let header: Uint8Array | undefined;
      let timescales = new Map<number, number>();
      const fragments: StoredFragment[] = [];
      for (let at = 0; at < size; ) {
        const { bytesRead } = await file.read(head, 0, 16, at);
        const box = boxHead(head.subarray(0, bytesRead), 0, at);
        if (box === undefined || box.end > size) break;
        if (box.type === "moov" && box.end <= longestHead) {
          header = await read(0, box.end);
          timescales = timescalesIn(header, { ...box });
        }
        if (box.type === "moof" && box.end - box.at <= longestHead) {
          const moof = await read(at, box.end - box.at);
          const data = await read(box.end, 16);
          const content = boxHead(data, 0, box.end);
          if (content === undefined || content.end > size) break;
          const [first] = fragmentTracks(moof);
          const scale = timescales.get(first?.track ?? 0) ?? 0;
          if (first !== undefined && scale > 0)
            fragments.push({
              ...{ at, end: content.end, start: first.time / scale, duration: first.duration / scale },
              key: first.key,
            });
          at = content.end;
        } else at = box.end;
      }
      return header && { header, timescales, fragments };
    } finally {
      await file.close();
    }
  }

  /** Removes a recording and all that belongs to it. */
  async remove({ path }: StoredRecording): Promise<void> {
    for (const file of [path.replace(/\.\w+$/, ".json"), thumbnailPath(path), path])
      await rm(file, { force: true });
  }

  /** Removes what began before `oldest` (Unix time in ms), and then the oldest until no more than so many bytes are left. */
  async trim(oldest: number, mostBytes: number): Promise<number> {
    const all: StoredRecording[] = [];
    for (const name of await readdir(this.#folder).catch(() => [])) {
      if (!/^[0-9a-f]{32}$/.test(name)) continue;
      const folder = join(this.#folder, name);
      for (const file of await readdir(folder).catch(() => []))
        if (file.endsWith(".json")) {
          const recording = await this.#read(folder, file.slice(0, -".json".length), false);
          if (recording !== undefined) all.push(recording);
        }
    }
    all.sort((one, other) => one.started - other.started);
    let bytes = all.reduce((sum, one) => sum + one.bytes, 0);
    let removed = 0;
    for (const recording of all) {
      if (recording.started >= oldest && bytes <= mostBytes) break;
      if (recording.open) continue;
      await this.remove(recording);
      bytes -= recording.bytes;
      removed++;
    }
    return removed;
  }

  /** Undefined for what is none, or has no file. `whole`: measures one that has no end noted. */
  async #read(folder: string, id: string, whole = true): Promise<StoredRecording | undefined> {
    if (!isRecordingId(id)) return undefined;
    const text = await readFile(join(folder, `${id}.json`), "utf8").catch(() => undefined);
    const facts = text === undefined ? undefined : parseFacts(text);
    if (facts === undefined || facts.id !== id) return undefined;
    const path = join(folder, `${id}.${facts.container}`);
    const state = await stat(path).catch(() => undefined);
    if (state === undefined) return undefined;
    const { seconds } = facts;
    if (seconds !== undefined) return { ...facts, path, seconds, bytes: state.size, open: false };
    const fragments = whole && facts.container === "mp4" ? (await this.index(path))?.fragments : undefined;
    const last = fragments?.at(-1);
    const measured =
      last === undefined ? (state.mtimeMs - facts.started) / 1_000 : last.start + last.duration;
    const open = Date.now() - state.mtimeMs < fresh;
    return { ...facts, path, seconds: Math.max(0, measured), bytes: state.size, open };
  }
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
