import { formatAddress } from "../shared/ip-address.ts";
import type { Family, TransportAddress } from "../wire/stun/transport-address.ts";
import type { DatagramSocket } from "./datagram-socket.ts";

/** A relay's own UDP socket. */
export interface RelaySocket extends DatagramSocket {
  readonly port: number;
  /** Gets what peers send. Without a receiver it is dropped. */
  receiver: RelayReceiver | undefined;
  /** Sends to another worker's relay at this port of our relayed address, or to a local peer; false when there is neither. */
  toSibling?(bytes: Uint8Array, length: number, port: number): boolean;
  /** Sets the DF bit for what is sent from now on. Undefined if the platform can't. */
  dontFragment?(on: boolean): void;
  close(): void;
}

export interface RelayReceiver {
  /** A datagram of a peer. The receiver may keep the bytes. */
  fromPeer(bytes: Uint8Array, port: number, address: string): void;
}

/** The sockets to open: one; one with an even port; or two, the first with an even port. */
export interface RelayRequest {
  readonly family: Family;
  readonly shape: "any" | "even" | "pair";
}

/** Opens relay sockets on unguessable ports. */
export interface RelayPorts {
  /** The address families that relays can have. */
  readonly families: readonly Family[];
  /** True when sockets can set the DF bit. */
  readonly dontFragment: boolean;
  /** Calls `done` once, now or later, with the sockets, or with undefined when no port is free. */
  open(requested: RelayRequest, done: (sockets: readonly RelaySocket[] | undefined) => void): void;
  /** The address of relays of this family, as clients are told. */
  advertised(family: Family): Uint8Array;
}

/** The allocation of a relay, which gets what arrives there. */
export interface RelayOwner {
  /** A datagram that arrived at the relay's socket. */
  fromSocket(bytes: Uint8Array, port: number, address: string): void;
  /** A payload from another relay of this server. There must be four bytes of room before it. */
  deliver(frame: Uint8Array, length: number, port: number, address: string): void;
}

/** A relayed transport address of an allocation. */
export class Relay implements RelayReceiver {
  readonly family: Family;
  readonly socket: RelaySocket;
  /** As clients are told. */
  readonly address: TransportAddress;
  readonly addressText: string;
  readonly allocation: RelayOwner;

  constructor(family: Family, socket: RelaySocket, address: Uint8Array, allocation: RelayOwner) {
    this.family = family;
    this.socket = socket;
    this.address = { address, port: socket.port };
    this.addressText = formatAddress(address);
    this.allocation = allocation;
    socket.receiver = this;
  }

  fromPeer(bytes: Uint8Array, port: number, address: string): void {
    this.allocation.fromSocket(bytes, port, address);
  }
}

/** All relays of a server by family and port: how one allocation finds another without the network. */
export class Relays {
  readonly #byPort: Readonly<Record<Family, Map<number, Relay>>> = { 1: new Map(), 2: new Map() };

  get size(): number {
    return this.#byPort[1].size + this.#byPort[2].size;
  }

  find(family: Family, port: number): Relay | undefined {
    return this.#byPort[family].get(port);
  }

  add(relay: Relay): void {
    this.#byPort[relay.family].set(relay.address.port, relay);
  }

  /** Forgets the relay and closes its socket. */
  close(relay: Relay): void {
    this.#byPort[relay.family].delete(relay.address.port);
    relay.socket.receiver = undefined;
    relay.socket.close();
  }
}
