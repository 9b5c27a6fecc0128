import { fragment, type Sample } from "./fragment.ts";
import { type SampleFormat, sameFormat, timescales } from "./sample-format.ts";
import { silence } from "./silence.ts";
import type { TimedFrame } from "./track-reader.ts";

/** A part of a segment (RFC 8216bis §4.4.4.9). Times in s of media time. */
export interface Part {
  readonly segment: number;
  readonly part: number;
  readonly start: number;
  readonly duration: number;
  /** Begins with a keyframe. */
  readonly independent: boolean;
  /** No more parts of this segment. */
  readonly last: boolean;
  /** Something is missing between the part before it and this one. */
  readonly discontinuity: boolean;
  /** The number of the init segment that it goes with. */
  readonly init: number;
  readonly bytes: Uint8Array;
}

export interface SegmenterPorts {
  /** What the parts from now on are, with the number of its init segment. */
  format(format: SampleFormat, init: number): void;
  part(part: Part): void;
}

/** Parts are no longer than this, unless a single picture stands longer. s */
export const partTarget = 0.2;
/** A segment ends at the first keyframe after the first of these, or at the second. s */
export const segmentTarget = 2;
const longestSegment = 3;
/** A part of sound may be so much shorter, since its frames are what they are. s */
const soundTolerance = 0.012;
/** A picture moves by so much at most, and only where pictures are that far from each other. s */
const mostSnap = 0.15;
/** A picture that stands longer is shown for so long only; sound that ended earlier than that is not filled up. s */
const [longestFrame, longestSilence] = [1, 2];

/** Players wait for a whole segment, so the first one ends soon: at a keyframe after the first of these, or at the second. s */
const [firstTarget, longestFirst] = [0.5, 1];

/**
 * Cuts one track into parts and segments. A segment ends at the first keyframe after 2 s, or without one after 3 s. Every part but a segment's
 * last one is of the same length: the picture next to the end of a part moves there, by half of its duration at most.
 */
export class Segmenter {
  readonly kind: "audio" | "video";
  readonly #ports: SegmenterPorts;
  readonly #scale: number;
  /** Pictures can be moved in time; sound can't. */
  readonly #snaps: boolean;
  #format: SampleFormat | undefined;
  #init = -1;
  #segment = 0;
  #part = 0;
  #segmentStart = 0;
  #partStart = 0;
  #samples: Sample[] = [];
  #pending: TimedFrame | undefined;
  #discontinuity = false;
  #sequence = 0;

  constructor(kind: "audio" | "video", ports: SegmenterPorts) {
    this.kind = kind;
    this.#ports = ports;
    this.#scale = timescales[kind];
    this.#snaps = kind === "video";
  }

  /** How long the current segment may get before it ends with a keyframe. s */
  get target(): number {
    return this.#segment === 0 ? firstTarget : segmentTarget;
  }

