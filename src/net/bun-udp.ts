import { NativeAddress, nativeSockets, sendNative, setSocketOption } from "./native-socket.ts";
import type { UdpOptions, UdpSocket, UdpTarget } from "./udp-socket.ts";

/** A flag of Bun's UDP sockets that its types lack. */
const ipv6Only = 8;

/** {@link UdpSocket} on Bun's own UDP sockets, which cost half as much as its `node:dgram`. */
export async function bindBunUdp(options: UdpOptions): Promise<BunUdpSocket> {
  const { address, port, receive, receiveBuffer = 0 } = options;
  const six = address.includes(":");
  const request = {
    hostname: address,
    port,
    flags: six ? ipv6Only : 0,
    binaryType: "uint8array",
    socket: {
      data: (_socket: unknown, bytes: Uint8Array, fromPort: number, fromAddress: string) =>
        receive(bytes, fromPort, fromAddress),
      // ICMP errors of peers. A lost datagram is not an error.
      error: () => {},
    },
  };
  const socket = await Bun.udpSocket<"uint8array">(request as Bun.udp.SocketOptions<"uint8array">);
  return new BunUdpSocket(socket, six, receiveBuffer);
}

/** See {@link bindBunUdp}. */
export class BunUdpSocket implements UdpSocket {
  readonly address: string;
  readonly port: number;
  readonly dontFragment?: (on: boolean) => void;
  readonly #socket: Bun.udp.Socket<"uint8array">;
  /** -1 once it is closed, when the number may be another socket's. */
  #descriptor: number;
  readonly #pathMtu: "pathMtu4" | "pathMtu6";

  constructor(socket: Bun.udp.Socket<"uint8array">, six: boolean, receiveBuffer: number) {
    this.#socket = socket;
    this.address = socket.hostname;
    this.port = socket.port;
    this.#descriptor = (socket as unknown as { readonly fd?: number }).fd ?? -1;
    this.#pathMtu = six ? "pathMtu6" : "pathMtu4";
    setSocketOption(this.#descriptor, six ? "reportErrors6" : "reportErrors4", 0);
    setSocketOption(this.#descriptor, six ? "packetInfo6" : "packetInfo4", 0);
    setSocketOption(this.#descriptor, this.#pathMtu, 0);
    if (receiveBuffer > 0) setSocketOption(this.#descriptor, "receiveBuffer", receiveBuffer);
    if (nativeSockets)
      this.dontFragment = (on) => {
        setSocketOption(this.#descriptor, this.#pathMtu, on ? 2 : 0);
      };
  }

  send(bytes: Uint8Array, port: number, address: string): boolean {
    return this.sendPart(bytes, bytes.length, this.target(port, address));
  }

  /** The number that the system knows the socket by; -1 once it is closed. */
  get descriptor(): number {
    return this.#descriptor;
  }

  target(port: number, address: string): BunTarget {
    return new BunTarget(port, address);
  }

  sendPart(bytes: Uint8Array, length: number, target: UdpTarget): boolean {
    const { native } = target as BunTarget;
    if (this.#descriptor >= 0 && nativeSockets && native !== undefined)
      return sendNative(this.#descriptor, bytes, length, native);
    if (this.#socket.closed) return false;
    try {
      return this.#socket.send(bytes.subarray(0, length), target.port, target.address);
    } catch {
      return false;
    }
  }

  /**
   * Sends datagrams, each named by its bytes, port and address. How many the system took: fewer when its buffer is full. Throws when it refuses one.
   */
  sendMany(list: readonly (Uint8Array | number | string)[]): number {
    return this.#socket.closed ? 0 : this.#socket.sendMany(list as Uint8Array[]);
  }

  close(): void {
    this.#descriptor = -1;
    this.#socket.close();
  }
}

/** Where to send, and what a batch keeps for it. */
export class BunTarget implements UdpTarget {
  readonly port: number;
  readonly address: string;
  readonly native: NativeAddress | undefined;
  /** The first and the last packet that waits for it in a batch; -1 for none. Only the batch sets them. */
  first = -1;
  last = -1;
  /** False once the system has refused to cut a message to it into datagrams. */
  segments = true;

  constructor(port: number, address: string) {
    this.port = port;
    this.address = address;
    this.native = NativeAddress.of(port, address);
  }
}
