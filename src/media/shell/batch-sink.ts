import type { UdpBatch } from "../../net/udp-batch.ts";
import type { PacketSink, PacketSlot } from "../transport/packet-sink.ts";
import type { MediaPath } from "../transport/path.ts";
import { UdpPath } from "./udp-paths.ts";

/**
 * Sends packets of UDP in batches: what is committed in one turn of the event loop leaves together.
 */
export class BatchSink implements PacketSink {
  readonly #batch: UdpBatch;
  #slot: PacketSlot = { target: new Uint8Array(0), at: 0 };
  #scheduled = false;

  constructor(batch: UdpBatch) {
    this.#batch = batch;
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
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.#batch.flush();
      });
    }
    return taken;
  }

  /** Sends what waits, now. */
  flush(): void {
    this.#batch.flush();
  }
}
