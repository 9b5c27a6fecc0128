import { DirectUdpBatch } from "./direct-udp-batch.ts";
import { runtime } from "./listen.ts";
import type { UdpBatch } from "./udp-batch.ts";

export interface UdpBatchOptions {
  /** Calls no C library by itself. */
  readonly portable?: boolean;
  /** False where the kernel shall not cut messages into datagrams, though it can. */
  readonly segments?: boolean;
  /** Bytes of datagrams that may wait. */
  readonly bytes?: number;
}

/** Makes a batch of the best kind that works here, for sockets of `bindUdp`. */
export async function openUdpBatch({
  portable = false,
  segments = true,
  bytes = 8 << 20,
}: UdpBatchOptions = {}): Promise<UdpBatch> {
  if (runtime === "bun") {
    const { nativeSockets } = await import("./native-socket.ts");
    if (nativeSockets && !portable) {
      const { hasSegments, NativeUdpBatch } = await import("./native-udp-batch.ts");
      return new NativeUdpBatch(bytes, segments && (await hasSegments()));
    }
    const { BunUdpBatch } = await import("./bun-udp-batch.ts");
    return new BunUdpBatch(bytes);
  }
  return new DirectUdpBatch();
}
