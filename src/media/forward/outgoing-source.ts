import { writeU16 } from "../../wire/bytes.ts";
import { extendSequence } from "../../wire/rtp/sequence.ts";
import { rewritePictureId } from "../../wire/rtp/vp8.ts";
import type { SealedPayload } from "../../wire/srtp/sender.ts";
import type { AgreedCodec, ViewedTrack } from "../negotiated.ts";
import { matchCodec } from "./codec-match.ts";
import { HeaderWriter, mostHeaderBytes } from "./header-writer.ts";
import type { PacketStore } from "./packet-store.ts";
import type { ForwardCounters, ForwardOptions, MediaSender } from "./ports.ts";
import { SentPackets, type Way } from "./sent-packets.ts";
import { nextPayloadId, type StoredPacket } from "./stored-packet.ts";
import type { TokenBucket } from "./token-bucket.ts";

/** Packets that carry mid and playout delay, unless the receiver reports before. */
const introduction = 100;
/** How many packets of an SSRC can be repeated: not more than may be sealed again (see `SrtpSender`). */
const rememberedPackets = { audio: 64, video: 512 } as const;
/** Bytes that may wait in a connection. */
const mostBuffered = 524_288;
/** Bytes of a header that is kept for a byte-identical repeat; a packet with a longer one is not repeated. */
const keptHeader = 48;
/** Lengths of a kept header that are none: of a packet that never left, and of one that can't be repeated. */
const [neverSent, tooLong] = [0, 0xff];
/** Bytes of a payload at most; whoever stores packets sees to it. */
export const mostPayload = 2_000;

const header: Uint8Array = new Uint8Array(mostHeaderBytes);
const rewritten = { bytes: new Uint8Array(mostPayload + 2), at: 0, length: 0, id: 0 };

/** Headers as they left, for receivers that take no RTX. */
interface KeptHeaders {
  readonly bytes: Uint8Array;
  readonly lengths: Uint8Array;
  readonly ids: Uint32Array;
}

/**
 * One SSRC that we send to a viewer, and the SSRC of its retransmissions. Indexes only rise, over any change of what is sent, and a
 * packet is repeated by RTX or with the same bytes (RFC 3711 §9.1).
 */
export class OutgoingSource {
  readonly track: ViewedTrack;
  readonly #sender: MediaSender;
  readonly #counters: ForwardCounters;
  readonly #header: HeaderWriter;
  readonly #sent: SentPackets;
  #repairIndex: number;
  #kept: KeptHeaders | undefined;
  #of: AgreedCodec | undefined;
  #codec: AgreedCodec | undefined;
  /** The highest spatial layer that is sent, whose last packet ends the picture. */
  topSpatial = Number.POSITIVE_INFINITY;
  #introduced = 0;
  #packets = 0;
  #bytes = 0;

  constructor(track: ViewedTrack, sender: MediaSender, options: ForwardOptions, counters: ForwardCounters) {
    this.track = track;
    this.#sender = sender;
    this.#counters = counters;
    const { ssrc, repairSsrc, mid, extensions } = track;
    this.#header = new HeaderWriter(header, mid, extensions, options.playoutDelay);
    this.#sent = new SentPackets(firstIndex(ssrc, sender), rememberedPackets[track.kind]);
    this.#repairIndex = firstIndex(repairSsrc, sender);
    // Video is in order when it comes here, and RTX repeats it under other indexes.
    const rises = track.kind === "video" && track.codecs.every(({ repair }) => repair !== undefined);
    sender.expect?.(ssrc, rises ? 0 : rememberedPackets[track.kind]);
    sender.expect?.(repairSsrc, 0);
  }

