import type { AgreedCodec, PublishedTrack } from "../../src/media/negotiated.ts";
import type { TakenStream } from "../../src/media/packager/taken-stream.ts";
import { keyframePayloads, slicePayloads } from "./h264-pictures.ts";

const codec = (name: AgreedCodec["name"], payloadType: number, clockRate: number): AgreedCodec => ({
  ...{ name, payloadType, clockRate, parameters: "", nack: false, pli: true, fir: false },
  ...{ remb: false, transportFeedback: false },
});
const track = (kind: "video" | "audio", codecs: AgreedCodec[], ssrc: number): PublishedTrack => ({
  ...{ kind, mid: kind, codecs, rids: [], ssrcs: [ssrc], repairs: [], extensions: {} },
});
const payloadTypes = { h264: 96, vp8: 97, opus: 111 };

/** A publisher of a stream that is packaged, on a simulated clock: what it sends is up to the test. */
export class PackagedPublisher {
  readonly tracks = [
    track("video", [codec("h264", 96, 90_000), codec("vp8", 97, 90_000)], 11),
    track("audio", [codec("opus", 111, 48_000)], 12),
  ];
  /** ms */
  now = 1_000_000;
  /** Packets of RTCP that it got, such as requests for keyframes. */
  heard = 0;
  readonly #stream: TakenStream;
  readonly #sequences = { video: 0, audio: 0 };
  #tick = 0;

  constructor(stream: TakenStream) {
    this.#stream = stream;
    const sender = { buffered: 0, rtp: () => false, rtcp: () => void this.heard++ };
    stream.setPublisher(this.tracks, sender, this.now);
  }

  /** Sends the packets of a picture. `time` is its timestamp in ms; undefined: now. */
  picture(payloads: readonly Uint8Array[], time = this.now, name: "h264" | "vp8" = "h264"): void {
    for (const [at, payload] of payloads.entries())
      this.packet("video", (time * 90) >>> 0, payloadTypes[name], at === payloads.length - 1, payload);
  }

  sound(payload = Uint8Array.of(0xfc, 1, 2, 3), time = this.now): void {
    this.packet("audio", (time * 48) >>> 0, payloadTypes.opus, false, payload);
  }

  packet(
    kind: "video" | "audio",
    timestamp: number,
    type: number,
    marker: boolean,
    payload: Uint8Array,
  ): void {
    const index = this.#sequences[kind]++;
    const packet = new Uint8Array(12 + payload.length);
    const view = new DataView(packet.buffer);
    packet.set([0x80, type | (marker ? 0x80 : 0)]);
    view.setUint16(2, index & 0xffff);
    view.setUint32(4, timestamp);
    view.setUint32(8, kind === "video" ? 11 : 12);
    packet.set(payload, 12);
    this.#stream.publisherRtp({ packet, ssrc: kind === "video" ? 11 : 12, index }, this.now);
  }

  /** So many ms pass, in steps of 20. */
  pass(ms: number): void {
    for (const end = this.now + ms; this.now < end; ) {
      this.now += 20;
      this.#stream.tick(this.now);
    }
  }

  /** So many seconds of 25 pictures each and sound, as a publisher without faults sends them. `shift`: of their timestamps, ms. */
  send(seconds: number, shift = 0): void {
    for (let n = 0; n < seconds * 25; n++) {
      this.picture(this.#tick % 50 === 0 ? keyframePayloads() : slicePayloads(), this.now + shift);
      this.#tick++;
      for (let half = 0; half < 2; half++) {
        this.sound(undefined, this.now + shift);
        this.pass(20);
      }
    }
  }
}
