import type { MediaPath } from "./path.ts";

/** Room for one packet: `target` from `at` on. */
export interface PacketSlot {
  readonly target: Uint8Array;
  readonly at: number;
}

/**
 * Where packets of media are sealed into and sent from. A sink may gather them and send many with one system call; each slot is then good
 * until its packet has left.
 */
export interface PacketSink {
  /** Room for a packet of at most so many bytes, until the next call. The sink may answer with the same object each time. */
  slot(bytes: number): PacketSlot;
  /** Sends the first `length` bytes of the last slot by the path. False where they are dropped. */
  commit(length: number, path: MediaPath): boolean;
}

/** Bytes of a slot unless a larger one is asked for: a datagram of a usual MTU, and then some. */
const usualBytes = 2_048;

/** Sends each packet at once, from one buffer. */
export class DirectSink implements PacketSink {
  readonly #slot: { target: Uint8Array; readonly at: number } = { target: new Uint8Array(usualBytes), at: 0 };

  slot(bytes: number): PacketSlot {
    if (bytes > this.#slot.target.length) this.#slot.target = new Uint8Array(bytes);
    return this.#slot;
  }

  commit(length: number, path: MediaPath): boolean {
    return path.sendMedia(this.#slot.target, length);
  }
}
