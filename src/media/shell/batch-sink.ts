import { after } from "../../net/clock.ts";
import type { UdpBatch } from "../../net/udp-batch.ts";
import type { PacketSink, PacketSlot } from "../transport/packet-sink.ts";
import type { MediaPath } from "../transport/path.ts";
import { gatherTime } from "./busy-meter.ts";
import { UdpPath } from "./udp-paths.ts";

/** A packet that is longer belongs to video. */
const longestAudio = 400;

/**
 * Gathers packets and sends those of UDP in batches: what comes of one turn of the event loop leaves together, and while the process is busy
 * that of a few ms, so that the packets of one viewer leave in fewer, longer messages. Sound alone never waits.
 */
export class BatchSink implements PacketSink {
  readonly #batch: UdpBatch;
  readonly #busy: () => number;
  #slot: PacketSlot = { target: new Uint8Array(0), at: 0 };
  #scheduled = false;
  #stopTimer: (() => void) | undefined;

  /** `busy`: the share of its core that this process uses, from 0 to 1. */
  constructor(batch: UdpBatch, busy: () => number) {
    this.#batch = batch;
    this.#busy = busy;
  }

  slot(bytes: number): PacketSlot {
    this.#slot = this.#batch.slot(bytes);
    return this.#slot;
  }

  commit(length: number, path: MediaPath): boolean {
    if (!(path instanceof UdpPath)) {
      const { target, at } = this.#slot;
      return path.sendMedia(target.subarray(at, at + length), length);
    }
    const taken = this.#batch.commit(length, path.socket, path.target);
    if (!this.#scheduled) this.#schedule(length);
    return taken;
  }

  /** Sends what waits, now. */
  flush(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    this.#scheduled = false;
    this.#batch.flush();
  }

  #schedule(length: number): void {
    this.#scheduled = true;
    const wait = length > longestAudio ? gatherTime(this.#busy()) : 0;
    if (wait > 0) this.#stopTimer = after(wait, () => this.flush());
    else setImmediate(() => this.flush());
  }
}
