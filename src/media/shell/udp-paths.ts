import type { UdpSocket, UdpTarget } from "../../net/udp-socket.ts";
import { formatAddress, parseAddress, unmapped } from "../../shared/ip-address.ts";
import type { TransportAddress } from "../../wire/stun/transport-address.ts";
import type { MediaPath, PathOwner } from "../transport/path.ts";
import type { TransportTable } from "../transport/transport-table.ts";

/** The paths of one UDP socket: one for each address on which a check has passed. Nothing is kept of a stranger. */
export class UdpPaths {
  readonly #table: TransportTable;
  readonly #now: () => number;
  /** By address, as the platform writes it, and port. */
  readonly #paths = new Map<string, Map<number, UdpPath>>();
  #socket: UdpSocket | undefined;

  constructor(table: TransportTable, now: () => number) {
    this.#table = table;
    this.#now = now;
  }

  /** Paths that are kept. */
  get size(): number {
    let count = 0;
    for (const ports of this.#paths.values()) count += ports.size;
    return count;
  }

  /** The socket to answer by. What comes before is dropped. */
  use(socket: UdpSocket): void {
    this.#socket = socket;
  }

  receive(bytes: Uint8Array, port: number, address: string): void {
    const path = this.#paths.get(address)?.get(port);
    if (path !== undefined) this.#table.datagram(bytes, path, this.#now());
    else if ((bytes[0] ?? 0xff) > 3) this.#table.drops.count("unknown_sender");
    else this.#stranger(bytes, port, address);
  }

  /** The path to an address that a peer has named; undefined before there is a socket. */
  to(address: string, port: number): UdpPath | undefined {
    const [socket, parsed] = [this.#socket, parseAddress(address)];
    if (socket === undefined || parsed === undefined) return undefined;
    const path = new UdpPath(this, socket, socket.target(port, address), { address: unmapped(parsed), port });
    return path;
  }

  keep(path: UdpPath): void {
    const { address, port } = path.target;
    let ports = this.#paths.get(address);
    if (ports === undefined) {
      ports = new Map();
      this.#paths.set(address, ports);
    }
    ports.set(port, path);
  }

  forget({ target: { address, port } }: UdpPath): void {
    const ports = this.#paths.get(address);
    if (ports?.delete(port) && ports.size === 0) this.#paths.delete(address);
  }

  /** STUN from an address that we don't know: maybe a peer's first check. */
  #stranger(bytes: Uint8Array, port: number, address: string): void {
    const socket = this.#socket;
    const parsed = parseAddress(address);
    if (socket === undefined || parsed === undefined) return;
    const path = new UdpPath(this, socket, socket.target(port, address), { address: unmapped(parsed), port });
    this.#table.datagram(bytes, path, this.#now());
  }
}

/** A peer's address, and the socket that it is reached by. */
export class UdpPath implements MediaPath {
  readonly address: TransportAddress;
  readonly target: UdpTarget;
  readonly reliable = false;
  readonly buffered = 0;
  owner: PathOwner | undefined;
  readonly #paths: UdpPaths;
  readonly socket: UdpSocket;

  constructor(paths: UdpPaths, socket: UdpSocket, target: UdpTarget, address: TransportAddress) {
    this.#paths = paths;
    this.socket = socket;
    this.target = target;
    this.address = address;
  }

  get key(): string {
    return `udp ${formatAddress(this.address.address)} ${this.address.port}`;
  }

  send(bytes: Uint8Array): boolean {
    return this.socket.sendPart(bytes, bytes.length, this.target);
  }

  sendMedia(bytes: Uint8Array, length: number): boolean {
    return this.socket.sendPart(bytes, length, this.target);
  }

  keep(): void {
    this.#paths.keep(this);
  }

  release(): void {
    this.#paths.forget(this);
  }
}
