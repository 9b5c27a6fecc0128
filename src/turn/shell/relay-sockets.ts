import { descriptorsShort, isExhausted } from "../../net/descriptors.ts";
import { bindUdp } from "../../net/udp.ts";
import type { UdpSocket, UdpTarget } from "../../net/udp-socket.ts";
import { formatAddress, parseAddress } from "../../shared/ip-address.ts";
import { type Family, family as families, familyOf } from "../../wire/stun/transport-address.ts";
import type { RelayPorts, RelayReceiver, RelayRequest, RelaySocket } from "../relay.ts";
import type { FleetPorts } from "./fleet-ports.ts";
import type { MessageTurns } from "./message-turns.ts";
import { type RelayAddress, reachableAddress } from "./public-address.ts";

export interface RelaySocketOptions {
  readonly addresses: Readonly<Partial<Record<Family, RelayAddress>>>;
  /** First and last port. */
  readonly ports: readonly [first: number, last: number];
  readonly dontFragment: boolean;
  /** The relay ports of all workers of a server. */
  readonly fleet?: FleetPorts;
  readonly turns: MessageTurns;
  random(bytes: number): Uint8Array;
}

/** A UDP socket of this machine that relays reach, by its port, at the address that clients know relays by. */
export interface LocalPeer {
  /** Where it listens; may be a wildcard. */
  readonly address: string;
  readonly port: number;
}

/** How many ports are tried at random before all are tried in order. */
const guesses = 16;
const receiveBuffer = 1 << 20;

/** Relay sockets on ports that can't be guessed (RFC 8656 §7.2), each bound for one relay only. */
export class RelaySockets implements RelayPorts {
  readonly families: readonly Family[];
  readonly dontFragment: boolean;
  readonly #options: RelaySocketOptions;
  /** Where the local peers are reached, by family and port. */
  readonly #local: Readonly<Record<Family, Map<number, string>>> = { 1: new Map(), 2: new Map() };
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

  /** Replaces the local peers. Of several at one port, the first of each family counts. */
  useLocalPeers(peers: readonly LocalPeer[]): void {
    for (const family of [families.ipv4, families.ipv6]) {
      const own = this.#options.addresses[family];
      const local = this.#local[family];
      local.clear();
      if (own === undefined) continue;
      for (const { address, port } of peers) {
        const bytes = parseAddress(address);
        if (bytes === undefined || familyOf(bytes) !== family || local.has(port)) continue;
        // What listens everywhere answers from the address that it was asked at.
        local.set(port, reachableAddress(bytes.every((byte) => byte === 0) ? own.bind : address));
      }
    }
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
    const { fleet, turns } = this.#options;
    const socket = new BoundRelay(() => {
      this.#open--;
      fleet?.closed(family, port);
    });
    try {
      await socket.bind(address.bind, port, { fleet, turns, family, address, local: this.#local[family] });
    } catch (error) {
      return isExhausted(error) ? "exhausted" : undefined;
    }
    this.#open++;
    fleet?.opened(family, port);
    return socket;
  }
}

/** What a relay needs to reach relays of other workers, and local peers. */
interface Siblings {
  readonly fleet: FleetPorts | undefined;
  readonly turns: MessageTurns;
  readonly family: Family;
  readonly address: RelayAddress;
  readonly local: ReadonlyMap<number, string>;
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

  async bind(address: string, port: number, siblings: Siblings): Promise<void> {
    const receive = this.#receiveAmong(siblings);
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

  /**
   * Exchanges data with relays of other workers and with local peers: on this machine by their ports, under the address that clients
   * know. That address itself may belong to a NAT that sends nothing back to where it came from.
   */
  #receiveAmong({ fleet, turns, family, address, local }: Siblings) {
    const here = reachableAddress(address.bind);
    const known = formatAddress(address.advertised);
    const at = (port: number): string | undefined =>
      local.get(port) ?? (fleet?.has(family, port) === true ? here : undefined);
    this.toSibling = (bytes, length, port) => {
      const to = at(port);
      return to !== undefined && this.sendPart(bytes, length, this.target(port, to));
    };
    return turns.bounded((bytes, fromPort, from) => {
      if (this.#socket !== undefined)
        this.receiver?.fromPeer(bytes, fromPort, at(fromPort) === from ? known : from);
    });
  }
}
