import { newUdpBatchCounters, type UdpBatch, type UdpBatchCounters, type UdpSlot } from "./udp-batch.ts";
import type { UdpSocket, UdpTarget } from "./udp-socket.ts";

/** Sends each datagram when it is committed. */
export class DirectUdpBatch implements UdpBatch {
  readonly name = "sendto";
  readonly counters: UdpBatchCounters = newUdpBatchCounters();
  readonly waiting = 0;
  readonly #slot = { target: new Uint8Array(2_048), at: 0 };

  slot(bytes: number): UdpSlot {
    if (bytes > this.#slot.target.length) this.#slot.target = new Uint8Array(bytes);
    return this.#slot;
  }

  commit(length: number, socket: UdpSocket, to: UdpTarget): boolean {
    const taken = socket.sendPart(this.#slot.target, length, to);
    this.counters.calls++;
    if (taken) {
      this.counters.sent++;
      this.counters.messages++;
    } else this.counters.failed++;
    return taken;
  }

  flush(): void {}

  close(): void {}
}
