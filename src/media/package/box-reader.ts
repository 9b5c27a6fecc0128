import { readU32, writeU32 } from "../../wire/bytes.ts";

/** A box as it lies in memory or in a file. */
export interface BoxAt {
  readonly type: string;
  /** Where it begins, where its content begins, and where it ends. */
  readonly at: number;
  readonly content: number;
  readonly end: number;
}

/** The head of a box at the beginning of the bytes: 16 of them are enough. Undefined for fewer than it takes, or for a malformed one. */
export function boxHead(bytes: Uint8Array, at: number, offset = 0): BoxAt | undefined {
  if (at + 8 > bytes.length) return undefined;
  let size = readU32(bytes, at);
  const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
  let head = 8;
  if (size === 1) {
    if (at + 16 > bytes.length) return undefined;
    size = readU32(bytes, at + 8) * 2 ** 32 + readU32(bytes, at + 12);
    head = 16;
  }
  if (size < head || size > Number.MAX_SAFE_INTEGER / 2) return undefined;
  return { type, at: offset + at, content: offset + at + head, end: offset + at + size };
}

/** The boxes between two places, up to the first one that is not whole. Never throws. */
export function boxesIn(bytes: Uint8Array, from = 0, to = bytes.length): BoxAt[] {
  const found: BoxAt[] = [];
  const end = Math.min(to, bytes.length);
  for (let at = from; at < end; ) {
    const box = boxHead(bytes, at);
    if (box === undefined || box.end > end) break;
    found.push(box);
    at = box.end;
  }
  return found;
}

/** When a track begins in a movie fragment, in units of its timescale, and how long it lasts there. */
export interface FragmentTrack {
  readonly track: number;
  readonly time: number;
  readonly duration: number;
  /** True where it begins with a keyframe. */
  readonly key: boolean;
  /** Where the 64 bits of its time are. */
  readonly timeAt: number;
}

/** The tracks of a `moof` box that {@link fragment} has written; a malformed one has none. Never throws. */
export function fragmentTracks(moof: Uint8Array): FragmentTrack[] {
  const [box] = boxesIn(moof);
  if (box?.type !== "moof") return [];
  return boxesIn(moof, box.content, box.end).flatMap((part) => {
    if (part.type !== "traf") return [];
    const inner = boxesIn(moof, part.content, part.end);
    const of = (type: string): BoxAt | undefined => inner.find((one) => one.type === type);
    const [header, start, run] = [of("tfhd"), of("tfdt"), of("trun")];
    if (header === undefined || start === undefined || run === undefined) return [];
    if (header.end - header.content < 8 || start.end - start.content < 12 || run.end - run.content < 12)
      return [];
    const timeAt = start.content + 4;
    const time = readU32(moof, timeAt) * 2 ** 32 + readU32(moof, timeAt + 4);
    const count = Math.min(readU32(moof, run.content + 4), Math.floor((run.end - run.content - 12) / 12));
    let duration = 0;
    for (let sample = 0; sample < count; sample++) duration += readU32(moof, run.content + 12 + sample * 12);
    const flags = count === 0 ? 0 : readU32(moof, run.content + 20);
    const key = count > 0 && (flags & 0x10000) === 0;
    return [{ track: readU32(moof, header.content + 4), time, duration, key, timeAt }];
  });
}

/** Moves a movie fragment in time, in place: by so many units for each track. */
export function moveFragment(moof: Uint8Array, by: (track: number) => number): void {
  for (const { track, time, timeAt } of fragmentTracks(moof)) {
    const moved = Math.max(0, Math.round(time + by(track)));
    writeU32(moof, timeAt, Math.floor(moved / 2 ** 32));
    writeU32(moof, timeAt + 4, moved % 2 ** 32);
  }
}

/** The timescales of the tracks of a `moov` box, by their ids. Never throws. */
export function timescalesIn(bytes: Uint8Array, moov: BoxAt): Map<number, number> {
  const found = new Map<number, number>();
  for (const track of boxesIn(bytes, moov.content, moov.end)) {
    if (track.type !== "trak") continue;
    const parts = boxesIn(bytes, track.content, track.end);
    const header = parts.find(({ type }) => type === "tkhd");
    const media = parts.find(({ type }) => type === "mdia");
    const inner = media && boxesIn(bytes, media.content, media.end).find(({ type }) => type === "mdhd");
    if (header === undefined || inner === undefined) continue;
    found.set(readU32(bytes, header.content + 12), readU32(bytes, inner.content + 12));
  }
  return found;
}
