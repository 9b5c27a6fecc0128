import type { PublishedTrack, TransportParameters, ViewedTrack } from "./negotiated.ts";

/** What the server says to a media worker. `peer` numbers peers of one worker, and is never used again. */
export type ToWorker =
  | { readonly type: "start"; readonly options: WorkerOptions }
  | {
      readonly type: "publish";
      readonly peer: number;
      readonly stream: string;
      readonly transport: TransportParameters;
      readonly tracks: readonly PublishedTrack[];
      /** Heights of the smaller sizes that viewers can have where the publisher sends one size. */
      readonly ladder?: readonly number[];
    }
  | {
      readonly type: "view";
      readonly peer: number;
      readonly stream: string;
      readonly transport: TransportParameters;
      readonly tracks: readonly ViewedTrack[];
      /** Of the peer's answer, where the offer was ours: the worker reaches it from ports of its own. */
      readonly candidates?: readonly RemoteCandidate[];
    }
  /** An ICE restart (RFC 8839 §4.4.1): other credentials, the same DTLS association. */
  | { readonly type: "restart"; readonly peer: number; readonly transport: TransportParameters }
  /** A viewer wants this layer at most: a rid, or undefined for whatever fits. */
  | {
      readonly type: "prefer";
      readonly peer: number;
      readonly rid?: string;
      readonly height?: number;
      readonly bitrate?: number;
      readonly temporal?: number;
    }
  | { readonly type: "close"; readonly peer: number }
  /** Viewers of the stream will come here, though its publisher is at another worker: the packets come from its Unix socket. */
  | {
      readonly type: "follow";
      readonly stream: string;
      readonly from: string;
      readonly tracks: readonly PublishedTrack[];
      readonly ladder?: readonly number[];
    }
  | { readonly type: "unfollow"; readonly stream: string }
  | { readonly type: "stop" };

/** Where a peer is reached by UDP; the address is numeric. */
export interface RemoteCandidate {
  readonly address: string;
  readonly port: number;
}

/** What a worker is started with. */
export interface WorkerOptions {
  /** Numeric addresses to listen on. */
  readonly listen: readonly string[];
  /** UDP and TCP; 0 for any free port. */
  readonly port: number;
  /** Takes neither libcrypto nor sendmmsg. */
  readonly portable: boolean;
  /** False where the kernel shall not cut messages into datagrams; for measurements. */
  readonly segments?: boolean;
  /** The Unix socket for other workers; empty where there are none. */
  readonly relay: string;
  readonly limits: WorkerLimits;
}

/** The bounds of one worker. */
export interface WorkerLimits {
  readonly publishers: number;
  readonly viewers: number;
  /** Packets that it forwards a second. */
  readonly packetsPerSecond: number;
  /** Bits a second that one publisher may send. */
  readonly publisherBitrate: number;
}

/** Why a worker refuses a peer. */
type MediaRefusal = "full" | "stopping";

/** One simulcast layer as it comes in, or a smaller size that is made of it. */
export interface LayerReport {
  readonly rid: string;
  /** Bits per second, of the last second. */
  readonly bitrate: number;
  readonly framesPerSecond: number;
  readonly width?: number;
  readonly height?: number;
  /** Share of packets that were lost on the way to us and never came again, from 0 to 1. */
  readonly lost: number;
  /** Made by an encoder of ours, which runs while somebody takes it: until then, the bitrate is the one to expect. */
  readonly rendition?: boolean;
}

/** What a worker says to the server. */
export type FromWorker =
  | {
      readonly type: "started";
      /** The value of `a=fingerprint` of the worker's certificate. */
      readonly fingerprint: string;
      readonly udpPort: number;
      readonly tcpPort: number;
      /** What seals packets and what sends them, such as `libcrypto` and `sendmmsg`, or `node:crypto` and `sendMany`. */
      readonly crypto: string;
      readonly sending: string;
    }
  | { readonly type: "failed"; readonly reason: string }
  | { readonly type: "opened"; readonly peer: number }
  | { readonly type: "refused"; readonly peer: number; readonly reason: MediaRefusal }
  /** DTLS is done: media can flow. Again after the peer was `lost`. */
  | { readonly type: "connected"; readonly peer: number }
  /** Nothing has been heard from the peer for a while: it may come back, or restart ICE. */
  | { readonly type: "lost"; readonly peer: number }
  | { readonly type: "closed"; readonly peer: number; readonly reason: string }
  /** Each second, of each stream that has a publisher here. */
  | {
      readonly type: "stream";
      readonly stream: string;
      readonly layers: readonly LayerReport[];
      readonly audioBitrate: number;
    }
  /** The smaller sizes of a stream that viewers of this worker take or wait for, by height; told when they change. */
  | { readonly type: "renditions"; readonly stream: string; readonly heights: readonly number[] }
  /** A viewer gets another layer. */
  | { readonly type: "layer"; readonly peer: number; readonly rid: string }
  | { readonly type: "report"; readonly report: WorkerReport };

/** What a worker counts, each half second. */
export interface WorkerReport {
  readonly publishers: number;
  readonly viewers: number;
  /** Packets forwarded a second. */
  readonly packetsPerSecond: number;
  /** How late the worker's timers are, at the 99th percentile of the last half second. ms */
  readonly lag: number;
  /** When it was made, in ms of the worker's clock, and the µs of CPU time that the worker had used by then. */
  readonly at?: number;
  readonly cpu?: number;
  /** What seals packets by now: `node:crypto` from the first time on that libcrypto computed something else. */
  readonly crypto?: string;
  readonly counters: Readonly<Record<string, number>>;
}
