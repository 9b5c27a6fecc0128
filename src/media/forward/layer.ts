import { LossDetector } from "../../wire/rtp/loss-detector.ts";
import { Reception } from "../../wire/rtp/reception.ts";
import type { LayerReport } from "../control.ts";
import { FrameDependencies } from "./frame-dependencies.ts";
import { LayerRates } from "./layer-rates.ts";
import { PacketNumbers } from "./packet-numbers.ts";
import { PacketStore } from "./packet-store.ts";
import { RateMeter } from "./rate-meter.ts";
import { SenderClock } from "./sender-clock.ts";
import type { PictureSize, StoredPacket } from "./stored-packet.ts";

/** How long a video packet waits for those that are missing ahead of it, in ms, and how many wait at most. */
const [holdTime, mostHeld] = [150, 512];
/** A packet so far ahead belongs to no gap. */
const farAhead = 1_024;
/** Retransmission is asked for quickly: a viewer's picture stands still meanwhile. */
const lossRules = { reorder: 15, again: 50, tries: 16, patience: 500, mostMissing: 256 };
/** Without a packet for so long a layer counts as switched off by its publisher. ms */
const silence = 1_500;

/** A viewer's track as a layer sees it. */
export interface LayerViewer {
  /** Its place in the layer's list, and how many of the layer's packets it has passed; the layer keeps both. */
  slot: number;
  taken: number;
  forward(packet: StoredPacket, now: number): void;
  /** A keyframe that it waits for begins with this packet. It attaches itself, or doesn't. */
  begin(layer: Layer, packet: StoredPacket, now: number): void;
  /** A packet has come behind those that follow it, which went on without it. */
  late(packet: StoredPacket, now: number): void;
}

let lastSerial = 0;

/**
 * One SSRC of a publisher: a simulcast layer, or a track without simulcast. Video is put in order before it goes on, so that viewers ask for
 * nothing that hasn't come to us, and packets are numbered without the ones that are padding alone.
 */
export class Layer {
  /** Tells layers of one process apart, up to 2^16 of them. */
  readonly serial: number;
  /** The same for layers whose sender reports tell the same clock. */
  readonly publisher: object;
  /** The layer that this one is a smaller size of, made here by an encoder; undefined for what the publisher itself sends. */
  readonly source: Layer | undefined;
  /** Whether viewers can have it. What the publisher sends, they always can. */
  offered = true;
  /** The rate to expect of it before anything comes, in bit/s. */
  expected = 0;
  readonly rid: string;
  readonly ssrc: number;
  readonly store = new PacketStore();
  readonly clock: SenderClock;
  readonly reception: Reception;
  readonly losses = new LossDetector(lossRules);
  readonly viewers: LayerViewer[] = [];
  readonly #ordered: boolean;
  #waiting: LayerViewer[] = [];
  readonly #gather: (() => void) | undefined;
  /** Packets that not all viewers have been given, how many went before them, and how many there were when the round of viewers began. */
  readonly #gathered: StoredPacket[] = [];
  #given = 0;
  #roundEnd = 0;
  readonly #held = new Map<number, StoredPacket | null>();
  #heldSince = 0;
  #next = -1;
  /** The index that would prove that the source has jumped. */
  #jump = -1;
  readonly #numbers = new PacketNumbers();
  readonly #rate = new RateMeter();
  readonly #rates = new LayerRates();
  #frame = 0;
  #timestamp = -1;
  #keyTimestamp = -1;
  #head: StoredPacket | undefined;
  #highestIndex = -1;
  #lastAt = 0;
  #received = 0;
  #lost = 0;
  readonly #dependencies = new FrameDependencies();
  #wanted = false;
  #stopped = false;
  width: number | undefined;
  height: number | undefined;
  /** The pictures of the spatial layers, where keyframes say their sizes. */
  sizes: readonly PictureSize[] = [];

  /** `gather`: called when packets begin to wait for a round of the viewers. Without it, packets go on as they come. */
  constructor(
    publisher: object,
    kind: "audio" | "video",
    rid: string,
    ssrc: number,
    clockRate: number,
    gather?: () => void,
    source?: Layer,
  ) {
    this.#gather = gather;
    this.publisher = publisher;
    this.source = source;
    lastSerial = (lastSerial + 1) & 0xffff;
    this.serial = lastSerial;
    this.rid = rid;
    this.ssrc = ssrc;
    this.#ordered = kind === "video";
    this.clock = source?.clock ?? new SenderClock(clockRate);
    this.reception = new Reception(ssrc, clockRate);
  }

