import type { UdpSocket, UdpTarget } from "./udp-socket.ts";

/** Room for one packet: `target` from `at` on. */
export interface UdpSlot {
  readonly target: Uint8Array;
  readonly at: number;
}

/** What a batch counts, from its beginning. */
export interface UdpBatchCounters {
  /** Datagrams that the system took. */
  sent: number;
  /** What they left in: calls of the system, and messages, of which one may hold many datagrams. */
  calls: number;
  messages: number;
  /** Times that the system's buffer was full, and datagrams that were dropped since it was full for too long. */
  blocked: number;
  dropped: number;
  /** Datagrams that the system refused. */
  failed: number;
}

/** How datagrams leave: by sendmmsg, cut out of longer messages by the kernel or not; by Bun's own call; one by one. */
export type UdpSending = "sendmmsg+gso" | "sendmmsg" | "sendMany" | "sendto";

/**
 * Gathers datagrams and sends many at once. Of one target they leave in the order in which they were committed.
 *
 * ```ts
 * const { target, at } = batch.slot(1_200);
 * // write the packet to target, from at on
 * batch.commit(length, socket, to);
 * batch.flush();
 * ```
 */
export interface UdpBatch {
  readonly name: UdpSending;
  readonly counters: Readonly<UdpBatchCounters>;
  /** Datagrams that wait. */
  readonly waiting: number;
  /** Room for a datagram of at most so many bytes, until the next call. The batch may answer with the same object each time. */
  slot(bytes: number): UdpSlot;
  /**
   * Takes the first `length` bytes of the last slot, to be sent by this socket to this target, which the same socket made. False when
   * the datagram is dropped. The target may wait for one socket only.
   */
  commit(length: number, socket: UdpSocket, to: UdpTarget): boolean;
  /** Sends what was committed. What the system doesn't take now is tried again soon, and dropped after some 20 ms. */
  flush(): void;
  /** Stops trying. What waits is dropped. */
  close(): void;
}

export function newUdpBatchCounters(): UdpBatchCounters {
  return { sent: 0, calls: 0, messages: 0, blocked: 0, dropped: 0, failed: 0 };
}
