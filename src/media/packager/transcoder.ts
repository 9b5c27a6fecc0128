import { type ChildProcess, spawn } from "node:child_process";
import { FlvReader } from "../package/flv-reader.ts";
import { sameFormat, timescales, type VideoFormat } from "../package/sample-format.ts";
import type { TimedFrame } from "../package/track-reader.ts";
import { webmCluster, webmHeader } from "../package/webm.ts";
import { renditionBitrate } from "../packaging.ts";
import { type EncoderChoice, type H264Encoder, software } from "./h264-encoder.ts";

/** Pictures come by a pipe; nothing else is opened. One thread for the decoder: each further one keeps a picture back. */
const input = [
  ...["-hide_banner", "-loglevel", "quiet", "-nostdin", "-protocol_whitelist", "pipe"],
  ...["-probesize", "32", "-analyzeduration", "0", "-threads", "1", "-f", "matroska", "-i", "pipe:0"],
];
/** The encoder makes a keyframe of each that comes. */
const keyframes = ["-g", "9999", "-force_key_frames", "source"];
const written = ["-f", "flv", "-flush_packets", "1"];
/** The first pipe for an output beside the standard one. */
const firstPipe = 3;

/** The options of an output: the pictures as large as they come where `height` is 0. */
function output({ name, filters, options }: H264Encoder, height: number, pipe: number): string[] {
  const rate = renditionBitrate(height);
  const bounded = height === 0 ? [] : ["-b:v", `${rate}`, "-maxrate", `${rate}`, "-bufsize", `${rate}`];
  const chain = [...(height === 0 ? [] : [`scale=-2:${height}`]), ...filters];
  return [
    ...["-map", "0:v:0", ...(chain.length === 0 ? [] : ["-vf", chain.join()])],
    ...["-an", "-enc_time_base", "1:1000", "-c:v", name, ...options, ...keyframes, ...bounded],
    ...[...written, `pipe:${pipe}`],
  ];
}

/** Bytes that may wait for the encoder; how long it may be silent while pictures come, ms; and a gap after which it begins anew, in s. */
const [mostWaiting, longestSilence, longestGap] = [8 << 20, 8_000, 10];
/** How long an encoder that ended isn't started again: doubled with each that has made nothing. ms */
const [firstPause, longestPause] = [1_000, 60_000];
/** How soon it is looked again which encoder there is, ms. */
const probePause = 100;
/** Encoders in a row that make nothing, until it is said that there is no way. */
const mostFailures = 3;

/** Kills an encoder, and calls back once its process has gone, which takes a while on a busy machine. Calls back at once where it never began. */
export function endEncoder(child: ChildProcess, gone: () => void): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
    gone();
    return;
  }
  child.once("exit", gone);
  child.kill("SIGKILL");
}

/** How many encoders there may be at a time. */
export class TranscoderPool {
  readonly most: number;
  #used = 0;

  constructor(most: number) {
    this.most = most;
  }

  /** True where there was room: it is taken. */
  take(): boolean {
    if (this.#used >= this.most) return false;
    this.#used++;
    return true;
  }

  free(): void {
    this.#used--;
  }
}

interface TranscoderOptions {
  readonly program: string;
  readonly pool: TranscoderPool;
  readonly now: () => number;
  readonly encoders: EncoderChoice;
  /** A picture as H.264, of that height; 0 for as large as it came. */
  frame(frame: TimedFrame, height: number): void;
  /** A keyframe is needed to begin with. */
  wantKeyframe(): void;
  /** It doesn't work, in words. Told again only after it has worked. */
  failed(reason: string): void;
}

/**
 * Pictures of one layer as H.264, by ffmpeg, in one size or several. An encoder that crashes, hangs or falls behind is ended, and another one begins with the next
 * keyframe, but not before the process of the former one has gone: there is never more than one.
 */
export class Transcoder {
  readonly #options: TranscoderOptions;
  #child: ChildProcess | undefined;
  /** An encoder was killed, and its process is still there. */
  #ending = false;
  /** Pictures that wait for it to go, from a keyframe on. */
  #held: { readonly frame: TimedFrame; readonly heights: readonly number[] }[] = [];
  #heldBytes = 0;
  #format: VideoFormat | undefined;
  /** What it makes. */
  #heights = "";
  /** Media time of the encoder's first picture, and of the newest one, in the timescale of video. */
  #start = 0;
  #newest = 0;
  #heardAt = 0;
  #resume = 0;
  #failures = 0;

  constructor(options: TranscoderOptions) {
    this.#options = options;
  }

