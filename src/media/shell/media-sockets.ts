import { ConnectionCaps, type ConnectionLimits } from "../../net/connection-caps.ts";
import { listenTcp, type TcpListener } from "../../net/tcp.ts";
import { bindUdp } from "../../net/udp.ts";
import type { UdpSocket } from "../../net/udp-socket.ts";
import type { TransportTable } from "../transport/transport-table.ts";
import { type IceTcpLimits, IceTcpPaths } from "./ice-tcp-paths.ts";
import { UdpPaths } from "./udp-paths.ts";

export interface MediaSocketOptions {
  /** Takes what comes. Its `tick` is the caller's to run. */
  readonly table: TransportTable;
  /** The clock of the table, in ms. */
  readonly now: () => number;
  /** Numeric addresses of this machine, IPv4 and IPv6. */
  readonly addresses: readonly string[];
  /** Of all of them, for UDP and ICE-TCP; 0 takes one that is free everywhere. */
  readonly port: number;
  /** Whether there is ICE-TCP; true by default. */
  readonly tcp?: boolean;
  readonly connections?: ConnectionLimits;
  readonly tcpLimits?: Partial<IceTcpLimits>;
  /** Bytes of each UDP socket's receive buffer, as far as the system allows. */
  readonly receiveBuffer?: number;
}

/** The sockets of one worker. */
export interface MediaSockets {
  readonly port: number;
  /** Addresses of peers that are kept. */
  readonly udpPaths: number;
  /** Open connections of ICE-TCP, with those that have passed no check yet. */
  readonly connections: number;
  /** Closes them all. */
  stop(): Promise<void>;
}

const mediaConnectionLimits: ConnectionLimits = { total: 10_000, perAddress: 100 };
const usualReceiveBuffer = 4 << 20;
/** How often another port is tried, when a free one of UDP is taken for TCP or at another address. */
const mostTries = 20;

/** Opens the sockets. Rejects with an Error that has a `code` (such as EADDRINUSE) when an address can't be used. */
export async function openMediaSockets(options: MediaSocketOptions): Promise<MediaSockets> {
  if (options.addresses.length === 0) throw new RangeError("there must be an address to listen on");
  for (let tries = 1; ; tries++)
    try {
      return await openOnce(options);
    } catch (error) {
      const taken = (error as { readonly code?: unknown }).code === "EADDRINUSE";
      if (options.port !== 0 || !taken || tries >= mostTries) throw error;
    }
}

async function openOnce(options: MediaSocketOptions): Promise<MediaSockets> {
  const { table, now, addresses, tcp = true, receiveBuffer = usualReceiveBuffer } = options;
  const caps = new ConnectionCaps({ ...mediaConnectionLimits, ...options.connections });
  const iceTcp = new IceTcpPaths(table, now, options.tcpLimits);
  const sockets: UdpSocket[] = [];
  const listeners: TcpListener[] = [];
  const udp: UdpPaths[] = [];
  const stop = async (): Promise<void> => {
    for (const socket of sockets) socket.close();
    await Promise.all(listeners.map((listener) => listener.stop()));
  };
  let { port } = options;
  try {
    for (const address of addresses) {
      const paths = new UdpPaths(table, now);
      const receive = paths.receive.bind(paths);
      const socket = await bindUdp({ address, port, receiveBuffer, receive });
      sockets.push(socket);
      port = socket.port;
      paths.use(socket);
      udp.push(paths);
      if (!tcp) continue;
      const accept = iceTcp.accept.bind(iceTcp);
      listeners.push(await listenTcp({ address, port, caps, accept }));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    port,
    get udpPaths() {
      return udp.reduce((sum, { size }) => sum + size, 0);
    },
    get connections() {
      return caps.size;
    },
    stop,
  };
}
