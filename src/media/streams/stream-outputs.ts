import type { PublishedTrack } from "../negotiated.ts";
import type { ToPackager } from "../packaging.ts";
import type { RtmpTarget } from "../rtmp/target.ts";

/** Where a live stream comes from. */
export interface StreamSource {
  /** The Unix socket of the publisher's worker. */
  readonly from: string;
  readonly tracks: readonly PublishedTrack[];
  /** Names the publisher. */
  readonly publisher: string;
}

export interface OutputPorts {
  /** Undefined for a stream without a publisher that is connected. */
  source(name: string): StreamSource | undefined;
  /** Whether the stream is recorded by rule. */
  records(name: string): boolean;
  /** Heights that the stream may have beside the publisher's own: HLS has all of them. */
  ladder(name: string): readonly number[];
  /** Those that viewers by WebRTC take or wait for. */
  renditions(name: string): readonly number[];
  post(message: ToPackager): void;
}

interface Take {
  readonly number: number;
  readonly hls: boolean;
  readonly record: boolean;
  readonly publisher: string;
  /** Heights, as text to compare. */
  readonly renditions: string;
}

/**
 * Which streams the packager takes, and what it makes of each: HLS while it is asked for, recordings by rule or on demand, pushes by RTMP, smaller
 * sizes while viewers take them. Pure, but for its ports.
 */
export class StreamOutputs {
  readonly #ports: OutputPorts;
  readonly #takes = new Map<string, Take>();
  readonly #hls = new Set<string>();
  readonly #demanded = new Set<string>();
  /** The streams of attempts to push. */
  readonly #pushes = new Map<number, string>();
  #last = 0;

  constructor(ports: OutputPorts) {
    this.#ports = ports;
  }

  /** Packages the stream for HLS, or no longer; answers the number of the take, undefined where nobody publishes. */
  wantHls(name: string, wanted: boolean): number | undefined {
    if (wanted) this.#hls.add(name);
    else this.#hls.delete(name);
    this.changed(name);
    return this.#takes.get(name)?.number;
  }

  /** Records the stream from now on, until it is over or no longer wanted. False where nobody publishes it. */
  wantRecording(name: string, wanted: boolean): boolean {
    if (wanted && this.#ports.source(name) === undefined) return false;
    if (wanted) this.#demanded.add(name);
    else this.#demanded.delete(name);
    this.changed(name);
    return true;
  }

  /** Why the stream is recorded: by rule, on demand, or not at all. */
  recording(name: string): "rule" | "demand" | undefined {
    if (this.#ports.source(name) === undefined) return undefined;
    if (this.#ports.records(name)) return "rule";
    return this.#demanded.has(name) ? "demand" : undefined;
  }

  /** Begins an attempt to push the stream; `push` is its number. False where nobody publishes it. */
  push(name: string, push: number, address: string, target: RtmpTarget): boolean {
    this.#pushes.set(push, name);
    this.changed(name);
    const take = this.#takes.get(name)?.number;
    if (take === undefined) {
      this.#pushes.delete(push);
      return false;
    }
    this.#ports.post({ type: "push", take, push, address, target });
    return true;
  }

  /** Ends an attempt, or notes that it is over. */
  endPush(push: number): void {
    const name = this.#pushes.get(push);
    if (name === undefined) return;
    this.#pushes.delete(push);
    this.#ports.post({ type: "unpush", push });
    this.changed(name);
  }

  /** The stream has begun, has another publisher, or something else is to be made of it. */
  changed(name: string): void {
    const source = this.#ports.source(name);
    const known = this.#takes.get(name);
    const hls = this.#hls.has(name);
    const record = this.#demanded.has(name) || this.#ports.records(name);
    const pushed = [...this.#pushes.values()].includes(name);
    const renditions = this.#ports.renditions(name);
    if (!hls && !record && !pushed && renditions.length === 0) {
      if (known !== undefined) this.over(name);
      return;
    }
    // Without a publisher, what was taken waits for another one.
    if (source === undefined) return;
    const { publisher } = source;
    const take = {
      number: known?.number ?? this.#last + 1,
      hls,
      record,
      publisher,
      renditions: renditions.join(),
    };
    const same =
      known?.publisher === publisher &&
      known.hls === hls &&
      known.record === record &&
      known.renditions === take.renditions;
    if (same) return;
    this.#last = Math.max(this.#last, take.number);
    this.#takes.set(name, take);
    const wanted = { hls, ladder: this.#ports.ladder(name), renditions, record };
    this.#ports.post({ type: "take", take: take.number, stream: name, ...wanted, ...source });
  }

  /** The stream is over. */
  over(name: string): void {
    const take = this.#takes.get(name);
    this.#hls.delete(name);
    this.#demanded.delete(name);
    if (take === undefined) return;
    this.#takes.delete(name);
    this.#ports.post({ type: "leave", take: take.number });
  }

  /** The packager has died: answers the streams that it had, which are to be taken anew, and the attempts to push that are over. */
  lost(): { readonly names: string[]; readonly pushes: number[] } {
    const names = [...this.#takes.keys()];
    const pushes = [...this.#pushes.keys()];
    this.#takes.clear();
    // Whoever asks for HLS asks again.
    this.#hls.clear();
    this.#pushes.clear();
    return { names, pushes };
  }
}
