import type { LayerReport } from "../control.ts";
import type { AgreedCodec, PublishedTrack } from "../negotiated.ts";
import type { PeerEvent, StreamInfo } from "../service.ts";
import type { MediaPeer } from "./media-peer.ts";

/** A stream that is live, or whose publisher is waited for. */
export class LiveStream {
  readonly name: string;
  /** The worker that the publisher is at. */
  readonly worker: number;
  /** The publisher whose media viewers get. */
  publisher: MediaPeer | undefined;
  /** One that has not connected yet. */
  newcomer: MediaPeer | undefined;
  readonly viewers = new Set<MediaPeer>();
  /** What the publisher sends. */
  tracks: readonly PublishedTrack[] = [];
  /** Other workers that get it, and how many viewers each has. */
  readonly followers = new Map<number, number>();
  /** Heights of the smaller sizes that are made where the publisher sends one size, and those that viewers of each worker take. */
  readonly ladder: readonly number[];
  readonly renditions = new Map<number, readonly number[]>();
  codecs: StreamInfo["codecs"] = {};
  /** What the publisher before sent. */
  #formerCodecs: StreamInfo["codecs"] = {};
  layers: readonly LayerReport[] = [];
  /** The session of the publisher that is waited for: it may still say that it has ended the stream. */
  formerPublisher: string | undefined;
  /** Ends the wait for a publisher that has vanished. */
  stopWaiting: (() => void) | undefined;
  /** Cancels the news of the number of viewers that is due. */
  countTold: (() => void) | undefined;

  constructor(name: string, worker: number, ladder: readonly number[]) {
    this.name = name;
    this.worker = worker;
    this.ladder = ladder;
  }

  /** Media flows, or has flowed a moment ago. */
  get live(): boolean {
    return this.publisher !== undefined && this.publisher.state === "connected";
  }

  /** Notes what a publisher sends: viewers must take the first codec of each kind. */
  describe(tracks: readonly PublishedTrack[]): void {
    this.tracks = tracks;
    const first = (kind: "audio" | "video"): AgreedCodec | undefined =>
      tracks.find((track) => track.kind === kind)?.codecs[0];
    const [audio, video] = [first("audio"), first("video")];
    this.#formerCodecs = this.codecs;
    this.codecs = { ...(audio && { audio }), ...(video && { video }) };
  }

  /**
   * True where the viewer, who came to another publisher, can't have all that this one sends: its codec, or sound or video that there was
   * not before.
   */
  isBeyond({ takes }: MediaPeer): boolean {
    return (["audio", "video"] as const).some((kind) => {
      const codec = this.codecs[kind];
      if (codec === undefined || takes.has(codec.name)) return false;
      const former = this.#formerCodecs[kind];
      return former === undefined || takes.has(former.name);
    });
  }

  /** Its publisher, the one that is to follow, and its viewers. */
  get peers(): MediaPeer[] {
    const peers = [this.publisher, this.newcomer, ...this.viewers];
    return peers.filter((peer) => peer !== undefined);
  }

  /** Tells all its peers. */
  tell(event: PeerEvent): void {
    for (const peer of this.peers) peer.tell(event);
  }

  get info(): StreamInfo {
    const { name, live, layers, codecs } = this;
    return { name, live, viewers: this.viewers.size, layers, codecs };
  }
}
