import { box, concat, fullBox, u32, u64 } from "./boxes.ts";

/** One picture, or one packet of sound, as it stands in a fragment. Times in units of the track's timescale. */
export interface Sample {
  readonly data: Uint8Array;
  readonly time: number;
  readonly duration: number;
  readonly key: boolean;
}

/** Samples of one track that follow each other. */
export interface TrackRun {
  /** From 1, in the order of the init segment. */
  readonly track: number;
  readonly samples: readonly Sample[];
}

/** Sample flags (ISO/IEC 14496-12 §8.8.3.1): depends on no other; depends on others, and is no sync sample. */
const [keyFlags, otherFlags] = [0x02000000, 0x01010000];

/** A movie fragment: `moof` and `mdat` (ISO/IEC 14496-12 §8.8). Each run has one sample at least. */
export function fragment(sequence: number, runs: readonly TrackRun[]): Uint8Array {
  // All offsets have fixed lengths, so a first `moof` tells how long the second one is.
  const { length } = movieFragment(sequence, runs, 0);
  const data = runs.flatMap(({ samples }) => samples.map((sample) => sample.data));
  return concat([movieFragment(sequence, runs, length + 8), box("mdat", ...data)]);
}

function movieFragment(sequence: number, runs: readonly TrackRun[], offset: number): Uint8Array {
  let at = offset;
  const tracks = runs.map(({ track, samples }) => {
    const start = at;
    for (const { data } of samples) at += data.length;
    const table = samples.flatMap(({ data, duration, key }) => [
      ...[duration, data.length, key ? keyFlags : otherFlags],
    ]);
    return box(
      "traf",
      fullBox("tfhd", 0, 0x020000, u32(track)),
      fullBox("tfdt", 1, 0, u64(samples[0]?.time ?? 0)),
      fullBox("trun", 0, 0x000701, u32(samples.length, start), u32(...table)),
    );
  });
  return box("moof", fullBox("mfhd", 0, 0, u32(sequence)), ...tracks);
}
