import wrtc from "@roamhq/wrtc";
import { toneOf } from "./tone.ts";

const { RTCAudioSink } = wrtc.nonstandard;

interface Sound {
  readonly samples: Int16Array;
  readonly sampleRate: number;
  readonly channelCount: number;
}

/** Hears what a track of this process plays. */
export class Loudspeaker {
  #sink: { stop(): void } | undefined;
  #samples = new Float64Array(0);
  #rate = 48_000;
  #heard = 0;

  /** Plays this track, and no other. */
  follow(track: MediaStreamTrack): void {
    this.stop();
    const sink = new RTCAudioSink(track);
    this.#sink = sink;
    sink.ondata = ({ samples, sampleRate, channelCount }: Sound) => {
      this.#heard = performance.now();
      this.#rate = sampleRate;
      const mono = Float64Array.from(
        { length: samples.length / channelCount },
        (_, n) => (samples[n * channelCount] ?? 0) / 32_768,
      );
      const all = new Float64Array(Math.min(4_096, this.#samples.length + mono.length));
      const old = all.length - mono.length;
      all.set(this.#samples.subarray(this.#samples.length - old), 0);
      all.set(mono, old);
      this.#samples = all;
    };
  }

  /** The loudest tone that it plays now, in Hz; 0 for silence. */
  tone(): number {
    return performance.now() - this.#heard > 300 ? 0 : toneOf(this.#samples, this.#rate);
  }

  stop(): void {
    this.#sink?.stop();
    this.#sink = undefined;
    this.#samples = new Float64Array(0);
  }
}
