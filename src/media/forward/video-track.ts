import { timestampDistance } from "../../wire/rtp/sequence.ts";
import type { Layer, LayerViewer } from "./layer.ts";
import type { OutgoingSource } from "./outgoing-source.ts";
import type { ForwardCounters, MediaSender } from "./ports.ts";
import type { StoredPacket } from "./stored-packet.ts";

/** Stored pictures are sent this much faster than they came, and at least at this rate in bit/s; so many bytes at once. */
const [catchUpFactor, slowest, burstBytes] = [4, 500_000, 20_000];
/** Between frames of a burst, in units of the RTP clock: they were taken long ago, and are shown now. */
const burstStep = 90;
/** Bytes that may wait in a connection before its video stops, and from where it goes on again. */
const [mostBuffered, drained] = [131_072, 16_384];
/** A jump of timestamps beyond this, in s, isn't believed. */
const mostJump = 10;

/** What a video track tells whoever ticks it. */
export interface TrackOwner {
  /** Another layer is sent from now on. */
  layerChanged(layer: Layer): void;
  /** Something waits to be sent: `tick` must be called soon, and goes on asking for as long as it does. */
  needsTick(): void;
}

type Mode =
  /** Nothing is sent: no layer, or it waits for the first keyframe. */
  | "idle"
  /** Sends what was stored, up to the newest packet. */
  | "catching up"
  | "live"
  /** What was sent before still waits: nothing more until the next keyframe. */
  | "stalled";

/**
 * Video of a viewer: one layer of the publisher's at a time, without its upper temporal and spatial layers where so decided. Sequence numbers,
 * timestamps and the picture ids of VP8 and VP9 go on over every change.
 */
export class VideoTrack implements LayerViewer {
  readonly source: OutgoingSource;
  slot = -1;
  taken = 0;
  readonly #sender: MediaSender;
  readonly #counters: ForwardCounters;
  readonly #owner: TrackOwner;
  #mode: Mode = "idle";
  #layer: Layer | undefined;
  #previous: Layer | undefined;
  /** The layer to change to at its next keyframe. */
  #target: Layer | undefined;
  /** The layer to go on with when what waits has been sent. */
  #resume: Layer | undefined;
  #temporal = 0;
  #targetTemporal = Number.POSITIVE_INFINITY;
  #targetSpatial = Number.POSITIVE_INFINITY;
  /** The pictures behind the last one may be of one temporal layer more. */
  #mayRise = false;
  /** The number of the packet that the next index belongs to. */
  #expected = -1;
  #frame = -1;
  #dropping = false;
  #begun = false;
  /** What is added to the layer's timestamps, and to those of the frame that is being sent. */
  #shift = 0;
  #frameShift = 0;
  #lastTimestamp = 0;
  #lastAt = 0;
  /** The layer is new, and its frames may still be older than what was sent of the one before: their time must not go back. */
  #fresh = false;
  #picture = 0;
  #tl0 = 0;
  #lastPicture = 0;
  #lastTl0 = 0;
  #allowance = 0;
  #allowanceAt = 0;

  constructor(source: OutgoingSource, sender: MediaSender, counters: ForwardCounters, owner: TrackOwner) {
    this.source = source;
    this.#sender = sender;
    this.#counters = counters;
    this.#owner = owner;
  }

  /** The layer that is sent, and the one that is to be. */
  get layer(): Layer | undefined {
    return this.#layer;
  }

  get target(): Layer | undefined {
    return this.#target;
  }

  /** The highest temporal layer that is to be sent. */
  get targetTemporal(): number {
    return this.#targetTemporal;
  }

  /** The highest spatial layer that is to be sent. */
  get targetSpatial(): number {
    return this.#targetSpatial;
  }

  /** The highest temporal layer that is sent. */
  get temporal(): number {
    return this.#temporal;
  }

  get sending(): boolean {
    return this.#mode === "live" || this.#mode === "catching up";
  }

