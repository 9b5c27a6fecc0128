import { open } from "node:fs/promises";
import { moveFragment } from "../package/box-reader.ts";
import type { RecordingIndex, RecordingStore, StoredFragment, StoredRecording } from "./store.ts";

/** What of one file is in a range of time. */
interface Piece {
  readonly recording: StoredRecording;
  readonly index: RecordingIndex;
  readonly fragments: readonly StoredFragment[];
}

/** What of each MP4 file is between two times (Unix, ms): from the keyframe before the range begins. */
export async function pieces(
  store: RecordingStore,
  recordings: readonly StoredRecording[],
  from: number,
  to: number,
): Promise<Piece[]> {
  const found: Piece[] = [];
  for (const recording of recordings) {
    const index = recording.container === "mp4" ? await store.index(recording.path) : undefined;
    if (index === undefined) continue;
    const time = ({ start }: StoredFragment): number => recording.started + start * 1_000;
    const begin = index.fragments.findLastIndex((one) => one.key && time(one) <= from);
    const fragments = index.fragments.slice(Math.max(0, begin)).filter((one) => time(one) < to);
    if (fragments.length > 0) found.push({ recording, index, fragments });
  }
  return found;
}

/** One MP4 of all pieces: their fragments behind the first one's header, moved to where they belong in time. All headers must be the same. */
export function joined(all: readonly Piece[]): ReadableStream<Uint8Array> {
  const made = fragmentsOf(all);
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await made.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await made.return();
    },
  });
}

async function* fragmentsOf(all: readonly Piece[]): AsyncGenerator<Uint8Array, void, undefined> {
  const [first] = all;
  if (first === undefined) return;
  yield first.index.header;
  const begin = first.recording.started + (first.fragments[0]?.start ?? 0) * 1_000;
  for (const { recording, index, fragments } of all) {
    const shift = (recording.started - begin) / 1_000;
    const file = await open(recording.path, "r");
    try {
      for (const { at, end } of fragments) {
        const bytes = new Uint8Array(end - at);
        await file.read(bytes, 0, bytes.length, at);
        moveFragment(bytes, (track) => shift * (index.timescales.get(track) ?? 0));
        yield bytes;
      }
    } finally {
      await file.close();
    }
  }
}
