import { parseRtcp, type ReportBlock } from "../../wire/rtp/rtcp.ts";
import { bye, compound, senderReport, sourceDescription } from "../../wire/rtp/rtcp-writer.ts";
import type { SealedPayload } from "../../wire/srtp/sender.ts";
import type { ViewedTrack } from "../negotiated.ts";
import { AudioTrack } from "./audio-track.ts";
import type { Layer } from "./layer.ts";
import { highestWished, LayerChoice, type Step } from "./layer-choice.ts";
import { OutgoingSource } from "./outgoing-source.ts";
import type { PacketStore } from "./packet-store.ts";
import type { ForwardCounters, ForwardOptions, LayerWish, MediaSender } from "./ports.ts";
import type { Incoming } from "./publisher.ts";
import { RateMeter } from "./rate-meter.ts";
import type { StoredPacket } from "./stored-packet.ts";
import { TokenBucket } from "./token-bucket.ts";
import { type TrackOwner, VideoTrack } from "./video-track.ts";

/** Ms between sender reports, and between decisions about layers. */
const [reportInterval, decisionInterval] = [1_000, 250];
/** How soon a sender report is tried again that has nothing to tell yet. ms */
const reportRetry = 50;
/** How long sender reports wait for the publisher's, in ms; then arrival stands for its clock. */
const clockPatience = 3_000;
/** RTCP of one viewer: compounds, packets asked for again, and keyframes asked for, a second and at once. */
const [rtcpRate, rtcpBurst, nackRate, nackBurst, keyframeRate, keyframeBurst] = [
  50, 100, 1_000, 2_000, 0.5, 4,
];
/**
 * Repeats: a share of what the viewer gets, at least so much, and at once, in bytes. Browsers take reordering for loss: where packets of a frame
 * overtake each other they ask for a third of all, and a request that is refused keeps the picture standing for another 100 ms.
 */
const [repeatShare, leastRepeats, repeatBurst] = [0.5, 16_000, 64_000];
/** A round trip before it was measured, and the least and greatest pause between repeats of a packet. ms */
const [firstRoundTrip, leastPause, greatestPause] = [60, 10, 500];
/** Sender reports whose time of sending is remembered. */
const rememberedReports = 8;
/** Adds a plausible year to a clock that counts from anywhere: 2020 in ms since 1900. */
const epoch = 3_786_825_600_000;

/** How much of the video a viewer gets when the worker has too much to do. */
export type Shed = "none" | "lowest layer" | "no video";

/** What is sent to one viewer, and what it says about that. */
export class Viewer implements TrackOwner {
  readonly number: number;
  readonly #sender: MediaSender;
  readonly #options: ForwardOptions;
  readonly #counters: ForwardCounters;
  readonly #audio: AudioTrack[] = [];
  readonly #video: VideoTrack[] = [];
  readonly #choices: LayerChoice[] = [];
  /** Of each video track: whether its first decision by measured rates was made. */
  readonly #settled: boolean[] = [];
  readonly #rtcp: TokenBucket;
  readonly #nacks: TokenBucket;
  readonly #keyframes: TokenBucket;
  readonly #repeats: TokenBucket;
  readonly #rate = new RateMeter();
  readonly #reports: { middle: number; at: number }[] = [];
  #bytes = 0;
  #wish: LayerWish = {};
  #shed: Shed = "none";
  #roundTrip = firstRoundTrip;
  #reportAt: number;
  #decideAt: number;
  #dueAt: number;
  readonly #since: number;

