import { connectUnix, type LocalStream, listenUnix } from "../../net/unix-socket.ts";
import { readU32 } from "../../wire/bytes.ts";
import { parseRtcp } from "../../wire/rtp/rtcp.ts";
import type { OpenedRtp } from "../../wire/srtp/receiver.ts";
import type { MediaSender } from "../forward/ports.ts";
import type { Stream } from "../forward/stream.ts";
import type { PublishedTrack } from "../negotiated.ts";
import { FrameWriter, frameType, packetOf, RelayReader, renditionOf } from "../relay/frames.ts";

/** Bytes that may wait for another worker: what comes then is dropped, and the other one asks for a keyframe. */
const mostBuffered = 8 << 20;

/** Sources of one publisher whose sender reports are kept. */
const mostReports = 16;
const senderReport = 200;

/** The streams whose publisher is at this worker, for other workers that have viewers of them, and for the packager. */
export class RelayServer {
  readonly #taps = new Map<string, Set<Tap>>();
  /** The last sender report of each source, by stream and SSRC: without them sound and picture can't be put together. */
  readonly #reports = new Map<string, Map<number, Uint8Array>>();
  readonly #streamOf: (name: string) => Stream | undefined;
  readonly #now: () => number;
  #stop: () => void = () => {};

  constructor(streamOf: (name: string) => Stream | undefined, now: () => number) {
    this.#streamOf = streamOf;
    this.#now = now;
  }

  /** Rejects with an Error where the path can't be used. */
  async listen(path: string): Promise<void> {
    this.#stop = await listenUnix(path, (stream) => {
      const reader = new RelayReader();
      let tap: Tap | undefined;
      return {
        data: (chunk) => {
          const read = reader.push(chunk, ({ type, body }) => {
            const begins = type === frameType.subscribe || type === frameType.observe;
            if (begins && tap === undefined) {
              tap = new Tap(stream, new TextDecoder().decode(body), type === frameType.subscribe);
              this.#add(tap);
              const reports = type === frameType.observe ? this.#reports.get(tap.name) : undefined;
              for (const report of reports?.values() ?? []) tap.rtcp(report);
            } else if (type === frameType.rtcp && tap !== undefined) this.#wanted(tap.name, body);
            else if (type === frameType.rendition && tap !== undefined) this.#rendition(tap.name, body);
          });
          if (!read) stream.destroy();
        },
        closed: () => {
          if (tap !== undefined) this.#remove(tap);
        },
      };
    });
  }

  /** A packet of the stream's publisher. */
  rtp(name: string, packet: OpenedRtp): void {
    for (const tap of this.#taps.get(name) ?? []) tap.rtp(packet);
  }

  rtcp(name: string, compound: Uint8Array): void {
    for (const tap of this.#taps.get(name) ?? []) tap.rtcp(compound);
    if (compound[1] !== senderReport) return;
    const reports = this.#reports.get(name) ?? new Map<number, Uint8Array>();
    const ssrc = readU32(compound, 4);
    if (reports.size >= mostReports && !reports.has(ssrc)) return;
    reports.set(ssrc, compound.slice());
    this.#reports.set(name, reports);
  }

  /** The publisher has gone. */
  ended(name: string): void {
    this.#reports.delete(name);
  }

  stop(): void {
    this.#stop();
  }

  #add(tap: Tap): void {
    const taps = this.#taps.get(tap.name);
    if (taps === undefined) this.#taps.set(tap.name, new Set([tap]));
    else taps.add(tap);
  }

  #remove(tap: Tap): void {
    const taps = this.#taps.get(tap.name);
    if (taps?.delete(tap) && taps.size === 0) this.#taps.delete(tap.name);
  }

  /** A packet of a smaller size, for the viewers of this worker and of the others. */
  #rendition(name: string, body: Uint8Array): void {
    const rendition = renditionOf(body);
    if (rendition === undefined) return;
    this.#streamOf(name)?.rendition(rendition.height, rendition.packet, this.#now());
    for (const tap of this.#taps.get(name) ?? []) if (tap.views) tap.rendition(body);
  }

  /** The viewers of another worker need keyframes. */
  #wanted(name: string, compound: Uint8Array): void {
    for (const packet of parseRtcp(compound) ?? [])
      if (packet.type === "pli") this.#streamOf(name)?.wantKeyframe(packet.media);
      else if (packet.type === "fir")
        for (const ssrc of packet.media) this.#streamOf(name)?.wantKeyframe(ssrc);
  }
}

