import { Histogram } from "./histogram.ts";
import type { LoadSocket } from "./load-socket.ts";

/** One device of a relay load: what it sends, and how it reads what comes. */
export interface RelayDevice {
  readonly socket: LoadSocket;
  /** The next frame to the other end. Valid until the next call. */
  nextFrame(): Uint8Array;
  /** True when the payload is a relayed message; else the device has dealt with it. */
  isMessage(bytes: Uint8Array, start: number): boolean;
  /** Something to write beside the messages, such as an acknowledgement. */
  housekeeping(): Uint8Array | undefined;
}

export interface RelayResult {
  readonly messagesPerSecond: number;
  readonly p50: number;
  readonly p99: number;
}

/**
 * Keeps so many messages of each device in flight to its partner: as one arrives the next is sent. `pairs` are the two
 * ends of each session. Resolves after `warmUp` and `measure` seconds.
 */
export async function runRelay(
  pairs: readonly (readonly [RelayDevice, RelayDevice])[],
  inFlight: number,
  warmUp: number,
  measure: number,
  measuring: (began: boolean) => void,
): Promise<RelayResult> {
  const histogram = new Histogram();
  let received = 0;
  let stopped = false;
  const flows: Flow[] = [];
  for (const [one, two] of pairs) {
    flows.push(new Flow(one, inFlight), new Flow(two, inFlight));
  }
  for (let n = 0; n < flows.length; n += 2) {
    const [there, back] = [flows[n] as Flow, flows[n + 1] as Flow];
    for (const [sending, receiving] of [
      [there, back],
      [back, there],
    ] as const) {
      const { device } = receiving;
      device.socket.onFrame = (bytes, start) => {
        if (!device.isMessage(bytes, start)) return;
        received += 1;
        histogram.record(sending.arrived());
        if (!stopped) sending.send();
      };
      device.socket.onRead = () => {
        sending.flush();
      };
    }
  }
  for (const flow of flows) {
    for (let n = 0; n < inFlight; n++) flow.send();
    flow.flush();
  }
  await Bun.sleep(warmUp * 1_000);
  measuring(true);
  received = 0;
  histogram.clear();
  const began = performance.now();
  await Bun.sleep(measure * 1_000);
  const seconds = (performance.now() - began) / 1_000;
  const result = {
    messagesPerSecond: received / seconds,
    p50: histogram.percentile(0.5),
    p99: histogram.percentile(0.99),
  };
  measuring(false);
  stopped = true;
  await Bun.sleep(200);
  return result;
}

/** One direction: when what is under way was sent, and the frames that wait for the end of a read. */
class Flow {
  readonly device: RelayDevice;
  readonly #sentAt: Float64Array;
  readonly #inFlight: number;
  #out: Uint8Array;
  #length = 0;
  #head = 0;
  #tail = 0;

  constructor(device: RelayDevice, inFlight: number) {
    this.device = device;
    this.#inFlight = inFlight;
    this.#sentAt = new Float64Array(inFlight);
    this.#out = new Uint8Array(1_024 * (inFlight + 1));
  }

  send(): void {
    const frame = this.device.nextFrame();
    this.#out.set(frame, this.#length);
    this.#length += frame.length;
    this.#sentAt[this.#tail++ % this.#inFlight] = performance.now();
  }

  /** Writes what waits, with what the device has to say beside it. */
  flush(): void {
    if (this.#length === 0) return;
    const extra = this.device.housekeeping();
    if (extra !== undefined) {
      this.#out.set(extra, this.#length);
      this.#length += extra.length;
    }
    this.device.socket.write(this.#out.slice(0, this.#length));
    this.#length = 0;
  }

  /** How long the oldest that was under way took. */
  arrived(): number {
    return performance.now() - (this.#sentAt[this.#head++ % this.#inFlight] as number);
  }
}