  /** Packets and bytes of payload that left, repeats not counted. */
  get packets(): number {
    return this.#packets;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** True where so much waits in the viewer's connection that even sound is left out. */
  get clogged(): boolean {
    return this.#sender.buffered > mostBuffered;
  }

  /** The viewer's codec for what the publisher sends; undefined where it takes no such thing. */
  codecFor(sent: AgreedCodec): AgreedCodec | undefined {
    if (sent !== this.#of) {
      this.#of = sent;
      this.#codec = matchCodec(sent, this.track.codecs);
    }
    return this.#codec;
  }

  /** The receiver knows the SSRC by now: it has reported of it. */
  heard(): void {
    this.#introduced = introduction;
  }

  /** Keeps `count` indexes for packets from `number` on that haven't come to us. */
  reserve(layer: number, number: number, count: number, shift: number, picture: number, tl0: number): void {
    for (let n = Math.max(0, count - this.#sent.span); n < count; n++)
      this.#clearKept(this.#sent.add(layer, number + n, shift, picture, tl0));
  }

  /**
   * Sends a packet under the next index. `payload`: the packet itself, or what stands for it. `shift`, `picture` and `tl0` are added to
   * timestamp, picture id and TL0PICIDX.
   */
  send(
    packet: StoredPacket,
    payload: SealedPayload,
    payloadType: number,
    layer: number,
    shift: number,
    picture: number,
    tl0: number,
    now: number,
  ): void {
    const index = this.#sent.add(layer, packet.number, shift, picture, tl0);
    this.#sendAt(index, packet, payload, payloadType, shift, picture, tl0, now);
  }

  /** Sends a packet that came late under the index that lies `behind` packets behind the next one, where that was reserved for it. */
  sendLate(
    behind: number,
    layer: number,
    packet: StoredPacket,
    payload: SealedPayload,
    payloadType: number,
    shift: number,
    now: number,
  ): void {
    const index = this.#sent.next - behind;
    const way = this.#sent.find(index);
    if (way?.layer === layer && index + way.ahead === packet.number)
      this.#sendAt(index, packet, payload, payloadType, shift, 0, 0, now);
  }

  /** Sends a packet for which an index was reserved, as a repeat: what follows it has left already. */
  sendReserved(layer: number, packet: StoredPacket, now: number): void {
    const index = this.#sent.indexOf(layer, packet.number);
    const way = this.#sent.find(index);
    // From now on it counts as repeated: who asks for it meanwhile need not get it twice.
    if (way !== undefined && this.#sent.repeat(index, 1, now))
      this.#repeatOne(index, way, packet, packet, now);
  }

  /**
   * Repeats packets, by RTX where that was agreed on (RFC 4588). `pause`: ms between repeats of one packet at least. Answers how many are
   * no longer kept.
   */
  repeat(
    lost: readonly number[],
    storeOf: (layer: number) => PacketStore | undefined,
    payloadOf: (packet: StoredPacket) => SealedPayload,
    budget: TokenBucket,
    pause: number,
    now: number,
  ): number {
    const counters = this.#counters;
    let missing = 0;
    for (const sequence of lost) {
      const index = extendSequence(sequence, this.#sent.next - 1);
      const way = this.#sent.find(index);
      if (way === undefined) {
        if (index < this.#sent.next) missing++;
        continue;
      }
      const store = storeOf(way.layer);
      const number = index + way.ahead;
      const packet = store?.get(number);
      if (packet === undefined) {
        // One that hasn't come to us is asked for already, and leaves when it comes.
        if (store === undefined || number < store.oldest) missing++;
        continue;
      }
      if (!this.#sent.repeat(index, pause, now)) {
        counters.repeatsTooSoon++;
        continue;
      }
      if (!budget.take(packet.length + header.length / 8, now)) {
        counters.repeatsOverBudget++;
        continue;
      }
      this.#repeatOne(index, way, packet, payloadOf(packet), now);
    }
    counters.repeatsMissing += missing;
    return missing;
  }

  #sendAt(
    index: number,
    packet: StoredPacket,
    payload: SealedPayload,
    payloadType: number,
    shift: number,
    picture: number,
    tl0: number,
    now: number,
  ): void {
    const introduce = this.#introduced < introduction;
    if (introduce) this.#introduced++;
    const timestamp = (packet.timestamp + shift) >>> 0;
    const length = this.#header.write(
      packet,
      this.track.ssrc,
      payloadType,
      this.#marker(packet),
      index,
      timestamp,
      introduce,
      now,
    );
    const sealed = picture === 0 && tl0 === 0 ? payload : rewrite(packet, 0, picture, tl0);
    this.#keep(index, length, sealed.id);
    this.#packets++;
    this.#bytes += sealed.length;
    if (this.#sender.rtp(header, length, sealed, index)) this.#counters.forwarded++;
    else this.#counters.refused++;
  }

  /** True for the last packet of a picture, as the viewer gets it. */
  #marker({ marker, end, spatial }: StoredPacket): boolean {
    return marker || (end && spatial === this.topSpatial);
  }

  #repeatOne(index: number, way: Way, packet: StoredPacket, payload: SealedPayload, now: number): void {
    const { shift, picture, tl0 } = way;
    const repair = this.codecFor(packet.codec)?.repair;
    if (repair !== undefined) {
      const timestamp = (packet.timestamp + shift) >>> 0;
      const introduce = this.#introduced < introduction;
      const at = this.#repairIndex;
      this.#repairIndex++;
      const length = this.#header.write(
        packet,
        this.track.repairSsrc,
        repair,
        this.#marker(packet),
        at,
        timestamp,
        introduce,
        now,
      );
      // A packet of redundant audio has another payload than what is stored.
      if (payload === packet) rewrite(packet, 2, picture, tl0);
      else copy(payload, 2);
      writeU16(rewritten.bytes, 0, index % 0x10000);
      if (this.#sender.rtp(header, length, rewritten, at)) this.#counters.repeated++;
      else this.#counters.refused++;
      return;
    }
    const kept = this.#kept;
    const place = index % this.#sent.span;
    const length = kept?.lengths[place] ?? tooLong;
    if (length === neverSent) {
      const codec = this.codecFor(packet.codec);
      if (codec !== undefined)
        this.#sendAt(index, packet, payload, codec.payloadType, shift, picture, tl0, now);
      return;
    }
    if (kept === undefined || length === tooLong) return;
    const from = place * keptHeader;
    header.set(kept.bytes.subarray(from, from + length));
    const sealed = picture === 0 && tl0 === 0 ? payload : rewrite(packet, 0, picture, tl0);
    if (sealed === rewritten) rewritten.id = kept.ids[place] ?? 0;
    if (this.#sender.rtp(header, length, sealed, index)) this.#counters.repeated++;
    else this.#counters.refused++;
  }

  /** Keeps the header of a packet for a repeat, where the receiver asks for repeats and takes no RTX. */
  #keep(index: number, length: number, id: number): void {
    const codec = this.#codec;
    if (codec === undefined || !codec.nack || codec.repair !== undefined) return;
    this.#kept ??= {
      bytes: new Uint8Array(this.#sent.span * keptHeader),
      lengths: new Uint8Array(this.#sent.span).fill(tooLong),
      ids: new Uint32Array(this.#sent.span),
    };
    const place = index % this.#sent.span;
    if (length > keptHeader) {
      this.#kept.lengths[place] = tooLong;
      return;
    }
    this.#kept.bytes.set(header.subarray(0, length), place * keptHeader);
    this.#kept.lengths[place] = length;
    this.#kept.ids[place] = id;
  }

  #clearKept(index: number): void {
    if (this.#kept !== undefined) this.#kept.lengths[index % this.#sent.span] = neverSent;
  }
}

/** Below 2^15, so that a receiver that misses the first packets can't take the beginning for the end of a round (RFC 3711 §3.3.1). */
function firstIndex(ssrc: number, sender: MediaSender): number {
  const highest = sender.highest?.(ssrc) ?? -1;
  return highest >= 0 ? highest + 1 : ssrc & 0x3fff;
}

function copy({ bytes, at, length }: SealedPayload, to: number): void {
  rewritten.bytes.set(bytes.subarray(at, at + length), to);
  rewritten.length = to + length;
  rewritten.id = nextPayloadId();
}

/** The payload with another picture id and TL0PICIDX, `to` bytes into a buffer that is good until the next one is made. */
function rewrite(packet: StoredPacket, to: number, picture: number, tl0: number): SealedPayload {
  copy(packet, to);
  if (packet.pictureIdAt >= 0 || packet.tl0At >= 0)
    rewritePictureId(rewritten.bytes, to, packet, packet.pictureId + picture, packet.tl0 + tl0);
  return rewritten;
}