  constructor(
    number: number,
    tracks: readonly ViewedTrack[],
    sender: MediaSender,
    options: ForwardOptions,
    counters: ForwardCounters,
    now: number,
  ) {
    this.number = number;
    this.#sender = sender;
    this.#options = options;
    this.#counters = counters;
    this.#rtcp = new TokenBucket(rtcpRate, rtcpBurst, now);
    this.#nacks = new TokenBucket(nackRate, nackBurst, now);
    this.#keyframes = new TokenBucket(keyframeRate, keyframeBurst, now);
    this.#repeats = new TokenBucket(leastRepeats, repeatBurst, now);
    this.#since = now;
    this.#reportAt = now;
    this.#decideAt = now + decisionInterval;
    this.#dueAt = now;
    for (const track of tracks) {
      const source = new OutgoingSource(track, sender, options, counters);
      if (track.kind === "audio") this.#audio.push(new AudioTrack(source));
      else {
        this.#video.push(new VideoTrack(source, sender, counters, this));
        this.#choices.push(new LayerChoice());
        this.#settled.push(false);
      }
    }
  }

  /** The rid of the layer that is sent; undefined before the first keyframe. */
  get rid(): string | undefined {
    return this.#video[0]?.layer?.rid;
  }

  /** The highest temporal layer that is sent. */
  get temporal(): number | undefined {
    return this.#video[0]?.temporal;
  }

  /** The last measured round trip, in ms. */
  get roundTrip(): number {
    return this.#roundTrip;
  }

  /** Bits per second that leave for it, without repeats. */
  get bitrate(): number {
    return this.#rate.rate;
  }