  /** The timestamp that we send for one of the layer. */
  outgoing(timestamp: number): number {
    return (timestamp + this.#shift) >>> 0;
  }

  layerOf(serial: number): Layer | undefined {
    if (this.#layer?.serial === serial) return this.#layer;
    return this.#previous?.serial === serial ? this.#previous : undefined;
  }

  /**
   * Changes to a layer, at its next keyframe; or at once from stored pictures where nothing is sent. Undefined stops the video. `temporal` and
   * `spatial`: the highest layers of it to send.
   */
  choose(layer: Layer | undefined, temporal: number, spatial: number, now: number): void {
    const rises =
      spatial > this.#targetSpatial ||
      (temporal > this.#targetTemporal && layer?.head?.dependency !== undefined);
    if (rises && layer === this.#layer) layer?.wantKeyframe();
    this.#targetTemporal = temporal;
    this.#targetSpatial = spatial;
    if (layer === undefined) {
      this.leave();
      return;
    }
    if (!this.sending && this.#sender.buffered > drained) {
      this.#stall(layer);
      return;
    }
    if (layer === this.#target) return;
    this.#target?.forget(this);
    this.#target = undefined;
    if (layer === this.#layer && this.sending) return;
    const keyframe = this.sending ? undefined : layer.store.keyframe(now);
    if (keyframe === undefined) {
      this.#target = layer;
      layer.await(this);
      return;
    }
    this.#enter(layer, keyframe, now);
    this.#mode = "catching up";
    this.#allowance = burstBytes;
    this.#allowanceAt = now;
    this.#catchUp(now);
    this.#owner.needsTick();
  }

  /** The viewer lost its picture. */
  wantKeyframe(): void {
    (this.#target ?? this.#layer)?.wantKeyframe();
  }

  leave(): void {
    this.#target?.forget(this);
    this.#target = undefined;
    this.#resume = undefined;
    this.#layer?.detach(this);
    this.#mode = "idle";
  }

  begin(layer: Layer, packet: StoredPacket, now: number): void {
    if (layer !== this.#target) return;
    this.#target = undefined;
    if (!this.sending && this.#sender.buffered > drained) {
      this.#stall(layer);
      return;
    }
    this.#enter(layer, packet, now);
    this.#mode = "live";
  }

  /** Sends what its layer has gathered. */
  take(now: number): void {
    this.#layer?.give(this, now);
  }

  forward(packet: StoredPacket, now: number): void {
    if (this.#mode === "live") this.#send(packet, now);
  }

  /** The viewer waits for it: it leaves at once, rather than when it is asked for. */
  late(packet: StoredPacket, now: number): void {
    if (this.#mode === "live" && this.#layer !== undefined && packet.number < this.#expected)
      this.source.sendReserved(this.#layer.serial, packet, now);
  }

  tick(now: number): void {
    if (this.#mode === "catching up") this.#catchUp(now);
    else if (this.#resume !== undefined && this.#sender.buffered <= drained) {
      const layer = this.#resume;
      this.#resume = undefined;
      this.#target = layer;
      layer.await(this);
    }
    if (this.#mode === "catching up" || this.#resume !== undefined) this.#owner.needsTick();
  }

  /** Stops until what waits has been sent. A keyframe is asked for then, not before: it would be lost, and cost everybody. */
  #stall(layer: Layer): void {
    this.#target?.forget(this);
    this.#target = undefined;
    this.#mode = "stalled";
    this.#resume = layer;
    this.#owner.needsTick();
  }

  /** Takes packets from a layer from now on, beginning with a keyframe's. */
  #enter(layer: Layer, packet: StoredPacket, now: number): void {
    const before = this.#layer;
    if (before !== layer && before !== undefined) {
      // What it was to get of the layer before comes first.
      before.give(this, now);
      before.detach(this);
    }
    layer.attach(this);
    if (before !== layer) {
      this.#previous = before;
      this.#layer = layer;
      if (before !== undefined) this.#counters.layerSwitches++;
    }
    if (this.#begun) this.#shift = this.#alignedShift(before, layer, layer.head ?? packet, now);
    this.#fresh = true;
    this.#expected = packet.number;
    this.#frame = -1;
    this.#dropping = false;
    this.#temporal = this.#targetTemporal;
    this.source.topSpatial = this.#targetSpatial;
    if (this.#begun) {
      this.#picture = (this.#lastPicture + 1 - packet.pictureId) & 0x7fff;
      this.#tl0 = (this.#lastTl0 + 1 - packet.tl0) & 0xff;
    }
    this.#begun = true;
    if (before !== layer) this.#owner.layerChanged(layer);
  }

  /** What to add to timestamps so that `packet` follows what was sent: by the layers' sender reports, or else by when it came. */
  #alignedShift(before: Layer | undefined, layer: Layer, packet: StoredPacket, now: number): number {
    const { clock } = layer;
    const elapsed = Math.max(1, Math.round(((now - this.#lastAt) * clock.rate) / 1_000));
    const byArrival = (this.#lastTimestamp + elapsed - packet.timestamp) >>> 0;
    if (before === layer) return this.#shift;
    if (before === undefined || before.publisher !== layer.publisher || !before.clock.known || !clock.known)
      return byArrival;
    const ntp = clock.ntpOf(packet.timestamp);
    const byReports = (before.clock.timestampAt(ntp) + this.#shift - packet.timestamp) >>> 0;
    return Math.abs(timestampDistance(byReports, byArrival)) < mostJump * clock.rate ? byReports : byArrival;
  }

  #catchUp(now: number): void {
    const layer = this.#layer;
    if (layer === undefined) return;
    const perMs = (catchUpFactor * Math.max(slowest, layer.bitrate)) / 8_000;
    this.#allowance = Math.min(2 * burstBytes, this.#allowance + perMs * (now - this.#allowanceAt));
    this.#allowanceAt = now;
    const { store } = layer;
    for (let number = this.#expected; number <= store.newest; number++) {
      const packet = store.get(number);
      if (packet === undefined) continue;
      if (packet.length > this.#allowance) return;
      this.#allowance -= packet.length;
      this.#send(packet, now);
      if (this.#mode !== "catching up") return;
    }
    this.#mode = "live";
  }

  #send(packet: StoredPacket, now: number): void {
    const layer = this.#layer;
    const codec = this.source.codecFor(packet.codec);
    if (layer === undefined || codec === undefined) return;
    const gap = packet.number - this.#expected;
    if (gap < 0) return;
    if (gap > 0)
      this.source.reserve(layer.serial, this.#expected, gap, this.#shift, this.#picture, this.#tl0);
    this.#expected = packet.number + 1;
    if (packet.frame !== this.#frame) {
      if (this.#sender.buffered > mostBuffered) {
        this.#counters.stalled++;
        this.#stall(layer);
        return;
      }
      this.#frame = packet.frame;
      this.#dropping = !this.#admits(packet);
      // VP9 refers to pictures by how far their ids are away, VP8 counts those that there are.
      if (!this.#dropping) this.#beginFrame(packet, layer, now);
      else if (packet.codec.name === "vp8") this.#picture = (this.#picture - 1) & 0x7fff;
    }
    if (this.#dropping || packet.spatial > this.source.topSpatial) return;
    this.source.send(
      packet,
      packet,
      codec.payloadType,
      layer.serial,
      this.#frameShift,
      this.#picture,
      this.#tl0,
      now,
    );
  }

  #beginFrame(packet: StoredPacket, layer: Layer, now: number): void {
    let timestamp = (packet.timestamp + this.#shift) >>> 0;
    const { head } = layer;
    const burst = this.#mode === "catching up" && head !== undefined;
    if (burst) timestamp = (head.timestamp + this.#shift - burstStep * (head.frame - packet.frame)) >>> 0;
    const behind = this.source.packets > 0 && timestampDistance(timestamp, this.#lastTimestamp) <= 0;
    if (behind && (burst || this.#fresh)) timestamp = (this.#lastTimestamp + 1) >>> 0;
    if (!behind) this.#fresh = false;
    this.#frameShift = (timestamp - packet.timestamp) >>> 0;
    this.#lastTimestamp = timestamp;
    this.#lastAt = now;
    this.#lastPicture = packet.pictureId + this.#picture;
    this.#lastTl0 = packet.tl0 + this.#tl0;
  }

  /** Whether a picture is sent, as its temporal layer has it. Going up is possible only where the upper layer can be decoded. */
  #admits({ temporal, key, sync, codec }: StoredPacket): boolean {
    const wanted = this.#targetTemporal;
    // Lower spatial layers never depend on upper ones; those can be decoded from a keyframe on.
    if (key || this.#targetSpatial < this.source.topSpatial) this.source.topSpatial = this.#targetSpatial;
    const rises = temporal === this.#temporal + 1 && temporal <= wanted;
    if (key || wanted < this.#temporal) this.#temporal = wanted;
    else if (rises && (codec.name === "vp9" ? this.#mayRise : sync)) this.#temporal = temporal;
    if (temporal > this.#temporal) return false;
    this.#mayRise = sync;
    return true;
  }
}
