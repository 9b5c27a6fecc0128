import type { OpenedRtp } from "../../wire/srtp/receiver.ts";
import type { SealedPayload } from "../../wire/srtp/sender.ts";
import type { ToWorker } from "../control.ts";
import type { LayerWish, MediaSender } from "../forward/ports.ts";
import type { Stream } from "../forward/stream.ts";
import type { Viewer } from "../forward/viewer.ts";
import type { PeerTransport } from "../transport/peer-transport.ts";

/** A publisher or viewer of this worker: its transport, and once that is connected its place in a stream. */
export class HostedPeer implements MediaSender {
  readonly message: Extract<ToWorker, { type: "publish" | "view" }>;
  transport!: PeerTransport;
  stream: Stream | undefined;
  viewer: Viewer | undefined;
  /** When media or RTCP came from it last. */
  heardAt = 0;
  /** It was said to be lost, since nothing comes from it. */
  vanished = false;

  constructor(message: HostedPeer["message"]) {
    this.message = message;
  }

  get number(): number {
    return this.message.peer;
  }

  get name(): string {
    return this.message.stream;
  }

  get role(): "publisher" | "viewer" {
    return this.message.type === "publish" ? "publisher" : "viewer";
  }

  /** It is the publisher whose packets viewers get. */
  get sends(): boolean {
    return this.stream !== undefined && this.message.type === "publish";
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

  rtp(header: Uint8Array, headerBytes: number, payload: SealedPayload, index: number): boolean {
    return this.transport.sendRtp(header, headerBytes, payload, index);
  }

  rtcp(compound: Uint8Array): void {
    this.transport.sendRtcp(compound);
  }
}
