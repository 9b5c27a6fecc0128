import { fragment, type Sample, type TrackRun } from "./fragment.ts";
import { initSegment } from "./init-segment.ts";
import { opusFormat } from "./opus.ts";
import { sameFormat, timescales, type VideoFormat } from "./sample-format.ts";
import type { TimedFrame } from "./track-reader.ts";
import { webmCluster, webmHeader } from "./webm.ts";

/** What is written at once, in s: what is lost where the process is killed. */
const fragmentTarget = 1;

/** The content of a file: one picture size, and sound. MP4 in fragments, or WebM for VP8 and VP9; each piece makes the file longer, and playable. */
export class Recording {
  readonly container: "mp4" | "webm";
  readonly codecs: readonly string[];
  /** Media time at which it begins, in s. */
  readonly start: number;
  /** The first bytes of the file. */
  readonly header: Uint8Array;
  readonly #video: VideoFormat | undefined;
  #pictures: TimedFrame[] = [];
  #sounds: TimedFrame[] = [];
  #sequence = 0;
  #end: number;

  /** `first`: a keyframe, or sound where there is no picture. */
  constructor(first: TimedFrame, sound: boolean) {
    this.#video = first.format.kind === "video" ? first.format : undefined;
    this.container = this.#video?.codec === "vp8" || this.#video?.codec === "vp9" ? "webm" : "mp4";
    this.start = first.time / timescales[first.format.kind];
    this.#end = this.start;
    const formats = [...(this.#video ? [this.#video] : []), ...(sound || !this.#video ? [opusFormat] : [])];
    this.codecs = formats.map(({ name }) => name);
    this.header =
      this.container === "mp4"
        ? initSegment(formats)
        : webmHeader(this.#video, sound ? opusFormat : undefined);
  }

  /** How long it is so far, in s. */
  get seconds(): number {
    return this.#end - this.start;
  }

  /** True for a picture that belongs into the same file. */
  fits(frame: TimedFrame): boolean {
    return this.#video !== undefined && sameFormat(this.#video, frame.format);
  }

  /** Answers what is to be written, when it is time to. */
  picture(frame: TimedFrame): Uint8Array | undefined {
    const last = this.#pictures.at(-1);
    // A later time than the one before it, whatever the clock was corrected by.
    this.#pictures.push(
      last !== undefined && frame.time <= last.time ? { ...frame, time: last.time + 1 } : frame,
    );
    this.#end = Math.max(this.#end, frame.time / timescales.video);
    const first = this.#pictures[0]?.time ?? 0;
    return frame.time - first >= fragmentTarget * timescales.video ? this.#flush(false) : undefined;
  }

  sound(frame: TimedFrame): Uint8Array | undefined {
    if (frame.time < this.start * timescales.audio) return undefined;
    this.#sounds.push(frame);
    const first = this.#sounds[0]?.time ?? 0;
    if (this.#video !== undefined) return undefined;
    this.#end = Math.max(this.#end, frame.time / timescales.audio);
    return frame.time - first >= fragmentTarget * timescales.audio ? this.#flush(false) : undefined;
  }

  /** The last bytes of the file; undefined where nothing is left. */
  finish(): Uint8Array | undefined {
    return this.#flush(true);
  }

  #flush(all: boolean): Uint8Array | undefined {
    const pictures = this.#samples(this.#pictures, timescales.video, all);
    const sounds = this.#samples(this.#sounds, timescales.audio, all);
    this.#pictures = all ? [] : this.#pictures.slice(-1);
    this.#sounds = all ? [] : this.#sounds.slice(-1);
    if (pictures.length === 0 && sounds.length === 0) return undefined;
    if (this.container === "webm") {
      const inMs = (samples: readonly Sample[], scale: number): Sample[] =>
        samples.map((sample) => ({ ...sample, time: (sample.time * 1_000) / scale }));
      return webmCluster(inMs(pictures, timescales.video), inMs(sounds, timescales.audio));
    }
    const audioTrack = this.#video === undefined ? 1 : 2;
    const runs: TrackRun[] = [];
    if (pictures.length > 0) runs.push({ track: 1, samples: pictures });
    if (sounds.length > 0) runs.push({ track: audioTrack, samples: sounds });
    return fragment(++this.#sequence, runs);
  }

  /** Frames with what they last, which the next one tells; the last one waits for it. */
  #samples(frames: readonly TimedFrame[], scale: number, all: boolean): Sample[] {
    const base = Math.round(this.start * scale);
    const samples: Sample[] = [];
    for (const [at, { data, key, time }] of frames.entries()) {
      const next = frames[at + 1];
      if (next === undefined && !all) break;
      const former = samples.at(-1)?.duration ?? scale / 50;
      const duration = next === undefined ? former : Math.max(1, next.time - time);
      samples.push({ data, key, time: Math.max(0, time - base), duration });
    }
    return samples;
  }
}
