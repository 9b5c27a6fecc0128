import { findTextExtension } from "../../wire/rtp/extensions.ts";
import type { RtpHeader } from "../../wire/rtp/packet.ts";
import type { AgreedCodec, PublishedTrack } from "../negotiated.ts";

/** SSRCs of one publisher that are told apart. */
const mostSources = 32;

/** What a publisher's SSRC carries: the media of a layer, or its retransmissions. */
export interface BoundSource {
  readonly track: number;
  readonly rid: string;
  readonly repair: boolean;
}

/** Knows which track and layer each SSRC of a publisher belongs to. */
export class SourceTable {
  readonly #tracks: readonly PublishedTrack[];
  readonly #sources = new Map<number, BoundSource>();

  constructor(tracks: readonly PublishedTrack[]) {
    this.#tracks = tracks;
  }

  get(ssrc: number): BoundSource | undefined {
    return this.#sources.get(ssrc);
  }

  /**
   * Binds an SSRC by its first packet: by mid and rid (RFC 8852, RFC 8843 §9.2), else by what the offer declares, else by the payload type.
   * Undefined where that doesn't tell, or there are too many.
   */
  bind(packet: Uint8Array, header: RtpHeader): BoundSource | undefined {
    if (this.#sources.size >= mostSources) return undefined;
    const bound =
      this.#byMid(packet, header) ?? this.#byDeclaration(header) ?? this.#byPayloadType(packet, header);
    if (bound !== undefined) this.#sources.set(header.ssrc, bound);
    return bound;
  }

  #byMid(packet: Uint8Array, header: RtpHeader): BoundSource | undefined {
    for (let n = 0; n < this.#tracks.length; n++) {
      const track = this.#tracks[n];
      const id = track?.extensions.mid;
      if (track === undefined || id === undefined || findTextExtension(packet, header, id) !== track.mid)
        continue;
      return this.#within(n, track, packet, header);
    }
    return undefined;
  }

  #byDeclaration({ ssrc }: RtpHeader): BoundSource | undefined {
    for (let n = 0; n < this.#tracks.length; n++) {
      const track = this.#tracks[n];
      const media = track?.ssrcs.indexOf(ssrc) ?? -1;
      if (track === undefined) continue;
      const of = track.repairs.find(([, repair]) => repair === ssrc)?.[0];
      if (of !== undefined)
        return { track: n, rid: declaredRid(track, track.ssrcs.indexOf(of)), repair: true };
      if (media >= 0) return { track: n, rid: declaredRid(track, media), repair: false };
    }
    return undefined;
  }

  #byPayloadType(packet: Uint8Array, header: RtpHeader): BoundSource | undefined {
    const fitting = this.#tracks.flatMap((track, n) =>
      codecOf(track, header.payloadType) === undefined && repairOf(track, header.payloadType) === undefined
        ? []
        : [n],
    );
    const [only] = fitting;
    const track = only === undefined ? undefined : this.#tracks[only];
    if (only === undefined || track === undefined || fitting.length > 1) return undefined;
    return this.#within(only, track, packet, header);
  }

  #within(n: number, track: PublishedTrack, packet: Uint8Array, header: RtpHeader): BoundSource | undefined {
    const { extensions, rids } = track;
    const repair = repairOf(track, header.payloadType) !== undefined;
    if (!repair && codecOf(track, header.payloadType) === undefined) return undefined;
    if (rids.length === 0) {
      // Several declared SSRCs are layers as well: they are told apart by their declaration.
      return track.ssrcs.length > 1 ? this.#byDeclaration(header) : { track: n, rid: "", repair };
    }
    const id = repair ? extensions.repairedRid : extensions.rid;
    const rid = id === undefined ? undefined : findTextExtension(packet, header, id);
    return rid !== undefined && rids.includes(rid) ? { track: n, rid, repair } : undefined;
  }
}

/** The name of a declared SSRC's layer: its rid, or its place. */
function declaredRid({ rids, ssrcs }: PublishedTrack, place: number): string {
  return rids[place] ?? (ssrcs.length > 1 && place >= 0 ? String(place) : "");
}

/** The codec that a payload type stands for, media or redundant audio. */
export function codecOf({ codecs }: PublishedTrack, payloadType: number): AgreedCodec | undefined {
  return codecs.find((codec) => codec.payloadType === payloadType || codec.red === payloadType);
}

/** The codec whose retransmissions have a payload type. */
export function repairOf({ codecs }: PublishedTrack, payloadType: number): AgreedCodec | undefined {
  return codecs.find((codec) => codec.repair === payloadType);
}