  /** Takes what the publisher sends by now. */
  layersChanged(incoming: Incoming, now: number): void {
    this.#audio.forEach((track, n) => {
      const layer = incoming.audio[n]?.layers[0];
      if (layer !== undefined) track.join(layer);
    });
    for (let n = 0; n < this.#video.length; n++) {
      const track = this.#video[n];
      const { layer } = track ?? {};
      if (layer === undefined || layer.stopped) {
        this.#settled[n] = false;
        this.#decide(n, incoming, now);
      }
    }
  }

  prefer(wish: LayerWish, incoming: Incoming, now: number): void {
    this.#wish = wish;
    this.#decideAll(incoming, now);
  }

  shed(shed: Shed, incoming: Incoming, now: number): void {
    if (shed === this.#shed) return;
    this.#shed = shed;
    this.#decideAll(incoming, now);
  }

  /** Sends what its layers have gathered. The picture comes first: sound, which is shorter, can end the same message of the system's. */
  take(now: number): void {
    for (let n = 0; n < this.#video.length; n++) this.#video[n]?.take(now);
    for (let n = 0; n < this.#audio.length; n++) this.#audio[n]?.take(now);
  }

  rtcp(bytes: Uint8Array, now: number): void {
    if (!this.#rtcp.take(1, now)) {
      this.#counters.rtcpOverRate++;
      return;
    }
    const packets = parseRtcp(bytes);
    if (packets === undefined) {
      this.#counters.malformedRtcp++;
      return;
    }
    for (const packet of packets)
      switch (packet.type) {
        case "rr":
        case "sr":
          for (const report of packet.reports) this.#reported(report, now);
          break;
        case "remb":
          for (const choice of this.#choices) choice.estimate(packet.bitrate / this.#choices.length, now);
          break;
        case "pli":
          this.#keyframe(packet.media, now);
          break;
        case "fir":
          for (const media of packet.media) this.#keyframe(media, now);
          break;
        case "nack":
          this.#nack(packet.media, packet.lost, now);
      }
  }

  /** When `tick` has something to do. A stream of many viewers asks before it calls. */
  get dueAt(): number {
    return this.#dueAt;
  }

  layerChanged(layer: Layer): void {
    this.#options.layerChanged?.(this.number, layer.rid);
  }

  needsTick(): void {
    this.#dueAt = Number.NEGATIVE_INFINITY;
  }

  /** Sends what waits, decides and reports, where it is time. Before `dueAt` it does nothing. */
  tick(incoming: Incoming, now: number): void {
    if (now < this.#dueAt) return;
    this.#dueAt = Number.POSITIVE_INFINITY;
    for (const track of this.#video) track.tick(now);
    if (now >= this.#decideAt) {
      this.#decideAt = now + decisionInterval;
      this.#measure(now);
      this.#decideAll(incoming, now);
    }
    if (now >= this.#reportAt) {
      this.#reportAt = now + (this.#report(incoming.clocksKnown, now) ? reportInterval : reportRetry);
    }
    this.#dueAt = Math.min(this.#dueAt, this.#decideAt, this.#reportAt);
  }

  /** Says goodbye for all that was sent, and takes no more. */
  leave(): void {
    const tracks = [...this.#audio, ...this.#video];
    for (const track of tracks) track.leave();
    const ssrcs = tracks.flatMap(({ source }) => (source.packets > 0 ? [source.track.ssrc] : []));
    const [first] = ssrcs;
    if (first !== undefined)
      this.#sender.rtcp(
        compound([emptyReport(first), sourceDescription(first, this.#options.cname), bye(ssrcs)]),
      );
  }

  #measure(now: number): void {
    let bytes = 0;
    for (const { source } of this.#video) bytes += source.bytes;
    for (const { source } of this.#audio) bytes += source.bytes;
    this.#rate.add(bytes - this.#bytes);
    this.#bytes = bytes;
    this.#rate.tick(now);
    this.#repeats.rate = Math.max(leastRepeats, (repeatShare * this.#rate.rate) / 8);
  }

  #decideAll(incoming: Incoming, now: number): void {
    for (let n = 0; n < this.#video.length; n++) this.#decide(n, incoming, now);
  }

  #decide(n: number, incoming: Incoming, now: number): void {
    const track = this.#video[n];
    const choice = this.#choices[n];
    if (track === undefined || choice === undefined) return;
    if (this.#shed === "no video") {
      track.choose(undefined, 0, 0, now);
      return;
    }
    // Without the descriptor a decoder takes the spatial layers of one picture for pictures.
    const described = track.source.track.extensions.dependencyDescriptor !== undefined;
    const steps = (described ? incoming.video[n]?.steps : incoming.video[n]?.plainSteps) ?? [];
    if (steps.length === 0) return;
    // Who has too much to do starts no encoder.
    const lowest = Math.max(
      0,
      steps.findIndex(({ layer }) => layer.flows(now)),
    );
    const highest = this.#shed === "lowest layer" ? lowest : highestWished(steps, this.#wish);
    const measured = steps.every(({ rate }) => rate > 0);
    const current = track.sending || track.target !== undefined ? stepOf(steps, track) : -1;
    let step: number;
    if (current < 0 || (measured && this.#settled[n] !== true)) {
      step = choice.start(steps, highest, this.#options.startBitrate, now);
      this.#settled[n] = measured;
    } else step = choice.next(steps, current, highest, now);
    const chosen = steps[step];
    if (chosen !== undefined) {
      const { whole, spatial: upTo, layer } = chosen;
      // The first picture comes from a layer that flows: an encoder takes a while to start.
      if (layer.startsEncoder(now) && !track.sending && track.target !== undefined && track.target !== layer)
        return;
      const all = whole && (described || layer.head?.codec.name === "vp9");
      const spatial = all ? Number.POSITIVE_INFINITY : upTo;
      track.choose(chosen.layer, topOf(chosen), spatial, now);
    }
  }

  #reported(report: ReportBlock, now: number): void {
    const at = this.#video.findIndex(({ source }) => source.track.ssrc === report.ssrc);
    const track =
      at >= 0 ? this.#video[at] : this.#audio.find(({ source }) => source.track.ssrc === report.ssrc);
    if (track === undefined) return;
    track.source.heard();
    if (at >= 0) this.#choices[at]?.loss(report.fractionLost / 256);
    const sent =
      report.lastReport === 0 ? undefined : this.#reports.find(({ middle }) => middle === report.lastReport);
    if (sent === undefined) return;
    const roundTrip = now - sent.at - report.sinceLastReport / 65.536;
    if (roundTrip >= 0 && roundTrip < 10_000) this.#roundTrip = roundTrip;
  }

  #keyframe(media: number, now: number): void {
    const track = this.#video.find(({ source }) => source.track.ssrc === media);
    if (track === undefined) return;
    if (this.#keyframes.take(1, now)) track.wantKeyframe();
    else this.#counters.rtcpOverRate++;
  }

  #nack(media: number, lost: readonly number[], now: number): void {
    if (!this.#nacks.take(lost.length, now)) {
      this.#counters.rtcpOverRate++;
      return;
    }
    const pause = Math.min(greatestPause, Math.max(leastPause, this.#roundTrip));
    const video = this.#video.find(({ source }) => source.track.ssrc === media);
    if (video !== undefined) {
      const storeOf = (serial: number): PacketStore | undefined => video.layerOf(serial)?.store;
      const missing = video.source.repeat(lost, storeOf, itself, this.#repeats, pause, now);
      if (missing > 0) this.#keyframe(media, now);
      return;
    }
    const audio = this.#audio.find(({ source }) => source.track.ssrc === media);
    const storeOf = (serial: number): PacketStore | undefined => audio?.layerOf(serial)?.store;
    audio?.source.repeat(lost, storeOf, audio.payloadOf, this.#repeats, pause, now);
  }

  /** Sender reports of all tracks on one clock: the publisher's, so that sound and picture stay together. False where there is nothing to tell. */
  #report(clocksKnown: boolean, now: number): boolean {
    const reports: Uint8Array[] = [];
    const descriptions: Uint8Array[] = [];
    if (!clocksKnown && now - this.#since < clockPatience) return false;
    for (const track of [...this.#audio, ...this.#video]) {
      const { layer, source } = track;
      const head = layer?.head;
      if (layer === undefined || head === undefined || source.packets === 0) continue;
      const { clock } = layer;
      const ntp = clocksKnown ? clock.ntpAt(now) : epoch + now;
      const timestamp = clocksKnown
        ? clock.timestampAt(ntp)
        : head.timestamp + Math.round(((now - head.arrival) * clock.rate) / 1_000);
      const { ssrc } = source.track;
      const ntpSeconds = Math.floor(ntp / 1_000);
      const ntpFraction = Math.floor(((ntp / 1_000) % 1) * 2 ** 32);
      const { packets, bytes } = source;
      reports.push(
        senderReport({
          ...{ ssrc, ntpSeconds, ntpFraction, packets: packets % 2 ** 32, bytes: bytes % 2 ** 32 },
          timestamp: track.outgoing(timestamp),
        }),
      );
      descriptions.push(sourceDescription(ssrc, this.#options.cname));
      const middle = (((ntpSeconds & 0xffff) << 16) | (ntpFraction >>> 16)) >>> 0;
      if (this.#reports.at(-1)?.middle !== middle) this.#reports.push({ middle, at: now });
    }
    if (reports.length === 0) return false;
    while (this.#reports.length > rememberedReports) this.#reports.shift();
    this.#sender.rtcp(compound([...reports, ...descriptions]));
    return true;
  }
}

const itself = (packet: StoredPacket): SealedPayload => packet;

/** A report that says nothing, for a compound to begin with (RFC 3550 §6.1). */
function emptyReport(ssrc: number): Uint8Array {
  return Uint8Array.of(0x80, 201, 0, 1, ssrc >>> 24, ssrc >>> 16, ssrc >>> 8, ssrc);
}

/** Where a track stands: at what it sends, or is to send. */
function stepOf(steps: readonly Step[], track: VideoTrack): number {
  const layer = track.target ?? track.layer;
  const { targetTemporal, targetSpatial } = track;
  return steps.findLastIndex(
    (step) => step.layer === layer && step.spatial <= targetSpatial && step.temporal <= targetTemporal,
  );
}

/** Every temporal layer, also those that are still to come, where the step has all of its layer. */
function topOf({ layer, temporal }: Step): number {
  return temporal >= layer.highestTemporal ? Number.POSITIVE_INFINITY : temporal;
}
