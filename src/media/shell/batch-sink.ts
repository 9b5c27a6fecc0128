import type { UdpBatch, UdpSlot } from "../../net/udp-batch.ts";
import type { PacketSink, PacketSlot } from "../transport/packet-sink.ts";
import type { MediaPath } from "../transport/path.ts";
import { UdpPath } from "./udp-paths.ts";

/** Gathers packets for UDP in a batch, which its owner flushes. Those for ICE-TCP are written at once. */
export class BatchSink implements PacketSink {
  readonly #batch: UdpBatch;
  #slot: UdpSlot;

  constructor(batch: UdpBatch) {
    this.#batch = batch;
    this.#slot = batch.slot(0);
  }

  slot(bytes: number): PacketSlot {
    this.#slot = this.#batch.slot(bytes);
    return this.#slot;
  }

  commit(length: number, path: MediaPath): boolean {
    if (path instanceof UdpPath) return this.#batch.commit(length, path.socket, path.target);
    const { target, at } = this.#slot;
    return path.sendMedia(target.subarray(at, at + length), length);
  }
}
