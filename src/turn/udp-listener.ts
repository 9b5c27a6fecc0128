import { parseAddress, unmapped } from "../shared/ip-address.ts";
import type { TransportAddress } from "../wire/stun/transport-address.ts";
import type { Allocation } from "./allocation.ts";
import type { Client } from "./client.ts";
import type { DatagramSocket, DatagramTarget } from "./datagram-socket.ts";

/** One UDP listener. Finds the client of a datagram without an allocation of memory. */
export class UdpListener {
  readonly #socket: DatagramSocket;
  /** Clients by address (as the platform writes it) and port: only those with an allocation, or about to get one. */
  readonly #clients = new Map<string, Map<number, UdpClient>>();

  constructor(socket: DatagramSocket) {
    this.#socket = socket;
  }

  /** The number of clients that are kept. */
  get size(): number {
    let count = 0;
    for (const ports of this.#clients.values()) count += ports.size;
    return count;
  }

  find(address: string, port: number): Client | undefined {
    return this.#clients.get(address)?.get(port);
  }

  /** Makes a client that is not kept until {@link keep}. Undefined if the address is none. */
  stranger(address: string, port: number): Client | undefined {
    const bytes = parseAddress(address);
    return bytes && new UdpClient(this, this.#socket, address, { address: unmapped(bytes), port });
  }

  keep(address: string, port: number, client: UdpClient): void {
    let ports = this.#clients.get(address);
    if (ports === undefined) {
      ports = new Map();
      this.#clients.set(address, ports);
    }
    ports.set(port, client);
  }

  forget(address: string, port: number): void {
    const ports = this.#clients.get(address);
    if (ports?.delete(port) && ports.size === 0) this.#clients.delete(address);
  }
}

class UdpClient implements Client {
  readonly transport = "udp";
  readonly source: TransportAddress;
  readonly #listener: UdpListener;
  readonly #socket: DatagramSocket;
  readonly #address: string;
  /** Made for the first answer: most datagrams of a flood get none, and it owns memory of the platform's. */
  #to: DatagramTarget | undefined;
  #allocation: Allocation | undefined;
  #pending: Uint8Array | undefined;

  constructor(listener: UdpListener, socket: DatagramSocket, address: string, source: TransportAddress) {
    this.#listener = listener;
    this.#socket = socket;
    this.#address = address;
    this.source = source;
  }

  get #target(): DatagramTarget {
    this.#to ??= this.#socket.target(this.source.port, this.#address);
    return this.#to;
  }

  get allocation(): Allocation | undefined {
    return this.#allocation;
  }

  set allocation(allocation: Allocation | undefined) {
    this.#allocation = allocation;
  }

  get pending(): Uint8Array | undefined {
    return this.#pending;
  }

  set pending(transactionId: Uint8Array | undefined) {
    this.#pending = transactionId;
    if (transactionId !== undefined) this.#listener.keep(this.#address, this.source.port, this);
  }

  send(message: Uint8Array): void {
    this.#socket.sendPart(message, message.length, this.#target);
  }

  relay(bytes: Uint8Array, length: number): boolean {
    return this.#socket.sendPart(bytes, length, this.#target);
  }

  released(): void {
    this.#listener.forget(this.#address, this.source.port);
  }
}
