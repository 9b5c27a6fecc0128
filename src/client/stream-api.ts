import type { Cancel, Ended, Live, LocalMedia, Media } from "./api.ts";
import type { SwitchboardError } from "./error.ts";

// The public types of streams of the media server.

export interface PublishOptions extends Cancel {
  readonly media?: Media | undefined;
  /** Sends up to three layers of video, by the size of the picture, so that each viewer gets the one that fits. */
  readonly simulcast?: boolean | undefined;
  /** Video codecs to prefer, best first, such as `["h264"]`. */
  readonly codecs?: readonly string[] | undefined;
}

export interface ViewOptions extends Cancel {
  /** Both are true unless you say otherwise. */
  readonly audio?: boolean | undefined;
  readonly video?: boolean | undefined;
}

/** A layer of a publisher's video. */
export interface StreamLayer {
  /** Empty without simulcast. */
  readonly rid: string;
  /** bit/s */
  readonly bitrate: number;
  readonly framesPerSecond: number;
  readonly width?: number | undefined;
  readonly height?: number | undefined;
}

/** What a viewer wants of the video at most. An empty wish takes whatever fits. */
export interface LayerWish {
  readonly rid?: string;
  /** In pixels. */
  readonly height?: number;
  /** In bit/s. */
  readonly bitrate?: number;
}

interface StreamSide extends Live {
  /** The name, without `stream:`. */
  readonly stream: string;
  readonly viewers: number;
  /** What the publisher sends, as the server sees it. */
  readonly layers: readonly StreamLayer[];
  /** Why it isn't live, if that is known. */
  readonly error: SwitchboardError | undefined;
  readonly pc: RTCPeerConnection | undefined;
  readonly ended: Promise<Ended>;
  stop(): Promise<void>;
}

/** A stream that this device publishes. */
export interface Broadcast extends StreamSide {
  /** `waiting` never lasts: another publisher's stream is asked for again. */
  readonly state: "waiting" | "connecting" | "live" | "reconnecting" | "ended";
  readonly media: LocalMedia | undefined;
  stats(): Promise<BroadcastStats>;
}

export interface BroadcastStats {
  /** The smallest first. */
  readonly layers: readonly {
    readonly rid: string;
    readonly height?: number | undefined;
    /** bit/s since the last call. */
    readonly bitrate?: number | undefined;
    readonly framesPerSecond?: number | undefined;
  }[];
  /** Round-trip time, ms. */
  readonly rtt: number | undefined;
  /** The share of packets lost on the way to the server, from 0 to 1. */
  readonly loss: number | undefined;
}

/** A stream that this device views. */
export interface Viewing extends StreamSide {
  /** `waiting`: it isn't live yet. */
  readonly state: "waiting" | "connecting" | "live" | "reconnecting" | "ended";
  /** One stream for as long as you view, over all reconnects: set `srcObject` once. */
  readonly remote: MediaStream;
  /** Chooses a layer. Rejects when the server refuses it. */
  prefer(wish: LayerWish): Promise<void>;
  stats(): Promise<ViewingStats>;
}

export interface ViewingStats {
  readonly height?: number | undefined;
  readonly framesPerSecond?: number | undefined;
  /** The share of video packets that were lost, from 0 to 1. */
  readonly loss?: number | undefined;
  /** Round-trip time to the server, and how long the video waits in the receiver's buffer. ms */
  readonly rtt?: number | undefined;
  readonly buffered?: number | undefined;
}
