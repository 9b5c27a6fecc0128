import type { OpenedRtp } from "../../wire/srtp/receiver.ts";
import type { LayerReport } from "../control.ts";
import type { PublishedTrack, ViewedTrack } from "../negotiated.ts";
import {
  defaultForwardOptions,
  type ForwardCounters,
  type ForwardOptions,
  type GatheredPackets,
  type LayerWish,
  type MediaSender,
  newCounters,
} from "./ports.ts";
import { type Incoming, Publisher } from "./publisher.ts";
import { type Shed, Viewer } from "./viewer.ts";

const nothing: Incoming = { audio: [], video: [], clocksKnown: false };

/**
 * One name: a publisher, its layers, and those who view them. Pure: packets and times in ms come in with each call, and leave by the peers'
 * {@link MediaSender}. Call `tick` each 10 to 20 ms.
 */
export class Stream implements GatheredPackets {
  readonly counters: ForwardCounters = newCounters();
  readonly #options: ForwardOptions;
  #publisher: Publisher | undefined;
  /** In the order in which they came. */
  readonly #viewers: Viewer[] = [];
  /** The place of the viewer that is given packets next. */
  #next = 0;
  /** The number of the next viewer, where its owner has none for it. */
  #added = 1;
  #shed = 0;

  constructor(options: Partial<ForwardOptions> = {}) {
    this.#options = { ...defaultForwardOptions, ...options };
  }

  get viewers(): number {
    return this.#viewers.length;
  }

  get live(): boolean {
    return this.#publisher !== undefined;
  }

  /**
   * Takes a publisher, in place of another one too: viewers notice nothing but a keyframe. Packets of the other one must not be given any
   * longer. `ladder`: heights of the smaller sizes that are made where the publisher sends one size.
   */
  setPublisher(
    tracks: readonly PublishedTrack[],
    sender: MediaSender,
    now: number,
    ladder: readonly number[] = [],
  ): void {
    this.publisherGone();
    const changed = (at: number): void => this.#layersChanged(at);
    const gather = this.#options.gather && (() => this.#options.gather?.(this));
    this.#publisher = new Publisher(
      tracks,
      sender,
      this.#options,
      this.counters,
      changed,
      now,
      gather,
      ladder,
    );
  }

  /** A packet of a smaller size, of H.264, with SSRC and timestamp of the layer that it is made of. */
  rendition(height: number, packet: OpenedRtp, now: number): void {
    this.#publisher?.rendition(height, packet, now);
  }

  /** `packet`: read during the call only. */
  publisherRtp(packet: OpenedRtp, now: number): void {
    this.#publisher?.rtp(packet, now);
  }

  publisherRtcp(compound: Uint8Array, now: number): void {
    this.#publisher?.rtcp(compound, now);
  }

  /** Asks the publisher for a keyframe of the layer with this SSRC, when it may be. */
  wantKeyframe(ssrc: number): void {
    this.#publisher?.wantKeyframe(ssrc);
  }

  /** The publisher is away; viewers stay, and go on with the next one. */
  publisherGone(): void {
    this.#publisher?.stop();
    this.#publisher = undefined;
  }

  /** `number`: names it to `layerChanged`, and no other viewer of the stream. */
  addViewer(tracks: readonly ViewedTrack[], sender: MediaSender, now: number, number = this.#added): Viewer {
    this.#added++;
    const viewer = new Viewer(number, tracks, sender, this.#options, this.counters, now);
    this.#viewers.push(viewer);
    if (this.#shed > 0) this.#applyShed(now);
    viewer.layersChanged(this.#incoming, now);
    return viewer;
  }

  removeViewer(viewer: Viewer, now: number): void {
    const at = this.#viewers.indexOf(viewer);
    if (at < 0) return;
    this.#viewers.splice(at, 1);
    if (at < this.#next) this.#next--;
    viewer.leave();
    if (this.#shed > 0) this.#applyShed(now);
  }

  prefer(viewer: Viewer, wish: LayerWish, now: number): void {
    viewer.prefer(wish, this.#incoming, now);
  }

  viewerRtcp(viewer: Viewer, compound: Uint8Array, now: number): void {
    viewer.rtcp(compound, now);
  }

  get waitingSince(): number | undefined {
    if (this.#next > 0) return undefined;
    let first: number | undefined;
    for (const { waitingSince } of this.#publisher?.layers ?? [])
      if (waitingSince !== undefined && (first === undefined || waitingSince < first)) first = waitingSince;
    return first;
  }

  flush(now: number, most = Number.POSITIVE_INFINITY): boolean {
    const layers = this.#publisher?.layers ?? [];
    if (this.#next === 0) for (const layer of layers) layer.beginRound();
    const end = Math.min(this.#viewers.length, this.#next + most);
    for (; this.#next < end; this.#next++) this.#viewers[this.#next]?.take(now);
    if (this.#next < this.#viewers.length) return false;
    this.#next = 0;
    return layers.map((layer) => layer.endRound()).every(Boolean);
  }

  tick(now: number): void {
    this.#publisher?.tick(now);
    const incoming = this.#incoming;
    for (let n = 0; n < this.#viewers.length; n++) {
      const viewer = this.#viewers[n];
      if (viewer !== undefined && viewer.dueAt <= now) viewer.tick(incoming, now);
    }
  }

  /**
   * Sends less, because the worker has too much to do. `level`: 0 for all that viewers take; up to 0.5 a growing share of them, the newest first,
   * gets the lowest layer only; up to 1 a growing share gets no video. Sound always goes on.
   */
  shed(level: number, now: number): void {
    const clamped = Math.min(1, Math.max(0, level));
    if (clamped === this.#shed) return;
    this.#shed = clamped;
    this.#applyShed(now);
  }

  /** What the publisher sends, and what is made of it; video only. */
  layers(): LayerReport[] {
    const reports: LayerReport[] = [];
    for (const { layers } of this.#incoming.video)
      for (const layer of layers) if (layer.offered) reports.push(layer.report());
    return reports;
  }

  /** Bits per second of the publisher's sound. */
  get audioBitrate(): number {
    let sum = 0;
    for (const { layers } of this.#incoming.audio) for (const layer of layers) sum += layer.bitrate;
    return Math.round(sum);
  }

  /** The stream ends: all viewers are told by BYE, and none is left. */
  end(): void {
    this.publisherGone();
    for (const viewer of this.#viewers) viewer.leave();
    this.#viewers.length = 0;
    this.#next = 0;
  }

  get #incoming(): Incoming {
    return this.#publisher ?? nothing;
  }

  #layersChanged(now: number): void {
    for (const viewer of this.#viewers) viewer.layersChanged(this.#incoming, now);
  }

  #applyShed(now: number): void {
    const count = this.#viewers.length;
    const without = Math.ceil(count * Math.max(0, 2 * this.#shed - 1));
    const lowest = Math.ceil(count * Math.min(1, 2 * this.#shed));
    const incoming = this.#incoming;
    for (let n = 0; n < count; n++) {
      const age = count - n;
      const shed: Shed = age <= without ? "no video" : age <= lowest ? "lowest layer" : "none";
      this.#viewers[n]?.shed(shed, incoming, now);
    }
  }
}