/** Another worker that gets what a publisher sends. Frames leave once for each turn of the event loop. */
class Tap {
  readonly name: string;
  /** False for the packager, which makes the smaller sizes itself. */
  readonly views: boolean;
  readonly #out: Gathered;

  constructor(stream: LocalStream, name: string, views: boolean) {
    this.name = name;
    this.views = views;
    this.#out = new Gathered(stream);
  }

  rtp(packet: OpenedRtp): void {
    this.#out.add((frames) => frames.rtp(packet));
  }

  rtcp(compound: Uint8Array): void {
    this.#out.add((frames) => frames.frame(frameType.rtcp, compound));
  }

  rendition(body: Uint8Array): void {
    this.#out.add((frames) => frames.frame(frameType.rendition, body));
  }
}

/** Who takes a relayed stream, what its publisher sends, and the heights of the smaller sizes that viewers can have. */
interface Followed {
  readonly stream: Pick<Stream, "setPublisher" | "publisherRtp" | "publisherRtcp"> &
    Partial<Pick<Stream, "rendition">>;
  readonly tracks: readonly PublishedTrack[];
  readonly ladder?: readonly number[];
}

/** A stream whose publisher is at another worker: its packets come by a Unix socket, and requests for keyframes go back. */
export class RelayedPublisher implements MediaSender {
  readonly buffered = 0;
  readonly #out: Gathered;
  readonly #stream: LocalStream;

  /** Takes the place of the stream's publisher, until the connection ends. */
  static follow(
    path: string,
    name: string,
    { stream, tracks, ladder }: Followed,
    now: () => number,
    ended: () => void,
    subscription: number = frameType.subscribe,
  ): RelayedPublisher {
    const reader = new RelayReader();
    const socket = connectUnix(path, {
      data: (chunk) => {
        const read = reader.push(chunk, ({ type, body }) => {
          const packet = type === frameType.rtp ? packetOf(body) : undefined;
          if (packet !== undefined) stream.publisherRtp(packet, now());
          else if (type === frameType.rtcp) stream.publisherRtcp(body, now());
          else if (type === frameType.rendition) {
            const rendition = renditionOf(body);
            if (rendition !== undefined) stream.rendition?.(rendition.height, rendition.packet, now());
          }
        });
        if (!read) socket.destroy();
      },
      closed: ended,
    });
    const publisher = new RelayedPublisher(socket, name, subscription);
    stream.setPublisher(tracks.map(withoutFeedback), publisher, now(), ladder);
    return publisher;
  }

  private constructor(stream: LocalStream, name: string, subscription: number) {
    this.#stream = stream;
    this.#out = new Gathered(stream);
    this.#out.add((frames) => frames.frame(subscription, new TextEncoder().encode(name)));
  }

  rtp(): boolean {
    return false;
  }

  rtcp(compound: Uint8Array): void {
    this.#out.add((frames) => frames.frame(frameType.rtcp, compound));
  }

  /** Gives the publisher's worker a packet of a smaller size, made of the layer whose SSRC it has. */
  rendition(height: number, packet: Pick<OpenedRtp, "packet" | "index">): void {
    this.#out.add((frames) => frames.rendition(height, packet));
  }

  close(): void {
    this.#stream.destroy();
  }
}

/** Frames that leave together. */
class Gathered {
  readonly #stream: LocalStream;
  readonly #frames = new FrameWriter();
  #due = false;

  constructor(stream: LocalStream) {
    this.#stream = stream;
  }

  add(write: (frames: FrameWriter) => void): void {
    if (this.#stream.buffered + this.#frames.length > mostBuffered) return;
    write(this.#frames);
    if (this.#due) return;
    this.#due = true;
    setImmediate(() => {
      this.#due = false;
      this.#stream.write(this.#frames.take());
    });
  }
}

/** The worker of the publisher asks for lost packets and reports what comes; of this one only keyframe requests go there. */
function withoutFeedback(track: PublishedTrack): PublishedTrack {
  const codecs = track.codecs.map((codec) => ({
    ...codec,
    nack: false,
    remb: false,
    transportFeedback: false,
  }));
  return { ...track, codecs };
}
