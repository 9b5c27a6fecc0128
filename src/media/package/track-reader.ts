import type { Layer, LayerViewer } from "../forward/layer.ts";
import { primaryBlock } from "../forward/redundant-audio.ts";
import type { StoredPacket } from "../forward/stored-packet.ts";
import { Av1Pictures } from "./av1.ts";
import { H264Pictures } from "./h264.ts";
import { opusFormat, opusGap, opusSamples } from "./opus.ts";
import { type Frame, timescales } from "./sample-format.ts";
import { type StreamClock, TrackClock } from "./stream-clock.ts";
import { Vp8Pictures } from "./vp8.ts";
import { Vp9Pictures } from "./vp9.ts";

/** A frame, and when it is shown, in units of its track's timescale. */
export interface TimedFrame extends Frame {
  readonly time: number;
  /** Of the packets of a publisher's picture. */
  readonly timestamp?: number;
}

/** A picture longer than this is none, in bytes and packets. */
const [mostBytes, mostPackets] = [8 << 20, 8_192];
/** So many pictures in the wrong order are B-frames. */
const fewReordered = 8;

/** Why a track can't be packaged. */
export type TrackFault = "codec" | "reordered";

interface Pictures {
  take(payloads: readonly Uint8Array[]): Frame | undefined;
}

/** Puts the packets of a video layer together to pictures. Behind a loss it goes on with the next keyframe, and asks for that. */
export class VideoReader implements LayerViewer {
  slot = -1;
  taken = 0;
  readonly #layer: Layer;
  readonly #frame: (frame: TimedFrame) => void;
  readonly #fault: (fault: TrackFault, codec: string) => void;
  readonly #clock: TrackClock;
  #pictures: Pictures | undefined;
  #codec = "";
  #payloads: Uint8Array[] = [];
  #bytes = 0;
  #timestamp = 0;
  #arrival = 0;
  #expected = -1;
  /** A packet is missing, and no keyframe has come since. */
  #broken = true;
  #reordered = 0;

  constructor(
    layer: Layer,
    clock: StreamClock,
    frame: (frame: TimedFrame) => void,
    fault: (fault: TrackFault, codec: string) => void,
  ) {
    this.#layer = layer;
    this.#frame = frame;
    this.#fault = fault;
    this.#clock = new TrackClock(clock, timescales.video);
    layer.attach(this);
    layer.wantKeyframe();
  }

  begin(): void {}

  /** What came after all went on without it is of no use here. */
  late(): void {}

  /** Reads no more. */
  leave(): void {
    this.#layer.detach(this);
  }

  forward(packet: StoredPacket): void {
    if (packet.codec.name !== this.#codec) this.#begin(packet.codec.name);
    if (this.#payloads.length > 0 && packet.timestamp !== this.#timestamp) this.#finish();
    if (packet.number !== this.#expected) this.#lost();
    this.#expected = packet.number + 1;
    if (this.#payloads.length === 0) {
      this.#timestamp = packet.timestamp;
      this.#arrival = packet.arrival;
    }
    this.#payloads.push(packet.bytes);
    this.#bytes += packet.length;
    if (this.#bytes > mostBytes || this.#payloads.length > mostPackets) this.#lost();
    if (packet.marker) this.#finish();
  }

  #begin(codec: string): void {
    this.#codec = codec;
    this.#pictures = undefined;
    if (codec === "h264") this.#pictures = new H264Pictures();
    else if (codec === "av1") this.#pictures = new Av1Pictures();
    else if (codec === "vp8") this.#pictures = new Vp8Pictures();
    else if (codec === "vp9") this.#pictures = new Vp9Pictures();
    else this.#fault("codec", codec);
    this.#lost();
  }

  /** Drops what is there of a picture. */
  #lost(): void {
    this.#broken = true;
    this.#payloads = [];
    this.#bytes = 0;
    this.#layer.wantKeyframe();
  }

  #finish(): void {
    const payloads = this.#payloads;
    this.#payloads = [];
    this.#bytes = 0;
    const picture = this.#pictures?.take(payloads);
    // Parameter sets may come alone, ahead of their picture: nothing is missing then.
    if (picture === undefined) return;
    if (this.#broken && !picture.key) {
      this.#layer.wantKeyframe();
      return;
    }
    this.#broken = false;
    const { clock } = this.#layer;
    const time = this.#clock.at(this.#timestamp, clock, this.#arrival, picture.key);
    if (time !== undefined) this.#frame({ ...picture, time, timestamp: this.#timestamp });
    else if (++this.#reordered === fewReordered) this.#fault("reordered", this.#codec);
  }
}

/** A gap of sound is closed from here on, in samples of 48 kHz; one that is longer than the second is left open. */
const [mostDrift, longestGap] = [1_920, 30 * 48_000];

/** Puts the packets of a sound track in order, one directly behind the other: what was lost is filled, and the clock's drift made up for. */
export class AudioReader implements LayerViewer {
  slot = -1;
  taken = 0;
  readonly #layer: Layer;
  readonly #frame: (frame: TimedFrame) => void;
  readonly #clock: TrackClock;
  #next: number | undefined;
  #number = -1;
  #toc = 0xfc;

  constructor(layer: Layer, clock: StreamClock, frame: (frame: TimedFrame) => void) {
    this.#layer = layer;
    this.#frame = frame;
    this.#clock = new TrackClock(clock, timescales.audio);
    layer.attach(this);
  }

  begin(): void {}

  late(): void {}

  leave(): void {
    this.#layer.detach(this);
  }

  forward(packet: StoredPacket): void {
    if (packet.codec.name !== "opus") return;
    const payload = packet.payloadType === packet.codec.red ? primaryBlock(packet) : packet;
    if (payload === undefined) return;
    const data = payload.bytes.subarray(payload.at, payload.at + payload.length);
    const samples = opusSamples(data);
    // A packet that comes after later ones has been filled in for already.
    if (samples === undefined || packet.number <= this.#number) return;
    const follows = packet.number === this.#number + 1;
    this.#number = packet.number;
    const time = this.#clock.at(packet.timestamp, this.#layer.clock, packet.arrival, true);
    if (time === undefined) return;
    this.#place(time, follows);
    if (this.#next !== undefined && time < this.#next - mostDrift) return;
    const at = this.#next ?? time;
    this.#next = at + samples;
    this.#toc = data[0] ?? 0;
    this.#frame({ data: data.slice(), key: true, format: opusFormat, time: at });
  }

  /** Fills the time up to `time`, if that is long enough to be heard. */
  #place(time: number, follows: boolean): void {
    if (this.#next === undefined) return;
    const gap = opusGap(this.#toc);
    if (time - this.#next > longestGap) this.#next = time;
    const least = follows ? mostDrift : gap.samples / 2;
    if (time - this.#next < least) return;
    while (time - this.#next >= gap.samples / 2) {
      this.#frame({ data: gap.data, key: true, format: opusFormat, time: this.#next });
      this.#next += gap.samples;
    }
  }
}
