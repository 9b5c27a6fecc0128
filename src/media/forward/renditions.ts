import { parseRtp } from "../../wire/rtp/packet.ts";
import type { OpenedRtp } from "../../wire/srtp/receiver.ts";
import { renditionBitrate } from "../packaging.ts";
import { Layer } from "./layer.ts";
import { mostPayload } from "./outgoing-source.ts";
import { StoredPacket } from "./stored-packet.ts";

/** How long a size is made that nobody takes any more: a viewer may come back to it. ms */
const linger = 5_000;
/** How long an encoder may take to start, and may be silent while somebody gets its pictures, ms; and how long the size isn't offered then. */
const [startPatience, silencePatience, pause] = [10_000, 1_000, 30_000];
/** Ms between keyframes that are asked of the publisher for one size. */
const keyframeInterval = 1_000;

interface Rendition {
  readonly height: number;
  readonly layer: Layer;
  /** The index of the newest packet as its maker counts, and as the layer does. */
  index: number;
  own: number;
  /** When somebody took it last, and since when nothing comes though it should. */
  takenAt: number;
  missingSince: number;
  /** Until when it isn't offered, since nothing came of it. */
  pausedUntil: number;
  askedAt: number;
}

/**
 * The smaller sizes of a publisher's only layer, as layers beside it: an encoder elsewhere makes those that viewers take or wait for. They have
 * the RTP clock of the layer that they are made of. They are offered while that is of H.264, and larger.
 */
export class Renditions {
  readonly #publisher: object;
  readonly #heights: readonly number[];
  readonly #wanted: (heights: readonly number[]) => void;
  readonly #gather: (() => void) | undefined;
  #source: Layer | undefined;
  #renditions: Rendition[] = [];
  #told = "";

  /** `wanted`: told which heights are to be made, when that changes. */
  constructor(
    publisher: object,
    heights: readonly number[],
    wanted: (heights: readonly number[]) => void,
    gather: (() => void) | undefined,
  ) {
    this.#publisher = publisher;
    this.#heights = heights;
    this.#wanted = wanted;
    this.#gather = gather;
  }

  get layers(): Layer[] {
    return this.#renditions.map(({ layer }) => layer);
  }

  /** The sizes are made of this layer from now on. Answers the layers that stand for them. */
  follow(source: Layer, now: number): Layer[] {
    for (const { layer } of this.#renditions) layer.stop();
    this.#source = source;
    this.#renditions = this.#heights.map((height) => {
      const { ssrc, clock } = source;
      const layer = new Layer(this.#publisher, "video", `${height}p`, ssrc, clock.rate, this.#gather, source);
      layer.offered = false;
      const never = Number.NEGATIVE_INFINITY;
      const times = { takenAt: never, missingSince: now, pausedUntil: never, askedAt: never };
      return { height, layer, index: -1, own: -1, ...times };
    });
    return this.layers;
  }

  /** A packet of one size, with the SSRC of the layer that it was made of. `packet`: read during the call only. */
  rtp(height: number, { packet, ssrc, index }: OpenedRtp, now: number): void {
    const rendition = this.#renditions.find((one) => one.height === height);
    const codec = this.#source?.head?.codec;
    const header = parseRtp(packet);
    if (rendition === undefined || codec?.name !== "h264" || ssrc !== this.#source?.ssrc) return;
    if (header === undefined || header.payloadBytes === 0 || header.payloadBytes > mostPayload) return;
    // Whoever makes them may begin anew, and count from there: something is missing then, as behind a loss.
    rendition.own += index === rendition.index + 1 ? 1 : 2;
    rendition.index = index;
    const stored = new StoredPacket(packet.slice(header.length, header.length + header.payloadBytes), {
      ...{ codec, payloadType: codec.payloadType, marker: header.marker, timestamp: header.timestamp },
      ...{ arrival: now, dependency: undefined, orientation: undefined, audioLevel: undefined },
    });
    rendition.layer.receive(stored, rendition.own, now);
  }

  tick(now: number): void {
    const source = this.#source;
    if (source === undefined) return;
    const { width = 0, height = 0 } = source;
    const usable = source.head?.codec.name === "h264" && source.flows(now);
    const wanted: number[] = [];
    for (const rendition of this.#renditions) {
      const { layer } = rendition;
      layer.tick(now);
      layer.offered = usable && height > rendition.height && now >= rendition.pausedUntil;
      layer.height = rendition.height;
      // A picture of half the lines takes about half the rate, whatever it shows.
      const share = height === 0 ? 1 : Math.min(1, rendition.height / height);
      layer.expected = Math.min(renditionBitrate(rendition.height), share * source.bitrate);
      layer.width = height === 0 ? 0 : 2 * Math.round((width * rendition.height) / height / 2);
      const gets = layer.viewers.length > 0;
      if (gets || layer.waiting > 0) rendition.takenAt = now;
      const flows = layer.flows(now);
      if (flows || !usable || rendition.takenAt < now) rendition.missingSince = now;
      else if (now - rendition.missingSince > (gets ? silencePatience : startPatience))
        rendition.pausedUntil = now + pause;
      if (layer.offered && now - rendition.takenAt < linger) wanted.push(rendition.height);
      if (!flows || !layer.wantsKeyframe || now - rendition.askedAt < keyframeInterval) continue;
      rendition.askedAt = now;
      source.wantKeyframe();
    }
    this.#tell(wanted);
  }

  /** The publisher is gone. */
  stop(): void {
    for (const { layer } of this.#renditions) layer.stop();
    this.#tell([]);
  }

  #tell(wanted: readonly number[]): void {
    const told = wanted.join();
    if (told === this.#told) return;
    this.#told = told;
    this.#wanted(wanted);
  }
}