  get #longest(): number {
    return this.#segment === 0 ? longestFirst : longestSegment;
  }

  /** How old the current segment is, in s of media time. */
  get age(): number {
    return this.#pending === undefined ? 0 : (this.#pending.time - this.#segmentStart) / this.#scale;
  }

  add(frame: TimedFrame): void {
    if (this.#pending === undefined) {
      if (!frame.key) return;
      this.#begin(frame);
      return;
    }
    const before = this.#snaps ? this.#snapBack(this.#pending, frame) : this.#pending;
    let { time } = frame;
    const end = Math.round(this.#partStart + partTarget * this.#scale);
    const early = this.#snaps ? (time - before.time) / 2 : soundTolerance * this.#scale;
    const partEnds = time >= end - early;
    const age = (time - this.#segmentStart) / this.#scale;
    const another = this.#format === undefined || !sameFormat(frame.format, this.#format);
    const segmentEnds = another || (frame.key && age >= this.target - 0.05);
    const snaps = this.#snaps && partEnds && Math.abs(time - end) <= mostSnap * this.#scale;
    // A segment's last part may be shorter, but not longer.
    if (snaps && (time > end || !segmentEnds)) time = end;
    time = Math.max(time, before.time + 1);
    this.#push(before, Math.min(time - before.time, longestFrame * this.#scale));
    if (segmentEnds) this.#close(true, time);
    else if (partEnds) this.#close(age >= this.#longest - partTarget / 2, time);
    if (another && !frame.key) {
      this.#pending = undefined;
      return;
    }
    if (another) this.#use(frame.format);
    this.#pending = { ...frame, time };
  }

  /** The part may have ended at the picture before, which was early: that shows once the next one is far behind the part's end. */
  #snapBack(before: TimedFrame, frame: TimedFrame): TimedFrame {
    const end = Math.round(this.#partStart + partTarget * this.#scale);
    const last = this.#samples.at(-1);
    const nearer = Math.abs(before.time - end) < (frame.time - before.time) / 2 && frame.time > end;
    const far = end - before.time > mostSnap * this.#scale;
    if (last === undefined || before.time >= end || far || end - before.time >= frame.time - end || !nearer)
      return before;
    this.#samples[this.#samples.length - 1] = { ...last, duration: end - last.time };
    const age = (end - this.#segmentStart) / this.#scale;
    this.#close(age >= this.#longest - partTarget / 2, end);
    return { ...before, time: end };
  }

  /** When the newest frame ends, in s of media time, as far as one can tell; undefined where there is none since the last interruption. */
  get end(): number | undefined {
    return this.#pending && (this.#pending.time + this.#usual) / this.#scale;
  }

  /** How long the newest frame lasts, which only the next one would tell: as long as the one before it. */
  get #usual(): number {
    return this.#samples.at(-1)?.duration ?? 0.02 * this.#scale;
  }

  /** Ends what is there. What comes next doesn't follow it. `until`: sound that ends a little before this time, in s, goes on as silence. */
  interrupt(until = 0): void {
    this.#fill(until);
    const before = this.#pending;
    if (before === undefined) return;
    this.#push(before, this.#usual);
    this.#close(true, before.time);
    this.#pending = undefined;
    this.#discontinuity = true;
  }

  #fill(until: number): void {
    const { end } = this;
    const format = this.#format;
    if (end === undefined || format?.kind !== "audio" || until - end > longestSilence) return;
    const filling = silence(format);
    if (filling === undefined) return;
    const { data, samples } = filling;
    for (let time = Math.round(end * this.#scale); time < until * this.#scale; time += samples)
      this.add({ data, key: true, format, time });
  }

  #begin(frame: TimedFrame): void {
    if (this.#format === undefined || !sameFormat(frame.format, this.#format)) this.#use(frame.format);
    this.#segmentStart = frame.time;
    this.#partStart = frame.time;
    this.#pending = frame;
  }

  #use(format: SampleFormat): void {
    this.#format = format;
    this.#init++;
    this.#ports.format(format, this.#init);
  }

  #push({ data, key, time }: TimedFrame, duration: number): void {
    this.#samples.push({ data, key, time, duration: Math.max(1, Math.round(duration)) });
  }

  /** Ends the part, and the segment with it where it is the last one. The next one begins at `time`. */
  #close(last: boolean, time: number): void {
    const samples = this.#samples;
    const [first] = samples;
    if (first === undefined) return;
    const final = samples.at(-1) ?? first;
    this.#samples = [];
    this.#ports.part({
      segment: this.#segment,
      part: this.#part,
      start: first.time / this.#scale,
      duration: (final.time + final.duration - first.time) / this.#scale,
      independent: first.key,
      last,
      discontinuity: this.#discontinuity,
      init: this.#init,
      bytes: fragment(++this.#sequence, [{ track: 1, samples }]),
    });
    this.#discontinuity = false;
    this.#partStart = time;
    this.#part++;
    if (!last) return;
    this.#segment++;
    this.#part = 0;
    this.#segmentStart = time;
  }
}
