import type { WhipPushPorts } from "../push/whip-pushes.ts";
import type { LiveStream } from "./live-stream.ts";
import type { StreamPorts, StreamRules } from "./ports.ts";
import type { StreamSource } from "./stream-outputs.ts";

/** Where the media of streams comes from, for what takes it beside viewers: the packager, and pushes to other servers. */
export class StreamSources {
  readonly #ports: StreamPorts;
  readonly #rules: StreamRules;
  readonly #streams: ReadonlyMap<string, LiveStream>;

  constructor(ports: StreamPorts, rules: StreamRules, streams: ReadonlyMap<string, LiveStream>) {
    this.#ports = ports;
    this.#rules = rules;
    this.#streams = streams;
  }

  /** Where the media of a live stream comes from; undefined for one that isn't live. */
  of(name: string): StreamSource | undefined {
    const stream = this.#streams.get(name);
    const from = stream && this.#ports.worker(stream.worker)?.relay;
    if (!stream?.live || stream.publisher === undefined || from === undefined) return undefined;
    return { from, tracks: stream.tracks, publisher: stream.publisher.id };
  }

  /** Heights of the smaller sizes of a stream that viewers take or wait for, at any worker; the greatest first. */
  renditions(name: string): readonly number[] {
    const wanted = [...(this.#streams.get(name)?.renditions.values() ?? [])].flat();
    return [...new Set(wanted)].sort((one, other) => other - one);
  }

  /** The worker that a live stream's publisher is at, and what a peer there is told; undefined for one that isn't live. */
  place(name: string): ReturnType<WhipPushPorts["place"]> {
    const stream = this.#streams.get(name);
    const worker = stream && this.#ports.worker(stream.worker);
    if (!stream?.live || worker === undefined) return undefined;
    const { fingerprint } = worker;
    return {
      ...{ worker: stream.worker, fingerprint, tracks: stream.tracks },
      candidates: this.#rules.candidates(worker),
    };
  }
}
