import { fail, ok, type Result } from "../../shared/result.ts";
import type { FromPackager } from "../packaging.ts";
import type { StreamInfo } from "../service.ts";
import { HlsStream } from "./hls-stream.ts";
import type { WindowRules } from "./rendition.ts";

/** Why a stream isn't served by HLS. `codec`: of the publisher. */
export type HlsFailure =
  | { readonly kind: "not-live" }
  /** The packager can't be reached, or has sent nothing in time. */
  | { readonly kind: "unavailable" }
  /** The publisher sends pictures, and none that players can begin with has come, or been made, in time. */
  | { readonly kind: "no-picture" }
  | { readonly kind: "codec"; readonly codec: string }
  | { readonly kind: "reordered" }
  /** There is no H.264 of the publisher's pictures; the reason in words. */
  | { readonly kind: "transcoder"; readonly codec: string; readonly reason: string };

export interface HlsPorts {
  now(): number;
  stream(name: string): StreamInfo | undefined;
  /** An unguessable text of so many random bytes, base64url. */
  random(bytes: number): string;
  /** Packages the stream for HLS, or no longer; answers the number of the take, undefined where that can't be. */
  want(name: string, wanted: boolean): number | undefined;
  after(ms: number, due: () => void): () => void;
}

export interface HlsRules extends WindowRules {
  /** Codecs that sound comes in. */
  readonly sounds: number;
  /** Pictures of other codecs are made H.264. */
  readonly transcodes: boolean;
  /** Heights that the stream has beside the publisher's own. */
  ladder(name: string): readonly number[];
}

/**
 * ms: without a request for so long packaging ends; so long the first request waits for the first part, and then for other renditions, which players
 * learn of once. AAC is there half a second after Opus, on a busy machine a second.
 */
const [idle, patience, companions] = [30_000, 8_000, 1_500];
const idBytes = 9;

/** All streams that are served by HLS. Pure, but for its ports. */
export class HlsStreams {
  readonly #ports: HlsPorts;
  readonly #rules: HlsRules;
  readonly #streams = new Map<string, HlsStream>();

  constructor(ports: HlsPorts, rules: HlsRules) {
    this.#ports = ports;
    this.#rules = rules;
  }

  get size(): number {
    return this.#streams.size;
  }

  /** The stream of that name, where the id is that of its current packaging. */
  find(name: string, id: string): HlsStream | undefined {
    const stream = this.#streams.get(name);
    if (stream === undefined || stream.id !== id) return undefined;
    stream.askedAt = this.#ports.now();
    return stream;
  }

