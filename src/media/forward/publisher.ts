import { readU16 } from "../../wire/bytes.ts";
import { findExtension, transportSequence } from "../../wire/rtp/extensions.ts";
import { parseRtp, type RtpHeader } from "../../wire/rtp/packet.ts";
import { parseRtcp, type ReportBlock } from "../../wire/rtp/rtcp.ts";
import {
  compound,
  fullIntra,
  genericNack,
  maximumBitrate,
  pictureLoss,
  receiverReport,
  sourceDescription,
} from "../../wire/rtp/rtcp-writer.ts";
import { extendSequence } from "../../wire/rtp/sequence.ts";
import { TransportFeedback } from "../../wire/rtp/transport-feedback.ts";
import type { OpenedRtp } from "../../wire/srtp/receiver.ts";
import type { AgreedCodec, PublishedTrack } from "../negotiated.ts";
import { Layer } from "./layer.ts";
import { ladder, type Step } from "./layer-choice.ts";
import { mostPayload } from "./outgoing-source.ts";
import type { ForwardCounters, ForwardOptions, MediaSender } from "./ports.ts";
import { Renditions } from "./renditions.ts";
import { type BoundSource, codecOf, repairOf, SourceTable } from "./source-table.ts";
import { StoredPacket } from "./stored-packet.ts";
import { TokenBucket } from "./token-bucket.ts";

/** Ms between reports, between messages of transport-wide feedback, and between keyframe requests for a layer at least. */
const [reportInterval, feedbackInterval, keyframeInterval] = [1_000, 75, 500];
/** A packet is asked for again after this much of a round trip, within these bounds in ms. */
const [jitterFactor, leastAgain, longestAgain] = [1.5, 30, 200];
/** Keyframe requests that go unanswered before FIR takes the place of PLI. */
const unanswered = 2;
/** The SSRC that our reports come from: we send the publisher no media. */
const ourSsrc = 1;

interface LayerState {
  readonly layer: Layer;
  readonly codec: AgreedCodec;
  requestedAt: number;
  requests: number;
}

/** A track of a publisher and its layers. */
interface IncomingTrack {
  readonly track: PublishedTrack;
  /** In the order in which they appeared. */
  readonly layers: Layer[];
  /** What a viewer can be sent of it, from the least to the most; and one who takes no dependency descriptor. */
  steps: readonly Step[];
  plainSteps: readonly Step[];
}

/** What a publisher sends, as viewers take it. */
export interface Incoming {
  readonly audio: readonly IncomingTrack[];
  readonly video: readonly IncomingTrack[];
  /** True where every source's sender reports are known, so that they can be told on one clock. */
  readonly clocksKnown: boolean;
}

/** Ms between looks at which layers there are, and at how much they take. */
const stepInterval = 250;

/** The publisher's end of a stream: takes its packets apart into layers, and tells it what is lost, wanted and received. */
export class Publisher implements Incoming {
  readonly #tracks: readonly IncomingTrack[];
  readonly audio: readonly IncomingTrack[];
  readonly video: readonly IncomingTrack[];
  readonly #sender: MediaSender;
  readonly #options: ForwardOptions;
  readonly #counters: ForwardCounters;
  /** A layer came up, or another one took its place. */
  readonly #layersChanged: (now: number) => void;
  readonly #gather: (() => void) | undefined;
  readonly #renditions: Renditions | undefined;
  readonly #table: SourceTable;
  readonly #states = new Map<number, LayerState>();
  readonly #transportId: number | undefined;
  readonly #feedback = new TransportFeedback();
  readonly #remb: boolean;
  readonly #budget: TokenBucket;
  #stepsAt: number;
  #feedbackAt: number;
  #reportAt: number;
  #fir = 0;

  /** `gather`: for each {@link Layer}. `ladder`: heights of the smaller sizes that are made where there is one layer. */
  constructor(
    tracks: readonly PublishedTrack[],
    sender: MediaSender,
    options: ForwardOptions,
    counters: ForwardCounters,
    layersChanged: (now: number) => void,
    now: number,
    gather?: () => void,
    ladder: readonly number[] = [],
  ) {
    this.#gather = gather;
    this.#tracks = tracks.map((track) => ({ track, layers: [], steps: [], plainSteps: [] }));
    this.audio = this.#tracks.filter(({ track }) => track.kind === "audio");
    this.video = this.#tracks.filter(({ track }) => track.kind === "video");
    const [video] = this.video;
    const single = video !== undefined && video.track.rids.length <= 1 && video.track.ssrcs.length <= 1;
    if (single && ladder.length > 0)
      this.#renditions = new Renditions(this, ladder, options.renditionsWanted ?? (() => {}), gather);
    this.#sender = sender;
    this.#options = options;
    this.#counters = counters;
    this.#layersChanged = layersChanged;
    this.#table = new SourceTable(tracks);
    const feedback = tracks.some(({ codecs }) => codecs.some(({ transportFeedback }) => transportFeedback));
    this.#transportId = feedback
      ? tracks.find(({ extensions }) => extensions.transportSequence !== undefined)?.extensions
          .transportSequence
      : undefined;
    this.#remb = tracks.some(({ codecs }) => codecs.some(({ remb }) => remb));
    const bytes = (2 * options.publisherBitrate) / 8;
    this.#budget = new TokenBucket(bytes, bytes, now);
    this.#stepsAt = now;
    this.#feedbackAt = now;
    this.#reportAt = now + reportInterval;
  }

