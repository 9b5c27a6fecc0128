import type { OpenedRtp } from "../../wire/srtp/receiver.ts";
import type { SealedPayload } from "../../wire/srtp/sender.ts";
import type { ToWorker } from "../control.ts";
import type { LayerWish, MediaSender } from "../forward/ports.ts";
import type { Stream } from "../forward/stream.ts";
import type { Viewer } from "../forward/viewer.ts";
import type { PublishedTrack, ViewedTrack } from "../negotiated.ts";
import type { PeerPorts, PeerTransport } from "../transport/peer-transport.ts";

type JoinMessage = Extract<ToWorker, { type: "publish" | "view" }>;

/** A publisher or viewer of this worker: its transport, and once that is connected its place in a stream. */
export class HostedPeer implements MediaSender {
  readonly number: number;
  readonly name: string;
  readonly role: "publisher" | "viewer";
  transport!: PeerTransport;
  stream: Stream | undefined;
  viewer: Viewer | undefined;
  /** When media or RTCP came from it last. */
  heardAt = 0;
  /** It was said to be lost, since nothing comes from it. */
  vanished = false;
  /** Of the message; not there any more once it is in a stream. */
  #tracks: JoinMessage["tracks"] | undefined;
  readonly #ladder: readonly number[];

  constructor(message: JoinMessage) {
    this.number = message.peer;
    this.name = message.stream;
    this.role = message.type === "publish" ? "publisher" : "viewer";
    this.#tracks = message.tracks;
    this.#ladder = (message.type === "publish" && message.ladder) || [];
  }

  /** It is the publisher whose packets viewers get. */
  get sends(): boolean {
    return this.stream !== undefined && this.role === "publisher";
  }

  /** Puts it into the stream, once it is connected. Does nothing where it is in one. */
  join(stream: Stream, now: number): void {
    const tracks = this.#tracks;
    if (tracks === undefined) return;
    this.#tracks = undefined;
    this.stream = stream;
    if (this.role === "publisher")
      stream.setPublisher(tracks as readonly PublishedTrack[], this, now, this.#ladder);
    else this.viewer = stream.addViewer(tracks as readonly ViewedTrack[], this, now, this.number);
  }

  /** A packet of RTP came from it. */
  receivedRtp(packet: OpenedRtp, now: number): void {
    this.heardAt = now;
    if (this.role === "publisher") this.stream?.publisherRtp(packet, now);
  }

  /** A compound packet of RTCP came from it. */
  receivedRtcp(compound: Uint8Array, now: number): void {
    this.heardAt = now;
    if (this.viewer !== undefined) this.stream?.viewerRtcp(this.viewer, compound, now);
    else if (this.role === "publisher") this.stream?.publisherRtcp(compound, now);
  }

  prefer(wish: LayerWish, now: number): void {
    if (this.viewer !== undefined) this.stream?.prefer(this.viewer, wish, now);
  }

  // MediaSender

  get buffered(): number {
    return this.transport.buffered;
  }

  get roundTrip(): number | undefined {
    return this.transport.rtt;
  }

  rtp(header: Uint8Array, headerBytes: number, payload: SealedPayload, index: number): boolean {
    return this.transport.sendRtp(header, headerBytes, payload, index);
  }

  expect(ssrc: number, packets: number): void {
    this.transport.expect(ssrc, packets);
  }

  rtcp(compound: Uint8Array): void {
    this.transport.sendRtcp(compound);
  }
}

/** What a host does with what its peers tell. */
export interface HostEvents {
  connected(peer: HostedPeer, now: number): void;
  lost(peer: HostedPeer): void;
  closed(peer: HostedPeer, reason: string): void;
  rtp(peer: HostedPeer, packet: OpenedRtp, now: number): void;
  rtcp(peer: HostedPeer, compound: Uint8Array, now: number): void;
}

/** Tells a host which peer something happened to: two words for each of thousands, in place of as many functions. */
export class PeerEvents implements PeerPorts {
  readonly #peer: HostedPeer;
  readonly #host: HostEvents;

  constructor(peer: HostedPeer, host: HostEvents) {
    this.#peer = peer;
    this.#host = host;
  }

  connected(now: number): void {
    this.#host.connected(this.#peer, now);
  }

  lost(): void {
    this.#host.lost(this.#peer);
  }

  closed(reason: string): void {
    this.#host.closed(this.#peer, reason);
  }

  rtp(packet: OpenedRtp, now: number): void {
    this.#host.rtp(this.#peer, packet, now);
  }

  rtcp(compound: Uint8Array, now: number): void {
    this.#host.rtcp(this.#peer, compound, now);
  }
}
