import { moveFragment } from "../package/box-reader.ts";
import type { RecordingIndex, StoredFragment } from "./mp4-index.ts";
import type { RecordingStore, StoredRecording } from "./store.ts";

/** Bytes that are read at once. */
const together = 4 << 20;

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
    const index = await store.index(recording);
    if (index === undefined) continue;
    const time = ({ start }: StoredFragment): number => recording.started + start * 1_000;
    const begin = index.fragments.findLastIndex((one) => one.key && time(one) <= from);
    const fragments = index.fragments.slice(Math.max(0, begin)).filter((one) => time(one) < to);
    if (fragments.length > 0) found.push({ recording, index, fragments });
  }
  return found;
}

/** One MP4 of all pieces: their fragments behind the first one's header, moved to where they belong in time. All headers must be the same. */
export function joined(store: RecordingStore, all: readonly Piece[]): ReadableStream<Uint8Array> {
  const made = fragmentsOf(store, all);
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

async function* fragmentsOf(
  store: RecordingStore,
  all: readonly Piece[],
): AsyncGenerator<Uint8Array, void, undefined> {
  const [first] = all;
  if (first === undefined) return;
  yield first.index.header;
  const begin = first.recording.started + (first.fragments[0]?.start ?? 0) * 1_000;
  for (const { recording, index, fragments } of all) {
    const shift = (recording.started - begin) / 1_000;
    for (const run of runs(fragments)) {
      const from = run[0]?.at ?? 0;
      const read = await store.bytes(recording, from, run.at(-1)?.end ?? from);
      for (const { at, end } of run) {
        const bytes = read.subarray(at - from, end - from);
        moveFragment(bytes, (track) => shift * (index.timescales.get(track) ?? 0));
      }
      yield read;
    }
  }
}

/** Fragments that lie one behind the other, and are read at once. */
function runs(fragments: readonly StoredFragment[]): StoredFragment[][] {
  const found: StoredFragment[][] = [];
  for (const fragment of fragments) {
    const run = found.at(-1);
    const follows = run?.at(-1)?.end === fragment.at && fragment.end - (run[0]?.at ?? 0) <= together;
    if (run !== undefined && follows) run.push(fragment);
    else found.push([fragment]);
  }
  return found;
}