  /** The newest packet that went on. */
  get head(): StoredPacket | undefined {
    return this.#head;
  }

  /** The highest index of the publisher; −1 before the first packet. */
  get highestIndex(): number {
    return this.#highestIndex;
  }

  get bitrate(): number {
    return this.#rate.rate === 0 ? this.expected : this.#rate.rate;
  }

  /** True once the layer's publisher is gone or sends it under another SSRC. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** True where viewers wait for a keyframe that hasn't come yet. */
  get wantsKeyframe(): boolean {
    return this.#wanted && this.#ordered && !this.#stopped;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** True where packets of it come. */
  flows(now: number): boolean {
    return !this.#stopped && this.#head !== undefined && now - this.#lastAt < silence;
  }

  /** True for a smaller size that nothing comes of yet: its encoder has to start first. */
  startsEncoder(now: number): boolean {
    return this.source !== undefined && !this.flows(now);
  }

  /** False for a layer that its publisher has switched off, or that is stopped. A smaller size made here begins when somebody takes it. */
  active(now: number): boolean {
    if (this.source === undefined) return this.flows(now);
    return !this.#stopped && this.offered && this.source.active(now);
  }

  /** The rate up to a temporal and a spatial layer, in bit/s. */
  bitrateUpTo(temporal: number, spatial?: number): number {
    return this.#rates.upTo(temporal, spatial);
  }

  get highestTemporal(): number {
    return this.#rates.highestTemporal;
  }

  /** The highest spatial layer that comes; 0 without several. */
  highestSpatial(now: number): number {
    return this.#rates.highestSpatial(now, silence);
  }

  /** True where the packet of this index has not come yet. */
  misses(index: number): boolean {
    if (this.#next < 0 || index >= this.#next) return !this.#held.has(index);
    const number = this.#numbers.of(index);
    return number === undefined || this.store.get(number) === undefined;
  }

  /** A packet of the publisher, or null for one that is padding alone. `index`: its extended sequence number. */
  receive(packet: StoredPacket | null, index: number, now: number): void {
    this.#lastAt = now;
    if (index > this.#highestIndex) this.#highestIndex = index;
    if (this.#next < 0) this.#next = index;
    if (!this.#ordered) {
      this.#next = Math.max(this.#next, index + 1);
      // What is older than all that is stored may have gone on before.
      const isNew = index >= this.store.oldest && this.store.get(index) === undefined;
      if (packet !== null && isNew) this.#release(packet, index, now);
      return;
    }
    if (index < this.#next) {
      this.#late(packet, index, now);
      return;
    }
    if (index > this.#next + farAhead) {
      // The source may have jumped: one packet alone doesn't prove it (RFC 3550 §A.1).
      const proved = index === this.#jump;
      this.#jump = index + 1;
      if (!proved) return;
      this.#held.clear();
      this.#next = index;
      this.store.broken();
      this.wantKeyframe();
    }
    if (index > this.#next) {
      if (this.#held.size === 0) this.#heldSince = now;
      this.#held.set(index, packet);
      if (this.#held.size > mostHeld) this.#skip(now);
      return;
    }
    this.#advance(packet, now);
    this.#drain(now);
  }

  tick(now: number): void {
    this.#rate.tick(now);
    this.#rates.tick(now);
    if (this.#held.size > 0 && now - this.#heldSince >= holdTime) this.#skip(now);
    if (this.losses.takeLoss()) this.wantKeyframe();
  }

  /** Asks for a keyframe: the publisher is told when it may be. */
  wantKeyframe(): void {
    this.#wanted = true;
  }

  /** Gives a viewer's track the packets that it hasn't passed yet. */
  give(viewer: LayerViewer, now: number): void {
    const gathered = this.#gathered;
    for (let at = Math.max(0, viewer.taken - this.#given); at < gathered.length; at++) {
      const packet = gathered[at];
      if (packet !== undefined) viewer.forward(packet, now);
    }
    viewer.taken = this.#end;
  }

  /** When the first of the packets came that wait for viewers. */
  get waitingSince(): number | undefined {
    return this.#gathered[0]?.arrival;
  }

  /** From here on every viewer is given what waits by now. */
  beginRound(): void {
    this.#roundEnd = this.#end;
  }

  /** Every viewer has been given what waited when the round began. True where nothing waits by now. */
  endRound(): boolean {
    this.#gathered.splice(0, this.#roundEnd - this.#given);
    this.#given = Math.max(this.#given, this.#roundEnd);
    return this.#gathered.length === 0;
  }

  /** Sends a viewer's track every packet from now on. */
  attach(viewer: LayerViewer): void {
    if (this.viewers[viewer.slot] === viewer) return;
    viewer.slot = this.viewers.length;
    viewer.taken = this.#end;
    this.viewers.push(viewer);
  }

  detach(viewer: LayerViewer): void {
    if (this.viewers[viewer.slot] !== viewer) return;
    const last = this.viewers.pop();
    if (last === undefined || last === viewer) return;
    this.viewers[viewer.slot] = last;
    last.slot = viewer.slot;
  }

  /** Lets a viewer's track begin with the next keyframe, and asks for one. */
  await(viewer: LayerViewer): void {
    if (!this.#waiting.includes(viewer)) this.#waiting.push(viewer);
    this.wantKeyframe();
  }

  forget(viewer: LayerViewer): void {
    const at = this.#waiting.indexOf(viewer);
    if (at >= 0) this.#waiting.splice(at, 1);
    if (this.#waiting.length === 0) this.#wanted = false;
  }

  /** No more packets come. Nobody waits for it any longer; what is stored can still be repeated. */
  stop(): void {
    this.#stopped = true;
    this.#waiting = [];
    this.#held.clear();
  }

  report(): LayerReport {
    const { width, height } = this;
    return {
      rid: this.rid,
      bitrate: Math.round(this.bitrate),
      framesPerSecond: Math.round(this.#rate.countRate * 10) / 10,
      ...(width === undefined ? {} : { width }),
      ...(height === undefined ? {} : { height }),
      lost: this.#lost === 0 ? 0 : this.#lost / (this.#received + this.#lost),
      ...(this.source === undefined ? {} : { rendition: true }),
    };
  }

  #drain(now: number): void {
    while (this.#held.size > 0) {
      const packet = this.#held.get(this.#next);
      if (packet === undefined) {
        this.#heldSince = now;
        return;
      }
      this.#held.delete(this.#next);
      this.#advance(packet, now);
    }
  }

  /** Goes on behind a gap: what is missing there may still be repeated when it comes late. */
  #skip(now: number): void {
    let first = Number.POSITIVE_INFINITY;
    for (const index of this.#held.keys()) if (index < first) first = index;
    if (first === Number.POSITIVE_INFINITY) return;
    this.#lost += first - this.#next;
    this.#next = first;
    this.store.broken();
    this.#drain(now);
  }

  #advance(packet: StoredPacket | null, now: number): void {
    const index = this.#next;
    this.#next = index + 1;
    if (packet !== null) this.#release(packet, index, now);
    else this.#numbers.leaveOut(index);
  }

  #late(packet: StoredPacket | null, index: number, now: number): void {
    const number = this.#numbers.of(index);
    if (packet === null || number === undefined) return;
    packet.number = number;
    if (this.store.get(packet.number) !== undefined) return;
    this.#lost = Math.max(0, this.#lost - 1);
    this.#received++;
    packet.frame = this.#frame;
    this.store.put(packet);
    if (this.store.get(packet.number) === undefined) return;
    for (const viewer of this.viewers) {
      // It may not have been given those that follow.
      this.give(viewer, now);
      viewer.late(packet, now);
    }
  }

  #release(packet: StoredPacket, index: number, now: number): void {
    packet.number = this.#numbers.ofNewest(index);
    this.#received++;
    this.#rate.add(packet.length);
    if (packet.timestamp !== this.#timestamp) {
      packet.begin = true;
      this.#timestamp = packet.timestamp;
      this.#frame++;
      this.#rate.count();
    }
    packet.frame = this.#frame;
    if (this.#ordered) {
      this.#dependencies.describe(packet);
      this.#rates.add(packet, now);
      packet.keyframe = packet.key && packet.timestamp !== this.#keyTimestamp;
      if (packet.height > 0) {
        this.width = packet.width;
        this.height = packet.height;
        this.sizes = packet.sizes;
      }
    }
    this.store.put(packet);
    if (this.#head === undefined || packet.number > this.#head.number) this.#head = packet;
    if (packet.keyframe) {
      this.#keyTimestamp = packet.timestamp;
      this.#wanted = false;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const viewer of waiting) viewer.begin(this, packet, now);
    }
    this.#gathered.push(packet);
    if (this.#gather !== undefined) {
      if (this.#gathered.length === 1) this.#gather();
      return;
    }
    this.beginRound();
    for (const viewer of this.viewers) this.give(viewer, now);
    this.endRound();
  }

  /** How many packets have come for viewers. */
  get #end(): number {
    return this.#given + this.#gathered.length;
  }
}
