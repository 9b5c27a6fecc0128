import type { OpenedRtp } from "../../wire/srtp/receiver.ts";
import type { Layer } from "../forward/layer.ts";
import { defaultForwardOptions, type MediaSender, newCounters } from "../forward/ports.ts";
import { Publisher } from "../forward/publisher.ts";
import type { PublishedTrack } from "../negotiated.ts";
import { initSegment } from "../package/init-segment.ts";
import { timescales, type VideoFormat } from "../package/sample-format.ts";
import { Segmenter, segmentTarget } from "../package/segmenter.ts";
import { StreamClock } from "../package/stream-clock.ts";
import { AudioReader, type TimedFrame, VideoReader } from "../package/track-reader.ts";
import type { FromPackager } from "../packaging.ts";
import { RenditionPackets } from "./rendition-packets.ts";

/** Frames of a stream, for whoever records them. */
export interface FrameSink {
  /** `best`: of all layers that are sent, this has the largest picture. */
  video(rendition: string, frame: TimedFrame, best: boolean): void;
  audio(frame: TimedFrame): void;
  /** What comes next doesn't follow what came before. */
  interrupted(): void;
}

/** Takes a stream in the formats that older players know. */
export interface BroadcastSink {
  /** A picture of H.264. `best`: of all layers that are sent, this has the largest one. */
  picture(rendition: string, frame: TimedFrame, best: boolean): void;
  /** Sound, as AAC. */
  aac(frame: TimedFrame): void;
  /** There is no H.264, in words. */
  failed(reason: string): void;
}

interface Reading {
  readonly name: string;
  readonly layer: Layer;
  readonly reader: VideoReader | AudioReader;
  height: number;
}

/** Pictures that HLS takes as they are. */
const hlsCodecs: ReadonlySet<string> = new Set(["h264", "av1"]);
/** Without HLS, keyframes are asked for so rarely. s */
const recordingGroup = 4;
/** Keyframes are asked for so long before they are due. s */
const ahead = 0.1;
/** How long sound waits for the first picture, ms; and so many frames of it at most, which is that long by frames of 2.5 ms. */
const [patience, mostEarly] = [2_000, 800];

/** A stream that is packaged: its packets, put together to frames and cut into parts. Pure: time comes in with each call. */
export class TakenStream {
  readonly #take: number;
  readonly #tell: (message: FromPackager, bytes: Uint8Array) => void;
  readonly #clock = new StreamClock();
  readonly #segmenters = new Map<string, Segmenter>();
  readonly #readings = new Map<string, Reading>();
  readonly #lastKey = new Map<string, number>();
  #publisher: Publisher | undefined;
  #hls = false;
  /** Sound of a stream with a picture begins with the picture. */
  #waitsForPicture = false;
  /** Sound that came before the first picture, which is whole only a while after it was taken. */
  #early: TimedFrame[] = [];
  #since = 0;
  sink: FrameSink | undefined;
  /** Takes sound, to give it back as AAC by {@link soundAs}. */
  sound: { add(frame: TimedFrame): void; pause(): void; stop(): void } | undefined;
  /** Takes pictures, to give them back as H.264 by {@link pictureAs}. */
  transcoder:
    | { add(frame: TimedFrame, heights: readonly number[]): void; tick(): void; stop(): void }
    | undefined;
  /** Heights that there may be beside the publisher's own, where that sends one layer only: HLS has all of them. */
  ladder: readonly number[] = [];
  /** Those that viewers by WebRTC have as well, and who takes their packets. */
  #renditions: readonly number[] = [];
  readonly #packets = new Map<number, RenditionPackets>();
  toViewers: ((height: number, packet: OpenedRtp) => void) | undefined;
  /** What is added to media times for timestamps of the layer that is transcoded. */
  #offset = 0;
  #layers = 0;
  /** The layer that it takes, and the codec of that. */
  #transcoded = "";
  #codec = "";
  /** HLS has the sound as AAC too. */
  readonly #hlsAac: boolean;
  readonly #broadcasts = new Set<BroadcastSink>();

  constructor(take: number, hlsAac: boolean, tell: (message: FromPackager, bytes: Uint8Array) => void) {
    this.#take = take;
    this.#hlsAac = hlsAac;
    this.#tell = tell;
  }

  /** Unix time in ms of media time 0. */
  get origin(): number {
    return this.#clock.origin ?? 0;
  }

