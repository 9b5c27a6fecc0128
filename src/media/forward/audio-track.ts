import type { SealedPayload } from "../../wire/srtp/sender.ts";
import type { Layer, LayerViewer } from "./layer.ts";
import type { OutgoingSource } from "./outgoing-source.ts";
import { redPayload } from "./redundant-audio.ts";
import type { StoredPacket } from "./stored-packet.ts";

/** Audio of a viewer: every packet goes on as it comes. */
export class AudioTrack implements LayerViewer {
  readonly source: OutgoingSource;
  slot = -1;
  taken = 0;
  #layer: Layer | undefined;
  #previous: Layer | undefined;
  /** The number of the packet that the next index belongs to; −1 before the first of a layer. */
  #expected = -1;
  #begun = false;
  #shift = 0;
  #lastTimestamp = 0;
  #lastArrival = 0;

  constructor(source: OutgoingSource) {
    this.source = source;
  }

  get layer(): Layer | undefined {
    return this.#layer;
  }

  /** The timestamp that we send for one of the layer. */
  outgoing(timestamp: number): number {
    return (timestamp + this.#shift) >>> 0;
  }

  layerOf(serial: number): Layer | undefined {
    if (this.#layer?.serial === serial) return this.#layer;
    return this.#previous?.serial === serial ? this.#previous : undefined;
  }

  /** Takes its packets from another layer from now on. */
  join(layer: Layer | undefined): void {
    if (layer === this.#layer) return;
    this.leave();
    this.#previous = this.#layer;
    this.#layer = layer;
    this.#expected = -1;
    layer?.attach(this);
  }

  leave(): void {
    this.#layer?.detach(this);
  }

  /** What this viewer gets for a packet, where it takes its codec. */
  readonly payloadOf = (packet: StoredPacket): SealedPayload => {
    const codec = this.source.codecFor(packet.codec);
    return codec === undefined ? packet : (redPayload(packet, codec)?.payload ?? packet);
  };

  /** Sends what its layer has gathered. */
  take(now: number): void {
    this.#layer?.give(this, now);
  }

  forward(packet: StoredPacket, now: number): void {
    const codec = this.source.codecFor(packet.codec);
    if (codec === undefined || this.#layer === undefined || this.source.clogged) return;
    let payload: SealedPayload = packet;
    let { payloadType } = codec;
    if (packet.payloadType === packet.codec.red) {
      const chosen = redPayload(packet, codec);
      if (chosen === undefined) return;
      ({ payload, payloadType } = chosen);
    }
    const { serial, clock } = this.#layer;
    if (this.#expected < 0) {
      if (this.#begun) {
        const elapsed = Math.max(1, Math.round(((packet.arrival - this.#lastArrival) * clock.rate) / 1_000));
        this.#shift = (this.#lastTimestamp + elapsed - packet.timestamp) >>> 0;
      }
      this.#begun = true;
      this.#expected = packet.number;
    }
    const gap = packet.number - this.#expected;
    if (gap < 0) {
      this.source.sendLate(-gap, serial, packet, payload, payloadType, this.#shift, now);
      return;
    }
    if (gap > 0) this.source.reserve(serial, this.#expected, gap, this.#shift, 0, 0);
    this.#expected = packet.number + 1;
    this.#lastTimestamp = (packet.timestamp + this.#shift) >>> 0;
    this.#lastArrival = packet.arrival;
    this.source.send(packet, payload, payloadType, serial, this.#shift, 0, 0, now);
  }

  begin(): void {}

  late(): void {}
}