  /** All layers of all tracks. */
  get layers(): Layer[] {
    const layers = Array.from(this.#states.values(), ({ layer }) => layer);
    return this.#renditions === undefined ? layers : [...layers, ...this.#renditions.layers];
  }

  get clocksKnown(): boolean {
    let known = false;
    for (const { layer } of this.#states.values()) {
      if (layer.stopped || layer.head === undefined) continue;
      if (!layer.clock.known) return false;
      known = true;
    }
    return known;
  }

  rtp({ packet, index }: OpenedRtp, now: number): void {
    const counters = this.#counters;
    counters.received++;
    const header = parseRtp(packet);
    if (header === undefined || header.payloadBytes > mostPayload) {
      counters.malformed++;
      return;
    }
    if (!this.#budget.take(packet.length, now)) {
      counters.overRate++;
      return;
    }
    if (this.#transportId !== undefined) {
      const sequence = transportSequence(findExtension(packet, header, this.#transportId));
      if (sequence !== undefined) this.#feedback.received(sequence, now);
    }
    const known = this.#table.get(header.ssrc);
    const bound = known ?? this.#table.bind(packet, header);
    const incoming = bound === undefined ? undefined : this.#tracks[bound.track];
    if (bound === undefined || incoming === undefined) counters.unknownSource++;
    else if (bound.repair) this.#repaired(incoming, bound, packet, header, now);
    else this.#media(incoming, bound, packet, header, index, now);
  }

  rtcp(bytes: Uint8Array, now: number): void {
    const packets = parseRtcp(bytes);
    if (packets === undefined) {
      this.#counters.malformedRtcp++;
      return;
    }
    for (const packet of packets) {
      if (packet.type !== "sr") continue;
      const layer = this.#states.get(packet.ssrc)?.layer;
      if (layer === undefined) continue;
      const { ntpSeconds, ntpFraction } = packet;
      layer.clock.report(ntpSeconds, ntpFraction, packet.timestamp, now);
      layer.reception.senderReport(ntpSeconds, ntpFraction, now);
    }
  }

  /** A packet of a smaller size: see {@link Renditions}. */
  rendition(height: number, packet: OpenedRtp, now: number): void {
    this.#renditions?.rtp(height, packet, now);
  }

  tick(now: number): void {
    this.#renditions?.tick(now);
    const messages: Uint8Array[] = [];
    const { roundTrip } = this.#sender;
    const again =
      roundTrip === undefined
        ? undefined
        : Math.min(longestAgain, Math.max(leastAgain, jitterFactor * roundTrip));
    for (const state of this.#states.values()) {
      const { layer, codec } = state;
      layer.tick(now);
      if (layer.stopped) continue;
      const lost = codec.nack ? layer.losses.due(now, again).map((sequence) => sequence & 0xffff) : [];
      if (lost.length > 0) messages.push(genericNack(ourSsrc, layer.ssrc, lost));
      if (layer.wantsKeyframe && now - state.requestedAt >= keyframeInterval) {
        const request = this.#keyframeRequest(state, now);
        if (request !== undefined) messages.push(request);
      }
    }
    if (now - this.#stepsAt >= stepInterval) this.#step(now);
    if (this.#transportId !== undefined && now - this.#feedbackAt >= feedbackInterval) {
      this.#feedbackAt = now;
      const [first] = this.#states.keys();
      const message = this.#feedback.message(ourSsrc, first ?? 0);
      if (message !== undefined) messages.push(message);
    }
    if (now >= this.#reportAt) {
      this.#reportAt = now + reportInterval;
      if (this.#remb) {
        const ssrcs = [...this.#states.values()].flatMap(({ layer }) => (layer.stopped ? [] : [layer.ssrc]));
        if (ssrcs.length > 0)
          messages.push(maximumBitrate(ourSsrc, this.#options.publisherBitrate, ssrcs.slice(0, 31)));
      }
      this.#send(this.#reports(now), messages);
    } else if (messages.length > 0) this.#send([], messages);
  }

  /** Asks for a keyframe of the layer with this SSRC: viewers of another worker wait for it. */
  wantKeyframe(ssrc: number): void {
    this.#states.get(ssrc)?.layer.wantKeyframe();
  }

  /** The publisher is gone: its layers end. */
  stop(): void {
    for (const { layer } of this.#states.values()) layer.stop();
    this.#renditions?.stop();
  }

  /** A compound begins with a report (RFC 3550 §6.1). */
  #send(reports: readonly ReportBlock[], messages: readonly Uint8Array[]): void {
    const { cname } = this.#options;
    const head = [receiverReport(ourSsrc, reports), sourceDescription(ourSsrc, cname)];
    this.#sender.rtcp(compound([...head, ...messages]));
  }

  #step(now: number): void {
    this.#stepsAt = now;
    for (const track of this.video) {
      track.steps = ladder(track.layers, now);
      track.plainSteps = track.steps.some(isUpper)
        ? track.steps.filter((step) => !isUpper(step))
        : track.steps;
    }
  }

  #reports(now: number): ReportBlock[] {
    const reports: ReportBlock[] = [];
    for (const { layer } of this.#states.values()) {
      const report = layer.stopped ? undefined : layer.reception.report(now);
      if (report !== undefined) reports.push(report);
    }
    return reports;
  }

  #keyframeRequest(state: LayerState, now: number): Uint8Array | undefined {
    const { layer, codec } = state;
    if (!codec.pli && !codec.fir) return undefined;
    state.requestedAt = now;
    state.requests++;
    this.#counters.keyframeRequests++;
    const insist = codec.fir && (!codec.pli || state.requests > unanswered);
    if (!insist) return pictureLoss(ourSsrc, layer.ssrc);
    this.#fir = (this.#fir + 1) & 0xff;
    return fullIntra(ourSsrc, layer.ssrc, this.#fir);
  }

  #media(
    incoming: IncomingTrack,
    bound: BoundSource,
    packet: Uint8Array,
    header: RtpHeader,
    index: number,
    now: number,
  ): void {
    const codec = codecOf(incoming.track, header.payloadType);
    if (codec === undefined) {
      // Padding may come under any payload type.
      if (header.payloadBytes > 0) this.#counters.unknownSource++;
      else this.#states.get(header.ssrc)?.layer.receive(null, index, now);
      return;
    }
    const state = this.#states.get(header.ssrc) ?? this.#open(incoming, bound, header.ssrc, codec, now);
    const { layer } = state;
    layer.reception.packet(index, header.timestamp, now);
    layer.losses.received(index, now);
    this.#receive(state, incoming, codec, packet, header, header.length, index, now);
  }

  /** A retransmission (RFC 4588 §4): the original sequence number stands ahead of the original payload. */
  #repaired(
    incoming: IncomingTrack,
    { rid }: BoundSource,
    packet: Uint8Array,
    header: RtpHeader,
    now: number,
  ): void {
    const codec = repairOf(incoming.track, header.payloadType);
    const layer = incoming.layers.find((one) => one.rid === rid);
    const state = layer && this.#states.get(layer.ssrc);
    // Without a payload it is padding.
    if (codec === undefined || state === undefined || header.payloadBytes <= 2) return;
    const index = extendSequence(readU16(packet, header.length), state.layer.highestIndex);
    if (index < 0 || !state.layer.misses(index)) return;
    this.#counters.recovered++;
    state.layer.losses.received(index, now);
    this.#receive(state, incoming, codec, packet, header, header.length + 2, index, now);
  }

  #receive(
    state: LayerState,
    { track }: IncomingTrack,
    codec: AgreedCodec,
    packet: Uint8Array,
    header: RtpHeader,
    from: number,
    index: number,
    now: number,
  ): void {
    const end = header.length + header.payloadBytes;
    if (from >= end) {
      state.layer.receive(null, index, now);
      return;
    }
    const { extensions } = track;
    const stored = new StoredPacket(packet.slice(from, end), {
      codec,
      payloadType: header.payloadType === codec.repair ? codec.payloadType : header.payloadType,
      marker: header.marker,
      timestamp: header.timestamp,
      arrival: now,
      dependency: extensionOf(packet, header, extensions.dependencyDescriptor)?.slice(),
      orientation: extensionOf(packet, header, extensions.videoOrientation)?.[0],
      audioLevel: extensionOf(packet, header, extensions.audioLevel)?.[0],
    });
    if (stored.key) state.requests = 0;
    state.layer.receive(stored, index, now);
  }

  #open(
    incoming: IncomingTrack,
    { rid }: BoundSource,
    ssrc: number,
    codec: AgreedCodec,
    now: number,
  ): LayerState {
    const layer = new Layer(this, incoming.track.kind, rid, ssrc, codec.clockRate, this.#gather);
    const state = { layer, codec, requestedAt: Number.NEGATIVE_INFINITY, requests: 0 };
    this.#states.set(ssrc, state);
    const at = incoming.layers.findIndex((one) => one.rid === rid);
    if (at < 0) incoming.layers.push(layer);
    else {
      // The publisher sends the layer under another SSRC from now on.
      incoming.layers[at]?.stop();
      incoming.layers[at] = layer;
    }
    if (this.#renditions !== undefined && incoming === this.video[0])
      incoming.layers.splice(1, incoming.layers.length, ...this.#renditions.follow(layer, now));
    this.#step(now);
    this.#layersChanged(now);
    return state;
  }
}

/** A spatial layer above the lowest one that only the dependency descriptor tells from the others. */
function isUpper({ spatial, layer }: Step): boolean {
  return spatial > 0 && layer.head?.codec.name !== "vp9";
}

function extensionOf(packet: Uint8Array, header: RtpHeader, id: number | undefined): Uint8Array | undefined {
  if (id === undefined || header.extensionProfile === undefined) return undefined;
  const value = findExtension(packet, header, id);
  return value === undefined || value.length === 0 ? undefined : value;
}
