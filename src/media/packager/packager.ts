import { every, now } from "../../net/clock.ts";
import { connectUnix, type LocalStream } from "../../net/unix-socket.ts";
import type { FromPackager, RecordingRules, ToPackager } from "../packaging.ts";
import { frameType } from "../relay/frames.ts";
import { RelayedPublisher } from "../worker/relay.ts";
import { AacEncoder } from "./aac-encoder.ts";
import { packagerFrame } from "./frames.ts";
import { EncoderChoice, software, workingEncoder } from "./h264-encoder.ts";
import { Recorder } from "./recorder.ts";
import { RtmpPush } from "./rtmp-push.ts";
import { TakenStream } from "./taken-stream.ts";
import { Transcoder, TranscoderPool } from "./transcoder.ts";

/** ms */
const tickInterval = 20;
/** Bytes that may wait for the server: beyond that it has no use for them any more. */
const mostBuffered = 128 << 20;

interface Taken {
  readonly stream: TakenStream;
  recorder: Recorder | undefined;
  publisher: string;
  sounds: boolean;
  relayed: RelayedPublisher | undefined;
}

/** Takes streams from media workers, and makes parts and recordings of them. */
export class Packager {
  readonly #taken = new Map<number, Taken>();
  readonly #server: LocalStream;
  readonly #stopTimer: () => void;
  readonly #recordings: RecordingRules;
  readonly #ffmpeg: string;
  readonly #hlsAac: boolean;
  readonly #transcoders: TranscoderPool;
  readonly #encoders: EncoderChoice;
  readonly #pushes = new Map<number, RtmpPush>();
  /** Recordings whose end is being written. */
  readonly #ending = new Set<Promise<void>>();

  constructor(options: Extract<ToPackager, { type: "start" }>, closed: () => void) {
    const { socket, recordings, ffmpeg, hlsAac, transcoders, hardware } = options;
    this.#transcoders = new TranscoderPool(transcoders);
    this.#recordings = recordings;
    this.#ffmpeg = ffmpeg;
    this.#encoders = new EncoderChoice(
      () => (hardware ? workingEncoder(ffmpeg) : software),
      ({ name }) => this.#tell({ type: "encoder", name }, none),
    );
    this.#hlsAac = hlsAac;
    this.#server = connectUnix(socket, { data: () => {}, closed });
    this.#stopTimer = every(tickInterval, () => {
      const at = now();
      for (const { stream } of this.#taken.values()) stream.tick(at);
      for (const push of this.#pushes.values()) push.tick(at);
    });
  }

  take(message: Extract<ToPackager, { type: "take" }>): void {
    const { take, publisher } = message;
    let taken = this.#taken.get(take);
    if (taken === undefined) {
      const stream = new TakenStream(take, this.#hlsAac, (told, bytes) => this.#tell(told, bytes));
      if (this.#ffmpeg !== "")
        stream.sound = new AacEncoder(this.#ffmpeg, (frame) => stream.soundAs(frame), now);
      const made: Taken = { stream, recorder: undefined, publisher: "", sounds: false, relayed: undefined };
      taken = made;
      this.#taken.set(take, taken);
      stream.toViewers = (height, packet) => made.relayed?.rendition(height, packet);
      if (this.#transcoders.most > 0)
        stream.transcoder = new Transcoder({
          ...{ program: this.#ffmpeg, pool: this.#transcoders, encoders: this.#encoders, now },
          frame: (frame, height) => stream.pictureAs(frame, height),
          wantKeyframe: () => stream.wantKeyframe(),
          failed: (reason) => stream.transcoderFailed(reason),
        });
    }
    const { stream } = taken;
    stream.hls = message.hls;
    stream.ladder = message.ladder;
    stream.renditions = message.renditions;
    if (!message.record && taken.recorder !== undefined) this.#endRecording(taken);
    if (taken.publisher !== publisher) {
      // What the former publisher sent ends before the next one's begins, which may send sound or pictures only.
      this.#endRecording(taken);
      this.#follow(taken, message);
    }
    if (message.record && taken.recorder === undefined) this.#record(taken, message);
  }

  #follow(
    taken: Taken,
    { publisher, from, stream: name, tracks }: Extract<ToPackager, { type: "take" }>,
  ): void {
    const { stream } = taken;
    taken.publisher = publisher;
    taken.sounds = tracks.some(({ kind }) => kind === "audio");
    const former = taken.relayed;
    taken.relayed = RelayedPublisher.follow(from, name, { stream, tracks }, now, () => {}, frameType.observe);
    former?.close();
  }

  #record(taken: Taken, { stream: name, tracks }: Extract<ToPackager, { type: "take" }>): void {
    const has = (wanted: string): boolean => tracks.some(({ kind }) => kind === wanted);
    const kinds = { sound: has("audio"), picture: has("video") };
    const tell = (told: FromPackager): void => this.#tell(told, none);
    taken.recorder = new Recorder(taken.stream, name, kinds, this.#recordings, tell, now);
    taken.stream.sink = taken.recorder;
  }

  #endRecording(taken: Taken): void {
    const { recorder } = taken;
    if (recorder === undefined) return;
    taken.recorder = undefined;
    taken.stream.sink = undefined;
    const ending = recorder.stop().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  push(message: Extract<ToPackager, { type: "push" }>): void {
    const { take, push, address, target } = message;
    const taken = this.#taken.get(take);
    const tell = (state: "live" | "over", reason = ""): void => {
      if (state === "over") this.#pushes.delete(push);
      this.#tell({ type: "push", push, state, reason }, none);
    };
    if (taken === undefined) tell("over", "the stream is over");
    else if (this.#ffmpeg === "" && taken.sounds) tell("over", "RTMP takes sound as AAC: install ffmpeg");
    else {
      const { stream } = taken;
      this.#pushes.set(push, new RtmpPush({ take, stream, address, target, tell }, now()));
    }
  }

  endPush(push: number): void {
    this.#pushes.get(push)?.stop();
    this.#pushes.delete(push);
  }

  leave(take: number): void {
    const taken = this.#taken.get(take);
    if (taken === undefined) return;
    for (const [number, push] of this.#pushes) if (push.take === take) this.endPush(number);
    this.#taken.delete(take);
    taken.relayed?.close();
    taken.stream.end();
    this.#endRecording(taken);
  }

  async stop(): Promise<void> {
    this.#stopTimer();
    for (const take of [...this.#taken.keys()]) this.leave(take);
    await Promise.all(this.#ending);
    this.#server.destroy();
  }

  #tell(message: FromPackager, bytes: Uint8Array): void {
    if (this.#server.buffered < mostBuffered) this.#server.write(packagerFrame(message, bytes));
  }
}

const none = new Uint8Array();