  /** The stream, once there is something of it: packaging begins with the first request. */
  async open(name: string): Promise<Result<HlsStream, HlsFailure>> {
    const known = this.#streams.get(name);
    const info = this.#ports.stream(name);
    const another = known?.fault !== undefined && known.codec !== info?.codecs.video;
    if (known !== undefined && (known.outdated || another)) this.#end(known);
    if (info === undefined || (!info.live && !this.#streams.has(name))) return fail({ kind: "not-live" });
    const codec = info.codecs.video?.name;
    if (codec !== undefined && !isCarried(codec) && !this.#rules.transcodes)
      return fail({ kind: "codec", codec });
    const stream = this.#streams.get(name) ?? this.#begin(name, info);
    if (stream === undefined) return fail({ kind: "unavailable" });
    stream.askedAt = this.#ports.now();
    const due = stream.askedAt + patience;
    // Sound may come first: an encoder takes a while to begin, and so may a keyframe. Of a new publisher it isn't known yet whether pictures come.
    const sends = (): boolean => codec !== undefined && sendsPictures(this.#ports.stream(name));
    const pictured = (): boolean => sends() || (codec !== undefined && !isCarried(codec));
    await this.#until(stream, due, () => (pictured() ? pictureCount(stream) : readyCount(stream)) > 0);
    const { fault } = stream;
    if (fault !== undefined) {
      const { fault: kind, codec, reason } = fault;
      // A transcoder may be there the next time. What the publisher sends doesn't change.
      if (kind === "transcoder") this.#end(stream);
      return fail(
        kind === "reordered" ? { kind } : kind === "codec" ? { kind, codec } : { kind, codec, reason },
      );
    }
    // A player that is told of sound alone never looks for pictures again.
    if (sends() && pictureCount(stream) === 0) return fail({ kind: "no-picture" });
    if (readyCount(stream) === 0) return fail({ kind: "unavailable" });
    const steps = stepsOf(info, this.#rules.ladder(name));
    // Players learn of the sizes once: an encoder may take a while to begin.
    if (steps > 0) await this.#until(stream, due, () => stream.withoutLadder || pictureCount(stream) > steps);
    const expected = expectedOf(info, this.#rules.sounds) + (stream.withoutLadder ? 0 : steps);
    await this.#until(
      stream,
      Math.min(due, this.#ports.now() + companions),
      () => readyCount(stream) >= expected,
    );
    return ok(stream);
  }

  /** The packager said something. */
  received(message: FromPackager, bytes: Uint8Array): void {
    if (!("take" in message)) return;
    for (const stream of this.#streams.values())
      if (stream.take === message.take) stream.received(message, bytes);
  }

  /** The stream is over, or the packager has forgotten it. */
  over(name: string): void {
    const stream = this.#streams.get(name);
    if (stream !== undefined) this.#end(stream);
  }

  overAll(): void {
    for (const stream of [...this.#streams.values()]) this.#end(stream);
  }

  /** Ends what nobody asks for any more. Call about each second. */
  tick(): void {
    const since = this.#ports.now() - idle;
    for (const stream of [...this.#streams.values()]) if (stream.askedAt < since) this.#end(stream);
  }

  #begin(name: string, { codecs }: StreamInfo): HlsStream | undefined {
    const take = this.#ports.want(name, true);
    if (take === undefined) return undefined;
    const stream = new HlsStream(name, this.#ports.random(idBytes), take, this.#rules, this.#ports.now());
    stream.codec = codecs.video;
    this.#streams.set(name, stream);
    return stream;
  }

  #end(stream: HlsStream): void {
    if (this.#streams.get(stream.name) !== stream) return;
    this.#streams.delete(stream.name);
    this.#ports.want(stream.name, false);
    stream.end();
  }

  /** Waits for the condition, the stream's end, or until it is due. */
  async #until(stream: HlsStream, due: number, holds: () => boolean): Promise<void> {
    while (!holds() && stream.fault === undefined && this.#streams.get(stream.name) === stream) {
      const left = due - this.#ports.now();
      if (left <= 0) return;
      let cancel = (): void => {};
      const late = new Promise<void>((resolve) => {
        cancel = this.#ports.after(left, resolve);
      });
      await Promise.race([stream.next(), late]);
      cancel();
    }
  }
}

/** Pictures that HLS takes as they are. */
function isCarried(codec: string): boolean {
  return codec === "h264" || codec === "av1";
}

function readyCount({ renditions }: HlsStream): number {
  return [...renditions.values()].filter(({ newest }) => newest !== undefined).length;
}

function pictureCount({ renditions }: HlsStream): number {
  return [...renditions.values()].filter(({ kind, newest }) => kind === "video" && newest !== undefined)
    .length;
}

function sendsPictures(info: StreamInfo | undefined): boolean {
  return info?.layers.some(({ bitrate }) => bitrate > 0) === true;
}

/** How many smaller sizes are made of the publisher's one. */
function stepsOf({ layers }: StreamInfo, ladder: readonly number[]): number {
  const own = layers.filter(({ rendition }) => rendition !== true);
  const height = own.length === 1 ? (own[0]?.height ?? 0) : 0;
  return ladder.filter((one) => one < height).length;
}

/** How many renditions the publisher's layers and sound make. */
function expectedOf({ layers, codecs }: StreamInfo, sounds: number): number {
  const video =
    codecs.video === undefined
      ? 0
      : isCarried(codecs.video.name)
        ? Math.max(1, layers.filter(({ bitrate, rendition }) => bitrate > 0 && rendition !== true).length)
        : 1;
  return video + (codecs.audio === undefined ? 0 : sounds);
}
