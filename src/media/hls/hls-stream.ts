import type { AgreedCodec } from "../negotiated.ts";
import type { FromPackager } from "../packaging.ts";
import { Rendition, type WindowRules } from "./rendition.ts";

/** One stream as HLS serves it, from the first request to the last. */
export class HlsStream {
  readonly name: string;
  /** Unguessable and new each time, so that caches mix up no two of the same name. */
  readonly id: string;
  readonly take: number;
  readonly renditions = new Map<string, Rendition>();
  /** When it was asked for last, ms. */
  askedAt: number;
  /** Why it can't be served. */
  fault:
    | {
        readonly fault: "codec" | "reordered" | "transcoder";
        readonly codec: string;
        readonly reason: string;
      }
    | undefined;
  /** Of the publisher's picture: the same object for as long as the publisher is the same. */
  codec: AgreedCodec | undefined;
  /** There is nothing that makes its smaller sizes now. */
  withoutLadder = false;
  /** A rendition came to be of another codec: players need another multivariant playlist. */
  outdated = false;
  readonly #rules: WindowRules;
  #heard: (() => void)[] = [];

  constructor(name: string, id: string, take: number, rules: WindowRules, now: number) {
    this.name = name;
    this.id = id;
    this.take = take;
    this.#rules = rules;
    this.askedAt = now;
  }

  received(message: FromPackager, bytes: Uint8Array): void {
    if (message.type === "fault") {
      const { fault, codec, reason = "" } = message;
      if (fault === "ladder") this.withoutLadder = true;
      else this.fault ??= { fault, codec, reason };
    } else if (message.type === "init") {
      const { rendition: name, kind, init, codec, width, height } = message;
      const known = this.renditions.get(name);
      const rendition = known ?? new Rendition(name, kind, this.#rules);
      const before = known?.format?.codec;
      if (before !== undefined && familyOf(before) !== familyOf(codec)) this.outdated = true;
      rendition.use({ number: init, codec, width, height, bytes });
      this.renditions.set(name, rendition);
    } else if (message.type === "part") {
      const { type: _, take: __, rendition, start: ___, ...part } = message;
      this.renditions.get(rendition)?.add({ ...part, bytes });
    }
    const heard = this.#heard;
    this.#heard = [];
    for (const resolve of heard) resolve();
  }

  /** Resolves with the next thing that is heard of it, or at the end. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#heard.push(resolve));
  }

  end(): void {
    for (const rendition of this.renditions.values()) rendition.end();
    for (const resolve of this.#heard) resolve();
    this.#heard = [];
  }
}

/** Such as `avc1`. */
function familyOf(codec: string): string {
  return codec.split(".")[0] ?? "";
}
