import { bindUdp } from "../../net/udp.ts";
import type { UdpSocket } from "../../net/udp-socket.ts";
import type { RemoteCandidate } from "../control.ts";
import type { MediaPath } from "../transport/path.ts";
import type { TransportTable } from "../transport/transport-table.ts";
import { UdpPaths } from "./udp-paths.ts";

export interface OutgoingPaths {
  readonly paths: readonly MediaPath[];
  close(): void;
}

/**
 * Paths to a peer that our own offer reaches, by sockets that only it has: the peer may be a server with one port, which several of our streams go
 * to. Rejects with an Error where there can be no socket.
 */
export async function openOutgoingPaths(
  table: TransportTable,
  now: () => number,
  candidates: readonly RemoteCandidate[],
): Promise<OutgoingPaths> {
  const sockets: UdpSocket[] = [];
  const paths: MediaPath[] = [];
  const close = (): void => {
    for (const socket of sockets) socket.close();
  };
  try {
    for (const any of ["0.0.0.0", "::"]) {
      const reached = candidates.filter(({ address }) => address.includes(":") === any.includes(":"));
      if (reached.length === 0) continue;
      const udp = new UdpPaths(table, now);
      const socket = await bindUdp({ address: any, port: 0, receive: udp.receive.bind(udp) });
      sockets.push(socket);
      udp.use(socket);
      paths.push(...reached.flatMap(({ address, port }) => udp.to(address, port) ?? []));
    }
  } catch (error) {
    close();
    throw error;
  }
  return { paths, close };
}