  /** Whether parts are made for HLS. */
  set hls(wanted: boolean) {
    if (this.#hls !== wanted) this.#segmenters.clear();
    this.#hls = wanted;
    this.#rest();
  }

  /** Heights that viewers by WebRTC need, of the ladder. A keyframe is asked for where there are others than before. */
  set renditions(heights: readonly number[]) {
    if (heights.some((height) => !this.#renditions.includes(height))) this.#wantKeyframes();
    this.#renditions = heights;
    this.#rest();
  }

  /** Gives all that comes from now on to the sink. A keyframe is asked for. */
  addBroadcast(sink: BroadcastSink): void {
    this.#broadcasts.add(sink);
    this.#wantKeyframes();
  }

  #wantKeyframes(): void {
    for (const { layer, reader } of this.#readings.values())
      if (reader instanceof VideoReader) layer.wantKeyframe();
  }

  removeBroadcast(sink: BroadcastSink): void {
    this.#broadcasts.delete(sink);
    this.#rest();
  }

  get #wantsAac(): boolean {
    return this.#broadcasts.size > 0 || (this.#hls && this.#hlsAac);
  }

  /** Ends encoders that nobody needs. */
  #rest(): void {
    if (!this.#wantsAac) this.sound?.stop();
    if (!this.#hls && this.#broadcasts.size === 0 && this.#renditions.length === 0) this.transcoder?.stop();
  }

  setPublisher(tracks: readonly PublishedTrack[], sender: MediaSender, now: number): void {
    this.#interrupt();
    this.#clock.anotherPublisher();
    const publisher: Publisher = new Publisher(
      tracks,
      sender,
      { ...defaultForwardOptions, publisherBitrate: Number.MAX_SAFE_INTEGER },
      newCounters(),
      () => this.#look(publisher, tracks),
      now,
    );
    this.#publisher = publisher;
    const video = tracks.find((track) => track.kind === "video");
    this.#layers = Math.max(1, video?.rids.length ?? 0, video?.ssrcs.length ?? 0);
    this.#waitsForPicture = tracks.some(({ kind }) => kind === "video");
    this.#early = [];
    this.#since = now;
  }

  publisherRtp(packet: OpenedRtp, now: number): void {
    this.#publisher?.rtp(packet, now);
  }

  publisherRtcp(compound: Uint8Array, now: number): void {
    this.#publisher?.rtcp(compound, now);
  }

  tick(now: number): void {
    this.#publisher?.tick(now);
    this.transcoder?.tick();
    for (const { name, layer, reader } of this.#readings.values()) {
      if (!(reader instanceof VideoReader)) continue;
      const key = this.#lastKey.get(name);
      const often = this.#hls || this.#broadcasts.size > 0;
      const group = often ? (this.#segmenters.get(name)?.target ?? segmentTarget) : recordingGroup;
      if (key !== undefined && now - key >= (group - ahead) * 1_000) layer.wantKeyframe();
    }
  }

  /** The stream is over: ends what is there. */
  end(): void {
    this.#interrupt();
    this.sound?.stop();
  }

  /** The publisher has gone: another one may come. */
  #interrupt(): void {
    this.#publisher?.stop();
    this.#publisher = undefined;
    for (const { reader } of this.#readings.values()) reader.leave();
    this.#readings.clear();
    this.#lastKey.clear();
    this.sound?.pause();
    this.transcoder?.stop();
    for (const packets of this.#packets.values()) packets.interrupt();
    // Sound that ends before the picture goes on as silence: the next publisher's picture follows this one's, and at a hole players stall.
    const ends = [...this.#segmenters.values()].map(({ kind, end }) => (kind === "video" ? (end ?? 0) : 0));
    for (const segmenter of this.#segmenters.values()) segmenter.interrupt(Math.max(0, ...ends));
    this.sink?.interrupted();
  }

  /** A layer came up, or another one took its place: each is read once, of the first track of its kind. */
  #look({ video, audio }: Publisher, tracks: readonly PublishedTrack[]): void {
    const rids = tracks.find(({ kind }) => kind === "video")?.rids ?? [];
    for (const layer of video[0]?.layers ?? []) this.#read(layer, `v${Math.max(0, rids.indexOf(layer.rid))}`);
    for (const layer of audio[0]?.layers ?? []) this.#read(layer, "a0");
  }

  #read(layer: Layer, name: string): void {
    const former = this.#readings.get(name);
    if (former?.layer === layer) return;
    former?.reader.leave();
    const reader: Reading["reader"] =
      name === "a0"
        ? new AudioReader(layer, this.#clock, (frame) => this.#frame(name, frame))
        : new VideoReader(
            layer,
            this.#clock,
            (frame) => this.#frame(name, frame),
            (fault, codec) => this.#tell({ type: "fault", take: this.#take, fault, codec }, none),
          );
    this.#readings.set(name, { name, layer, reader, height: 0 });
  }

  #frame(name: string, frame: TimedFrame): void {
    const { kind } = frame.format;
    const reading = this.#readings.get(name);
    if (kind === "audio") {
      const arrival = reading?.layer.head?.arrival ?? 0;
      if (!this.#waitsForPicture || arrival - this.#since >= patience) this.#sound(frame);
      else if (this.#early.push(frame) > mostEarly) this.#early.shift();
      return;
    }
    if (frame.format.kind === "video" && reading !== undefined) {
      reading.height = frame.format.height;
      if (frame.key) this.#lastKey.set(name, reading.layer.head?.arrival ?? 0);
    }
    const best = reading === this.#best(reading);
    this.sink?.video(name, frame, best);
    if (frame.format.codec === "h264")
      for (const broadcast of this.#broadcasts) broadcast.picture(name, frame, best);
    this.#transcode(name, frame, best);
    if (this.#hls && hlsCodecs.has(frame.format.codec)) this.#cut(name, frame);
    if (!this.#waitsForPicture) return;
    this.#waitsForPicture = false;
    const begins = frame.time / timescales.video;
    for (const early of this.#early) if (early.time >= begins * timescales.audio) this.#sound(early);
    this.#early = [];
  }

  #sound(frame: TimedFrame): void {
    this.sink?.audio(frame);
    if (this.#wantsAac) this.sound?.add(frame);
    if (this.#hls) this.#cut("a0", frame);
  }

  /** Has H.264 made of the largest layer, in the sizes that somebody needs. */
  #transcode(name: string, frame: TimedFrame, best: boolean): void {
    const { format } = frame;
    if (format.kind !== "video") return;
    const { codec } = format;
    const whole =
      (this.#broadcasts.size > 0 && codec !== "h264") || (this.#hls && !hlsCodecs.has(codec)) ? [0] : [];
    const ladder = this.#layers === 1 ? this.ladder.filter((height) => this.#makes(height, format)) : [];
    if (whole.length + ladder.length === 0) return;
    if (frame.key && best) {
      this.#transcoded = name;
      this.#codec = codec;
    }
    if (this.transcoder === undefined) {
      if (frame.key)
        this.transcoderFailed(`the publisher sends ${codec}, and nothing makes H.264 of it here`);
    } else if (name === this.#transcoded) {
      if (frame.timestamp !== undefined) this.#offset = frame.timestamp - frame.time;
      this.transcoder.add(frame, [...whole, ...ladder]);
    }
  }

  /** Whether somebody needs that height of the publisher's pictures. Viewers by WebRTC get all sizes in one codec. */
  #makes(height: number, { codec, height: whole }: VideoFormat): boolean {
    return height < whole && (this.#hls || (codec === "h264" && this.#renditions.includes(height)));
  }

  /** A picture as H.264. `height`: of the ladder, or 0. */
  pictureAs(frame: TimedFrame, height: number): void {
    if (height > 0) {
      if (this.#hls) this.#cut(`v${1 + this.ladder.indexOf(height)}`, frame);
      if (this.#renditions.includes(height)) this.#send(frame, height);
      return;
    }
    if (this.#hls && !hlsCodecs.has(this.#codec)) this.#cut("v0", frame);
    for (const broadcast of this.#broadcasts) broadcast.picture("h264", frame, true);
  }

  /** Gives a picture to viewers by WebRTC. */
  #send(frame: TimedFrame, height: number): void {
    const ssrc = this.#readings.get(this.#transcoded)?.layer.ssrc;
    if (ssrc === undefined) return;
    const packets = this.#packets.get(height) ?? new RenditionPackets();
    this.#packets.set(height, packets);
    const timestamp = (frame.time + this.#offset) >>> 0;
    for (const packet of packets.of(frame, timestamp, ssrc)) this.toViewers?.(height, packet);
  }

  /** There will be no H.264 of it, in words. */
  transcoderFailed(reason: string): void {
    const codec = this.#codec;
    if (codec !== "h264") for (const broadcast of [...this.#broadcasts]) broadcast.failed(reason);
    if (!this.#hls) return;
    const fault = hlsCodecs.has(codec) ? "ladder" : "transcoder";
    this.#tell({ type: "fault", take: this.#take, fault, codec, reason }, none);
  }

  /** Asks for a keyframe of the layer that is transcoded. */
  wantKeyframe(): void {
    this.#readings.get(this.#transcoded)?.layer.wantKeyframe();
  }

  /** Sound as AAC. */
  soundAs(frame: TimedFrame): void {
    if (this.#hls && this.#hlsAac) this.#cut("a1", frame);
    for (const broadcast of this.#broadcasts) broadcast.aac(frame);
  }

  #cut(name: string, frame: TimedFrame): void {
    let segmenter = this.#segmenters.get(name);
    if (segmenter === undefined) {
      segmenter = this.#segmenter(name, frame.format.kind);
      this.#segmenters.set(name, segmenter);
    }
    segmenter.add(frame);
  }

  /** The layer with the largest picture of those that are sent. */
  #best(current: Reading | undefined): Reading | undefined {
    const now = current?.layer.head?.arrival ?? 0;
    let best: Reading | undefined;
    for (const reading of this.#readings.values())
      if (reading.reader instanceof VideoReader && reading.layer.active(now))
        if (best === undefined || reading.height > best.height) best = reading;
    return best;
  }

  #segmenter(rendition: string, kind: "audio" | "video"): Segmenter {
    const take = this.#take;
    return new Segmenter(kind, {
      format: (format, init) => {
        const { width, height } = format.kind === "video" ? format : { width: 0, height: 0 };
        const message = { type: "init", take, rendition, kind, init, codec: format.name } as const;
        this.#tell({ ...message, width, height }, initSegment([format]));
      },
      part: ({ bytes, ...part }) => {
        const wall = Math.round(this.origin + part.start * 1_000);
        this.#tell({ type: "part", take, rendition, ...part, wall }, bytes);
      },
    });
  }
}

const none = new Uint8Array();
