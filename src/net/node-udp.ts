import { createSocket, type Socket } from "node:dgram";
import type { UdpOptions, UdpSocket, UdpTarget } from "./udp-socket.ts";

/** {@link UdpSocket} on `node:dgram`. */
export function bindNodeUdp(options: UdpOptions): Promise<UdpSocket> {
  const { address, port, receive, receiveBuffer = 0 } = options;
  const six = address.includes(":");
  const socket = createSocket({
    type: six ? "udp6" : "udp4",
    ipv6Only: six,
    // Addresses are numeric: no lookup, and no waiting for one.
    lookup: (host, _options, done) => done(null, host, six ? 6 : 4),
    ...(receiveBuffer > 0 ? { recvBufferSize: receiveBuffer } : {}),
  });
  socket.on("message", (bytes, from) => receive(bytes, from.port, from.address));
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind({ address, port, exclusive: true }, () => {
      socket.off("error", reject);
      // ICMP errors of peers. A lost datagram is not an error.
      socket.on("error", () => {});
      resolve(new NodeUdpSocket(socket));
    });
  });
}

class NodeUdpSocket implements UdpSocket {
  readonly address: string;
  readonly port: number;
  readonly #socket: Socket;
  #open = true;

  constructor(socket: Socket) {
    this.#socket = socket;
    const { address, port } = socket.address();
    this.address = address;
    this.port = port;
  }

  send(bytes: Uint8Array, port: number, address: string): boolean {
    return this.sendPart(bytes, bytes.length, { port, address });
  }

  target(port: number, address: string): UdpTarget {
    return { port, address };
  }

  sendPart(bytes: Uint8Array, length: number, { port, address }: UdpTarget): boolean {
    if (!this.#open) return false;
    // Copy the bytes: if the socket is full, Node keeps them and sends them later, when the caller may have reused them.
    this.#socket.send(Buffer.from(bytes.subarray(0, length)), port, address);
    return true;
  }

  close(): void {
    this.#open = false;
    this.#socket.close();
  }
}
