import { runtime } from "./listen.ts";
import type { UdpOptions, UdpSocket } from "./udp-socket.ts";

/** Binds a socket. Rejects with an Error that has a `code` (such as EADDRINUSE) when the address can't be used. */
export async function bindUdp(options: UdpOptions): Promise<UdpSocket> {
  if (runtime === "bun") {
    const { bindBunUdp } = await import("./bun-udp.ts");
    return bindBunUdp(options);
  }
  const { bindNodeUdp } = await import("./node-udp.ts");
  return bindNodeUdp(options);
}

/** True when sockets have `dontFragment`. */
export async function canSetDontFragment(): Promise<boolean> {
  if (runtime !== "bun") return false;
  return (await import("./native-socket.ts")).nativeSockets;
}
