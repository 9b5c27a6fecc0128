import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { random } from "../../net/crypto.ts";
import { Interleaver } from "../package/interleaver.ts";
import { type SampleFormat, sameFormat, timescales } from "../package/sample-format.ts";
import type { TimedFrame } from "../package/track-reader.ts";
import { audioConfiguration, audioFrame, videoConfiguration, videoFrame } from "../rtmp/flv.ts";
import { RtmpPublisher } from "../rtmp/publisher.ts";
import type { RtmpTarget } from "../rtmp/target.ts";
import type { BroadcastSink, TakenStream } from "./taken-stream.ts";

/** How long the target may take until it takes the stream, ms; and bytes that may wait for it. */
const [patience, mostWaiting] = [15_000, 8 << 20];
const handshakeRandom = 1_528;

interface RtmpPushOptions {
  readonly take: number;
  readonly stream: TakenStream;
  /** Numeric: the host's address, which was allowed. */
  readonly address: string;
  readonly target: RtmpTarget;
  /** `over` is told once, and not after {@link RtmpPush.stop}. */
  tell(state: "live" | "over", reason?: string): void;
}

/** One connection that publishes a stream by RTMP. The first thing that goes wrong ends it. */
export class RtmpPush implements BroadcastSink {
  readonly take: number;
  readonly #options: RtmpPushOptions;
  readonly #socket: Socket;
  readonly #publisher: RtmpPublisher;
  readonly #due: number;
  readonly #frames = new Interleaver<TimedFrame>((frame, time) => this.#send(frame, time));
  #live = false;
  #over = false;
  #rendition: string | undefined;
  /** Media time that is 0 for the target, in s. */
  #start: number | undefined;
  #last = 0;
  #formats: { audio?: SampleFormat; video?: SampleFormat } = {};

  constructor(options: RtmpPushOptions, now: number) {
    const { take, address, target } = options;
    const { host, port, tls } = target;
    this.take = take;
    this.#options = options;
    this.#due = now + patience;
    this.#socket = tls
      ? connectTls({
          host: address,
          port,
          servername: /[a-z]/i.test(host) && !host.includes(":") ? host : "",
        })
      : connect({ host: address, port });
    this.#socket.setNoDelay(true);
    this.#publisher = new RtmpPublisher(
      target,
      {
        send: (bytes) => void this.#socket.write(bytes),
        publishing: () => {
          this.#live = true;
          options.tell("live");
          options.stream.addBroadcast(this);
        },
        failed: (reason) => this.#end(reason),
      },
      Buffer.from(random(handshakeRandom), "base64url"),
    );
    this.#socket.on("data", (bytes: Uint8Array) => this.#publisher.receive(bytes));
    this.#socket.on("error", (error: NodeJS.ErrnoException) =>
      this.#end(`the connection to the target failed: ${error.code ?? error.message.slice(0, 100)}`),
    );
    this.#socket.on("close", () => this.#end("the target closed the connection"));
  }

  tick(now: number): void {
    if (!this.#live && now >= this.#due) this.#end("the target did not take the stream in time");
  }

  /** Ends it, and tells the target. */
  stop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#leave();
  }

  picture(rendition: string, frame: TimedFrame, best: boolean): void {
    if (frame.key && best) this.#rendition = rendition;
    if (rendition === this.#rendition) this.#frames.add("video", frame.time / timescales.video, frame);
  }

  aac(frame: TimedFrame): void {
    this.#frames.add("audio", frame.time / timescales.audio, frame);
  }

  failed(reason: string): void {
    this.#end(reason);
  }

  #send(frame: TimedFrame, time: number): void {
    if (this.#over) return;
    this.#start ??= time;
    const { data, key, format } = frame;
    // Times go on from each other, whatever the clock was corrected by.
    this.#last = Math.max(this.#last, Math.round((time - this.#start) * 1_000));
    const known = this.#formats[format.kind];
    const another = known === undefined || !sameFormat(format, known);
    if (another) {
      this.#formats = { ...this.#formats, [format.kind]: format };
      this.#describe();
    }
    if (format.kind === "video") {
      if (another) this.#publisher.media("video", this.#last, videoConfiguration(format));
      this.#publisher.media("video", this.#last, videoFrame(data, key));
    } else {
      if (another) this.#publisher.media("audio", this.#last, audioConfiguration(format));
      this.#publisher.media("audio", this.#last, audioFrame(data));
    }
    if (this.#socket.writableLength > mostWaiting)
      this.#end("the target takes less than the publisher sends");
  }

  #describe(): void {
    const { video, audio } = this.#formats;
    this.#publisher.metadata({
      ...(video?.kind === "video" && { width: video.width, height: video.height, videocodecid: 7 }),
      ...(audio?.kind === "audio" && {
        ...{ audiocodecid: 10, audiosamplerate: 48_000, audiosamplesize: 16, stereo: audio.channels === 2 },
      }),
      encoder: "Switchboard",
    });
  }

  #end(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#leave();
    this.#options.tell("over", reason);
  }

  #leave(): void {
    this.#options.stream.removeBroadcast(this);
    this.#publisher.end();
    this.#socket.end();
    // What the target doesn't take any more is not waited for.
    setTimeout(() => this.#socket.destroy(), 1_000).unref();
  }
}
