import { descriptorsShort, isExhausted } from "../../net/descriptors.ts";
import { bindUdp } from "../../net/udp.ts";
import type { UdpSocket, UdpTarget } from "../../net/udp-socket.ts";
import { formatAddress } from "../../shared/ip-address.ts";
import { type Family, family as families } from "../../wire/stun/transport-address.ts";
import type { RelayPorts, RelayReceiver, RelayRequest, RelaySocket } from "../relay.ts";
import type { FleetPorts } from "./fleet-ports.ts";
import { type RelayAddress, reachableAddress } from "./public-address.ts";

export interface RelaySocketOptions {
  readonly addresses: Readonly<Partial<Record<Family, RelayAddress>>>;
  /** First and last port. */
  readonly ports: readonly [first: number, last: number];
  readonly dontFragment: boolean;
  /** The relay ports of all workers of a server. */
  readonly fleet?: FleetPorts;
  random(bytes: number): Uint8Array;
}

/** How many ports are tried at random before all are tried in order. */
const guesses = 16;
const receiveBuffer = 1 << 20;

/** Relay sockets on ports that can't be guessed (RFC 8656 §7.2), each bound for one relay only. */
export class RelaySockets implements RelayPorts {
  readonly families: readonly Family[];
  readonly dontFragment: boolean;
  readonly #options: RelaySocketOptions;
  #open = 0;

  constructor(options: RelaySocketOptions) {
    this.#options = options;
    this.dontFragment = options.dontFragment;
    this.families = [families.ipv4, families.ipv6].filter((one) => options.addresses[one] !== undefined);
  }

  /** Sockets that are open now. */
  get openSockets(): number {
    return this.#open;
  }

  advertised(family: Family): Uint8Array {
    const address = this.#options.addresses[family];
    if (address === undefined) throw new Error(`there are no relays of family ${family}`);
    return address.advertised;
  }

  open(requested: RelayRequest, done: (sockets: readonly RelaySocket[] | undefined) => void): void {
    void this.#find(requested).then(done);
  }

  async #find({ family, shape }: RelayRequest): Promise<RelaySocket[] | undefined> {
    const address = this.#options.addresses[family];
    if (address === undefined) return undefined;
    if (descriptorsShort()) return undefined;
    for (const port of this.#candidates(shape)) {
      const first = await this.#bind(family, address, port);
      if (first === "exhausted") return undefined;
      if (first === undefined) continue;
      if (shape !== "pair") return [first];
      const second = await this.#bind(family, address, port + 1);
      if (typeof second === "object") return [first, second];
      first.close();
    }
    return undefined;
  }

  /** Ports to try: some at random, then all of them, from a random one on. */
  *#candidates(shape: RelayRequest["shape"]): Generator<number> {
    const [least, last] = this.#options.ports;
    const step = shape === "any" ? 1 : 2;
    const first = shape === "any" ? least : least + (least % 2);
    const count = Math.floor((last - first - (shape === "pair" ? 1 : 0)) / step) + 1;
    if (count <= 0) return;
    for (let guess = 0; guess < guesses; guess++) yield first + this.#random(count) * step;
    const start = this.#random(count);
    for (let index = 0; index < count; index++) yield first + ((start + index) % count) * step;
  }

  /** A random number below the limit. For limits up to 2¹⁶, 32 random bits make the bias negligible. */
  #random(limit: number): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.#options.random(4);
    return (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) % limit;
  }

  /** Undefined: somebody has this port. Exhausted: no other port can be had either. */
  async #bind(
    family: Family,
    address: RelayAddress,
    port: number,
  ): Promise<RelaySocket | "exhausted" | undefined> {
    const { fleet } = this.#options;
    const socket = new BoundRelay(() => {
      this.#open--;
      fleet?.closed(family, port);
    });
    try {
      await socket.bind(address.bind, port, fleet && { fleet, family, address });
    } catch (error) {
      return isExhausted(error) ? "exhausted" : undefined;
    }
    this.#open++;
    fleet?.opened(family, port);
    return socket;
  }
}

/** What a relay needs to reach relays of other workers. */
interface Siblings {
  readonly fleet: FleetPorts;
  readonly family: Family;
  readonly address: RelayAddress;
}

class BoundRelay implements RelaySocket {
  receiver: RelayReceiver | undefined;
  dontFragment?: (on: boolean) => void;
  toSibling?: (bytes: Uint8Array, length: number, port: number) => boolean;
  #socket: UdpSocket | undefined;
  readonly #closed: () => void;

  constructor(closed: () => void) {
    this.#closed = closed;
  }

  async bind(address: string, port: number, siblings: Siblings | undefined): Promise<void> {
    const receive =
      siblings === undefined
        ? (bytes: Uint8Array, fromPort: number, from: string) =>
            this.receiver?.fromPeer(bytes, fromPort, from)
        : this.#receiveAmong(siblings);
    this.#socket = await bindUdp({ address, port, receiveBuffer, receive });
    const { dontFragment } = this.#socket;
    if (dontFragment !== undefined) this.dontFragment = (on) => dontFragment(on);
  }

  get port(): number {
    return this.#socket?.port ?? 0;
  }

  target(port: number, address: string): UdpTarget {
    return this.#socket?.target(port, address) ?? { port, address };
  }

  sendPart(bytes: Uint8Array, length: number, target: UdpTarget): boolean {
    return this.#socket?.sendPart(bytes, length, target) ?? false;
  }

  close(): void {
    if (this.#socket === undefined) return;
    this.#socket.close();
    this.#socket = undefined;
    this.#closed();
  }

  /** Exchanges data with relays of other workers: on this machine by their ports, under the address that clients know. */
  #receiveAmong({ fleet, family, address }: Siblings) {
    const here = reachableAddress(address.bind);
    const known = formatAddress(address.advertised);
    this.toSibling = (bytes, length, port) =>
      fleet.has(family, port) && this.sendPart(bytes, length, this.target(port, here));
    return (bytes: Uint8Array, fromPort: number, from: string): void => {
      const sibling = from === here && fleet.has(family, fromPort);
      this.receiver?.fromPeer(bytes, fromPort, sibling ? known : from);
    };
  }
}
