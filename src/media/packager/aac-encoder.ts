import { type ChildProcess, spawn } from "node:child_process";
import { AdtsReader, aacSamples } from "../package/adts.ts";
import { opusFormat } from "../package/opus.ts";
import { timescales } from "../package/sample-format.ts";
import type { TimedFrame } from "../package/track-reader.ts";
import { webmCluster, webmHeader } from "../package/webm.ts";
import { endEncoder } from "./transcoder.ts";

/** Opus comes by a pipe, AAC leaves by one; nothing else is opened. Where nothing was sent, `aresample` puts silence, so that AAC can be counted. */
const options = [
  ...["-hide_banner", "-loglevel", "quiet", "-nostdin", "-protocol_whitelist", "pipe", "-fflags", "nobuffer"],
  ...[
    "-probesize",
    "32",
    "-analyzeduration",
    "0",
    "-f",
    "matroska",
    "-i",
    "pipe:0",
    "-vn",
    "-af",
    "aresample=async=1",
    "-c:a",
    "aac",
  ],
  ...["-b:a", "128k", "-ar", "48000", "-ac", "2", "-f", "adts", "-flush_packets", "1", "pipe:1"],
];
/** Frames of sound that are handed over at once; bytes that may wait. */
const [together, mostWaiting] = [5, 1 << 20];
/** A gap after which it begins anew, and how far time may go back, in samples. */
const [longestGap, mostBack] = [10 * 48_000, 9_600];
/** How long an encoder that ended isn't started again, how long one may be silent while sound comes, and a pause of the sound that it may sleep through. ms */
const [pause, longestSilence, rest] = [5_000, 20_000, 1_000];

/**
 * Sound as AAC, for players that take no Opus: by ffmpeg, where there is one. One encoder goes on from a publisher to the next: on a busy machine
 * another one would take seconds to begin.
 */
export class AacEncoder {
  readonly #frame: (frame: TimedFrame) => void;
  readonly #program: string;
  readonly #now: () => number;
  #child: ChildProcess | undefined;
  /** An encoder was killed, and its process is still there: another one waits for it to go. */
  #ending = false;
  #waiting: TimedFrame[] = [];
  #start = 0;
  #next = 0;
  #resume = 0;
  /** Sound that is earlier isn't wanted: what is left of the publisher before, and the silence behind it. */
  #wantedFrom = 0;
  #paused = false;
  /** When it was given sound last, and when it gave some back, ms. */
  #addedAt = 0;
  #heardAt = 0;

  constructor(program: string, frame: (frame: TimedFrame) => void, now: () => number) {
    this.#program = program;
    this.#frame = frame;
    this.#now = now;
  }

  add(frame: TimedFrame): void {
    const step = frame.time - this.#next;
    if (this.#child !== undefined && (step > longestGap || step < -mostBack)) this.stop();
    const now = this.#now();
    if (now - this.#addedAt > rest) this.#heardAt = now;
    this.#addedAt = now;
    if (this.#child !== undefined && now - this.#heardAt > longestSilence) this.#giveUp();
    this.#next = frame.time;
    if (this.#paused) this.#wantedFrom = frame.time;
    this.#paused = false;
    if (this.#child === undefined) {
      if (this.#ending || now < this.#resume) return;
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

  /** The publisher has gone: what is left of its sound isn't wanted. Another one may come. */
  pause(): void {
    this.#paused = true;
    this.#wantedFrom = Number.POSITIVE_INFINITY;
  }

  /** Ends the encoder. It starts again with the next frame. */
  stop(): void {
    const child = this.#child;
    this.#child = undefined;
    this.#waiting = [];
    if (child === undefined) return;
    this.#ending = true;
    endEncoder(child, () => {
      this.#ending = false;
    });
  }

  #begin(start: number): void {
    this.#start = start;
    this.#wantedFrom = start;
    this.#heardAt = this.#now();
    const child = spawn(this.#program, options, { stdio: ["pipe", "pipe", "ignore"] });
    this.#child = child;
    const ended = (): void => {
      if (this.#child === child) this.#giveUp();
    };
    child.on("error", ended);
    child.on("exit", ended);
    child.stdin?.on("error", ended);
    const reader = new AdtsReader();
    // The encoder begins with one frame of its own.
    let time = start - aacSamples;
    child.stdout?.on("data", (chunk: Uint8Array) => {
      if (this.#child === child) this.#heardAt = this.#now();
      const read = reader.push(chunk, (data, format) => {
        if (this.#child === child && time >= Math.max(start, this.#wantedFrom))
          this.#frame({ data, key: true, format, time });
        time += aacSamples;
      });
      if (!read) child.kill("SIGKILL");
    });
    this.#write(webmHeader(undefined, opusFormat));
  }

  #write(bytes: Uint8Array): void {
    const input = this.#child?.stdin;
    if (input === undefined || input === null) return;
    if (input.writableLength > mostWaiting) this.#giveUp();
    else input.write(bytes);
  }

  /** Ends an encoder that hangs, or whose process has ended: another one begins a while later. */
  #giveUp(): void {
    this.#resume = this.#now() + pause;
    this.stop();
  }
}
