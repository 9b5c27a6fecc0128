import type { SealedPayload } from "../../wire/srtp/sender.ts";

/** How packets leave for one peer. The transport seals them: see `SrtpSender` for what `index` is and must be. */
export interface MediaSender {
  /**
   * Sends a packet: a header of `headerBytes` and a payload. Both are read during the call only. False where the packet didn't leave; its index
   * counts as used all the same.
   */
  rtp(header: Uint8Array, headerBytes: number, payload: SealedPayload, index: number): boolean;
  /** Sends a compound packet. */
  rtcp(compound: Uint8Array): void;
  /** Bytes that wait to be sent: what a TCP connection has not taken yet. */
  readonly buffered: number;
  /** How long an answer of the peer takes, in ms; undefined as long as nobody knows. */
  readonly roundTrip?: number | undefined;
  /** The highest index that left under an SSRC, and −1 for none, where the peer may have been a viewer before: a new one goes on behind it. */
  highest?(ssrc: number): number;
  /** How many packets behind the newest of an SSRC may leave late or again: a power of two, or 0 where its indexes only rise. Said before its first packet. */
  expect?(ssrc: number, packets: number): void;
}

/** What a viewer asks for, at most. Without a field there is no limit of that kind. */
export interface LayerWish {
  readonly rid?: string | undefined;
  /** In pixels. */
  readonly height?: number | undefined;
  /** In bit/s. */
  readonly bitrate?: number | undefined;
  /** The highest temporal layer; 0 is the base. */
  readonly temporal?: number | undefined;
}

/** Packets of a stream that its viewers have not been given yet. */
export interface GatheredPackets {
  /**
   * Gives the next viewers all that waits for them, one viewer after the other, and `most` viewers at most. True once everybody has everything; the next
   * call goes on where this one stopped.
   */
  flush(now: number, most?: number): boolean;
  /** When the first packet came that no viewer has been given; undefined where there is none, and while the viewers have their turn. */
  readonly waitingSince?: number | undefined;
}

/** What can be set about forwarding. Times in ms, rates in bit/s. */
export interface ForwardOptions {
  /** The CNAME of what we send and report (RFC 3550 §6.5.1): ASCII. */
  readonly cname: string;
  /** What a publisher may send: told to it by REMB, and enforced at twice that. */
  readonly publisherBitrate: number;
  /** A viewer begins with the best layer of at most this rate. */
  readonly startBitrate: number;
  /** The playout delay that viewers are asked to keep within. */
  readonly playoutDelay: { readonly min: number; readonly max: number };
  /**
   * Packets begin to wait; it may be called again while they do. Whoever gets this calls `flush` soon, until that answers true: a viewer that is given a
   * frame at once costs less than one that is given it packet by packet. Without it, packets go on as they come.
   */
  readonly gather?: (packets: GatheredPackets) => void;
  /** Tells which smaller sizes viewers take or wait for, by height, when that changes. */
  readonly renditionsWanted?: (heights: readonly number[]) => void;
  /** Tells that a viewer gets another layer. */
  readonly layerChanged?: (viewer: number, rid: string) => void;
}

export const defaultForwardOptions: ForwardOptions = {
  cname: "switchboard",
  publisherBitrate: 8_000_000,
  startBitrate: 2_500_000,
  playoutDelay: { min: 0, max: 1_000 },
};

/** What a stream counts, from its beginning. */
export interface ForwardCounters {
  /** Packets that publishers sent, and those among them that were malformed, of no known source, or over the rate. */
  received: number;
  malformed: number;
  unknownSource: number;
  overRate: number;
  /** Packets that came by RTX and were still missing. */
  recovered: number;
  forwarded: number;
  /** Packets that the transport of a viewer didn't take. */
  refused: number;
  repeated: number;
  /** Requests for packets that weren't answered: asked for too often, over the budget, or no longer kept. */
  repeatsTooSoon: number;
  repeatsOverBudget: number;
  repeatsMissing: number;
  keyframeRequests: number;
  /** RTCP that was malformed, and RTCP and keyframe requests of viewers that send too many. */
  malformedRtcp: number;
  rtcpOverRate: number;
  layerSwitches: number;
  /** Times that a viewer's video stopped because what was sent before still waits. */
  stalled: number;
}

export function newCounters(): ForwardCounters {
  return {
    ...{ received: 0, malformed: 0, unknownSource: 0, overRate: 0, recovered: 0, forwarded: 0, refused: 0 },
    ...{ repeated: 0, repeatsTooSoon: 0, repeatsOverBudget: 0, repeatsMissing: 0, keyframeRequests: 0 },
    ...{ malformedRtcp: 0, rtcpOverRate: 0, layerSwitches: 0, stalled: 0 },
  };
}
