/** What an SDP exchange came to, in a form that a worker takes: plain objects that survive JSON. */

export const codecNames = ["opus", "vp8", "vp9", "h264", "av1"] as const;
export type CodecName = (typeof codecNames)[number];

/** A codec that both ends agreed on, with the payload types of one end. */
export interface AgreedCodec {
  readonly name: CodecName;
  readonly payloadType: number;
  readonly clockRate: number;
  /** The value of its `a=fmtp` line; empty for none. */
  readonly parameters: string;
  /** The payload type of its retransmissions (RTX, RFC 4588). */
  readonly repair?: number;
  /** The payload type of audio with redundancy (RED, RFC 2198). */
  readonly red?: number;
  /** The feedback that was agreed on (RFC 4585, RFC 5104). */
  readonly nack: boolean;
  readonly pli: boolean;
  readonly fir: boolean;
  readonly remb: boolean;
  readonly transportFeedback: boolean;
}

/** Ids of header extensions (RFC 8285), from 1 to 14, where they were agreed on. */
export interface ExtensionIds {
  readonly mid?: number;
  readonly rid?: number;
  readonly repairedRid?: number;
  readonly transportSequence?: number;
  readonly absoluteSendTime?: number;
  readonly audioLevel?: number;
  readonly dependencyDescriptor?: number;
  readonly playoutDelay?: number;
  readonly videoOrientation?: number;
}

/** A track that a publisher sends. */
export interface PublishedTrack {
  readonly kind: "audio" | "video";
  readonly mid: string;
  /** Best first. Payload types are those that the publisher sends. */
  readonly codecs: readonly AgreedCodec[];
  /** Simulcast layers in the order of the offer; empty without simulcast. */
  readonly rids: readonly string[];
  /** SSRCs that the offer names; empty where packets are told apart by mid and rid. */
  readonly ssrcs: readonly number[];
  /** Of those, each with the SSRC of its retransmissions. */
  readonly repairs: readonly (readonly [ssrc: number, repair: number])[];
  readonly extensions: ExtensionIds;
}

/** A track that a viewer receives. */
export interface ViewedTrack {
  readonly kind: "audio" | "video";
  readonly mid: string;
  /** All codecs that the viewer takes, best first, with the payload types that it expects. */
  readonly codecs: readonly AgreedCodec[];
  /** What we send with, for as long as the viewer's keys live. */
  readonly ssrc: number;
  readonly repairSsrc: number;
  readonly extensions: ExtensionIds;
}

/** How one peer is reached and known: ICE credentials (RFC 8839) and DTLS (RFC 8842). */
export interface TransportParameters {
  readonly localUfrag: string;
  readonly localPwd: string;
  readonly remoteUfrag: string;
  readonly remotePwd: string;
  /** `server` where our answer says `a=setup:passive`. */
  readonly dtlsRole: "client" | "server";
  /** Values of the peer's `a=fingerprint` lines. */
  readonly fingerprints: readonly string[];
}
