import { type ChildProcess, spawn } from "node:child_process";
import { AdtsReader, aacSamples } from "../package/adts.ts";
import { opusFormat } from "../package/opus.ts";
import { timescales } from "../package/sample-format.ts";
import type { TimedFrame } from "../package/track-reader.ts";
import { webmCluster, webmHeader } from "../package/webm.ts";

/** Opus comes by a pipe, AAC leaves by one; nothing else is opened. */
const options = [
  ...["-hide_banner", "-loglevel", "quiet", "-nostdin", "-protocol_whitelist", "pipe", "-fflags", "nobuffer"],
  ...["-probesize", "32", "-analyzeduration", "0", "-f", "matroska", "-i", "pipe:0", "-vn", "-c:a", "aac"],
  ...["-b:a", "128k", "-ar", "48000", "-ac", "2", "-f", "adts", "-flush_packets", "1", "pipe:1"],
];
/** Frames of sound that are handed over at once; bytes that may wait; a gap after which it begins anew, in samples. */
const [together, mostWaiting, longestGap] = [5, 1 << 20, 9_600];
/** How long an encoder that ended isn't started again, ms. */
const pause = 5_000;

/** Sound as AAC, for players that take no Opus: by ffmpeg, where there is one. */
export class AacEncoder {
  readonly #frame: (frame: TimedFrame) => void;
  readonly #program: string;
  readonly #now: () => number;
  #child: ChildProcess | undefined;
  #waiting: TimedFrame[] = [];
  #start = 0;
  #next = 0;
  #resume = 0;

  constructor(program: string, frame: (frame: TimedFrame) => void, now: () => number) {
    this.#program = program;
    this.#frame = frame;
    this.#now = now;
  }

  add(frame: TimedFrame): void {
    if (this.#child !== undefined && Math.abs(frame.time - this.#next) > longestGap) this.stop();
    this.#next = frame.time;
    if (this.#child === undefined) {
      if (this.#now() < this.#resume) return;
      this.#begin(frame.time);
    }
    this.#waiting.push(frame);
    if (this.#waiting.length < together) return;
    const samples = this.#waiting.map(({ data, time }) => {
      const ms = ((time - this.#start) * 1_000) / timescales.audio;
      return { data, key: true, duration: 0, time: ms };
    });
    this.#waiting = [];
    this.#write(webmCluster([], samples));
  }

  /** Ends the encoder. It starts again with the next frame. */
  stop(): void {
    const child = this.#child;
    this.#child = undefined;
    this.#waiting = [];
    child?.kill("SIGKILL");
  }

  #begin(start: number): void {
    this.#start = start;
    const child = spawn(this.#program, options, { stdio: ["pipe", "pipe", "ignore"] });
    this.#child = child;
    const ended = (): void => {
      if (this.#child !== child) return;
      this.#child = undefined;
      this.#waiting = [];
      this.#resume = this.#now() + pause;
    };
    child.on("error", ended);
    child.on("exit", ended);
    child.stdin?.on("error", ended);
    const reader = new AdtsReader();
    // The encoder begins with one frame of its own.
    let time = start - aacSamples;
    child.stdout?.on("data", (chunk: Uint8Array) => {
      const read = reader.push(chunk, (data, format) => {
        if (this.#child === child && time >= start) this.#frame({ data, key: true, format, time });
        time += aacSamples;
      });
      if (!read) child.kill("SIGKILL");
    });
    this.#write(webmHeader(undefined, opusFormat));
  }

  /** An encoder that reads nothing any more is ended. */
  #write(bytes: Uint8Array): void {
    const input = this.#child?.stdin;
    if (input === undefined || input === null) return;
    if (input.writableLength > mostWaiting) {
      this.#resume = this.#now() + pause;
      this.stop();
    } else input.write(bytes);
  }
}