  /** `heights`: the sizes to make of it, even numbers; 0 for as large as it comes. */
  add(frame: TimedFrame, heights: readonly number[] = [0]): void {
    const { format, time, key, data } = frame;
    if (format.kind !== "video") return;
    const jumped = Math.abs(time - this.#newest) > longestGap * timescales.video || time < this.#newest;
    const another = this.#format === undefined || !sameFormat(format, this.#format);
    const others = heights.join() !== this.#heights;
    if (this.#child !== undefined && (jumped || (key && (another || others)))) this.stop();
    if (this.#ending) {
      this.#hold(frame, heights);
      return;
    }
    if (this.#child === undefined) {
      if (this.#options.now() < this.#resume) return;
      if (!key) {
        this.#options.wantKeyframe();
        return;
      }
      if (!this.#begin(format, time, heights)) return;
    }
    this.#newest = time;
    const ms = ((time - this.#start) * 1_000) / timescales.video;
    this.#write(webmCluster([{ data, key, duration: 0, time: ms }], []));
  }

  /** Ends an encoder that hangs. Call now and then. */
  tick(): void {
    const now = this.#options.now();
    if (this.#child === undefined || now - this.#heardAt < longestSilence) return;
    this.stop();
    this.#ended("ffmpeg makes no pictures");
  }

  /** Ends the encoder. It starts again with the next keyframe. */
  stop(): void {
    this.#dropHeld();
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    this.#ending = true;
    endEncoder(child, () => {
      this.#ending = false;
      this.#options.pool.free();
      const held = this.#held;
      this.#dropHeld();
      for (const { frame, heights } of held) this.add(frame, heights);
    });
  }

  #hold(frame: TimedFrame, heights: readonly number[]): void {
    if (frame.key || this.#heldBytes > mostWaiting) this.#dropHeld();
    if (!frame.key && this.#held.length === 0) return;
    this.#held.push({ frame, heights });
    this.#heldBytes += frame.data.length;
  }

  #dropHeld(): void {
    this.#held = [];
    this.#heldBytes = 0;
  }

  #begin(format: VideoFormat, start: number, heights: readonly number[]): boolean {
    const { program, pool, now, frame, encoders } = this.#options;
    // One that failed from the start may have no room: hardware takes so many at a time.
    const encoder = this.#failures > 0 ? software : encoders.encoder;
    if (program !== "" && encoder === undefined) {
      this.#resume = now() + probePause;
      return false;
    }
    if (program === "" || encoder === undefined) {
      this.#none("ffmpeg is missing");
      return false;
    }
    if (!pool.take()) {
      this.#none("as many streams are transcoded as may be");
      return false;
    }
    this.#format = format;
    this.#heights = heights.join();
    this.#start = start;
    this.#heardAt = now();
    const outputs = heights.map((height, n) => output(encoder, height, n === 0 ? 1 : firstPipe + n - 1));
    const pipes = heights.slice(1).map(() => "pipe" as const);
    const child = spawn(program, [...encoder.device, ...input, ...outputs.flat()], {
      stdio: ["pipe", "pipe", "ignore", ...pipes],
    });
    this.#child = child;
    const ended = (): void => {
      if (this.#child !== child) return;
      this.stop();
      this.#ended("ffmpeg ended by itself");
    };
    child.on("error", ended);
    child.on("exit", ended);
    child.stdin?.on("error", ended);
    for (const [n, height] of heights.entries()) {
      const reader = new FlvReader();
      const stream = n === 0 ? child.stdout : child.stdio[firstPipe + n - 1];
      stream?.on("error", ended);
      stream?.on("data", (chunk: Uint8Array) => {
        if (this.#child !== child) return;
        const read = reader.push(chunk, (picture, ms) => {
          this.#heardAt = now();
          this.#failures = 0;
          frame({ ...picture, time: start + Math.round((ms * timescales.video) / 1_000) }, height);
        });
        if (!read) ended();
      });
    }
    this.#write(webmHeader(format, undefined));
    return true;
  }

  #write(bytes: Uint8Array): void {
    const input = this.#child?.stdin;
    if (input === undefined || input === null) return;
    if (input.writableLength > mostWaiting) {
      this.stop();
      this.#ended("ffmpeg is too slow");
    } else input.write(bytes);
  }

  #ended(reason: string): void {
    const pause = Math.min(longestPause, firstPause * 2 ** this.#failures);
    this.#resume = this.#options.now() + pause;
    this.#failures++;
    if (this.#failures === mostFailures) this.#options.failed(reason);
  }

  #none(reason: string): void {
    this.#resume = this.#options.now() + firstPause;
    this.#options.failed(reason);
  }
}
