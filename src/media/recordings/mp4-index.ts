import { open, readFile, rename, writeFile } from "node:fs/promises";
import { boxHead, fragmentTracks, timescalesIn } from "../package/box-reader.ts";

/** A movie fragment of an MP4 file. Times in s from the beginning of the file. */
export interface StoredFragment {
  readonly at: number;
  readonly end: number;
  readonly start: number;
  readonly duration: number;
  readonly key: boolean;
}

/** Where everything is in an MP4 file. */
export interface RecordingIndex {
  /** Bytes of `ftyp` and `moov`. */
  readonly header: Uint8Array;
  readonly timescales: ReadonlyMap<number, number>;
  readonly fragments: readonly StoredFragment[];
}

/** A `moof` of our own is shorter by far. */
const longestHead = 4 << 20;

/** Reads an MP4 file up to the first box that is not whole, which the end of a killed process is. Undefined for what is none. */
export async function readIndex(path: string): Promise<RecordingIndex | undefined> {
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

/** Writes an index to a file of its own, whole or not at all. */
export async function writeIndex(path: string, index: RecordingIndex): Promise<void> {
  const { header, timescales, fragments } = index;
  const text = JSON.stringify({
    header: Buffer.from(header).toString("base64"),
    timescales: [...timescales],
    fragments: fragments.map(({ at, end, start, duration, key }) => [at, end, start, duration, key]),
  });
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** What {@link writeIndex} has written; undefined where there is nothing of that kind. */
export async function readWrittenIndex(path: string): Promise<RecordingIndex | undefined> {
  try {
    const { header, timescales, fragments } = JSON.parse(await readFile(path, "utf8")) as WrittenIndex;
    return {
      header: Buffer.from(header, "base64"),
      timescales: new Map(timescales),
      fragments: fragments.map(([at, end, start, duration, key]) => ({ at, end, start, duration, key })),
    };
  } catch {
    return undefined;
  }
}

interface WrittenIndex {
  readonly header: string;
  readonly timescales: readonly (readonly [number, number])[];
  readonly fragments: readonly (readonly [number, number, number, number, boolean])[];
}
