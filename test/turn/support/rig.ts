import { stunCrypto } from "../../../src/net/stun-crypto.ts";
import { formatAddress, parseAddress } from "../../../src/shared/ip-address.ts";
import type { Allocation } from "../../../src/turn/allocation.ts";
import type { Client } from "../../../src/turn/client.ts";
import type { DatagramTarget } from "../../../src/turn/datagram-socket.ts";
import type { TurnEvent } from "../../../src/turn/events.ts";
import { defaultTurnLimits, type TurnLimits } from "../../../src/turn/limits.ts";
import { type MachineOptions, TurnMachine } from "../../../src/turn/machine.ts";
import type { PeerPolicyOptions } from "../../../src/turn/peer-policy.ts";
import type { RelayPorts, RelayReceiver, RelayRequest, RelaySocket } from "../../../src/turn/relay.ts";
import { UdpListener } from "../../../src/turn/udp-listener.ts";
import { type Family, family, type TransportAddress } from "../../../src/wire/stun/transport-address.ts";

/** What left the machine. */
export interface Sent {
  readonly bytes: Uint8Array;
  readonly port: number;
  readonly address: string;
}

export class FakeRelay implements RelaySocket {
  receiver: RelayReceiver | undefined;
  readonly port: number;
  readonly family: Family;
  readonly sent: (Sent & { readonly dontFragment: boolean })[] = [];
  readonly #close: (relay: FakeRelay) => void;
  #dontFragment = false;
  closed = false;

  constructor(port: number, of: Family, close: (relay: FakeRelay) => void) {
    this.port = port;
    this.family = of;
    this.#close = close;
  }

  target(port: number, address: string): DatagramTarget {
    return { port, address };
  }

  sendPart(bytes: Uint8Array, length: number, { port, address }: DatagramTarget): boolean {
    if (this.closed) throw new Error("sent by a closed socket");
    this.sent.push({ bytes: bytes.slice(0, length), port, address, dontFragment: this.#dontFragment });
    return true;
  }

  dontFragment(on: boolean): void {
    this.#dontFragment = on;
  }

  close(): void {
    if (this.closed) throw new Error("closed twice");
    this.closed = true;
    this.#close(this);
  }
}

/** Relay sockets that exist in memory only. */
class FakePorts implements RelayPorts {
  families: Family[] = [family.ipv4, family.ipv6];
  dontFragment = true;
  readonly live = new Set<FakeRelay>();
  /** Requests for relays wait until {@link flush} if this is set. */
  slow = false;
  free = Number.POSITIVE_INFINITY;
  #next = 50_000;
  #held: (() => void)[] = [];

  open({ family: of, shape }: RelayRequest, done: (sockets: RelaySocket[] | undefined) => void): void {
    const finish = (): void => {
      const wanted = shape === "pair" ? 2 : 1;
      if (this.live.size + wanted > this.free) {
        done(undefined);
        return;
      }
      if (shape !== "any") this.#next += this.#next % 2;
      const sockets = Array.from({ length: wanted }, () => {
        const relay = new FakeRelay(this.#next++, of, (one) => this.live.delete(one));
        this.live.add(relay);
        return relay;
      });
      done(sockets);
    };
    if (this.slow) this.#held.push(finish);
    else finish();
  }

  flush(): void {
    for (const finish of this.#held.splice(0)) finish();
  }

  advertised(of: Family): Uint8Array {
    return parseAddress(of === family.ipv4 ? "198.18.0.1" : "2001:db8::1") as Uint8Array;
  }
}

/** A client's TCP connection. */
class FakeStream implements Client {
  readonly transport = "tcp";
  readonly source: TransportAddress;
  readonly sent: Uint8Array[] = [];
  allocation: Allocation | undefined;
  pending: Uint8Array | undefined;

  constructor({ address, port }: Source) {
    this.source = { address: parseAddress(address) as Uint8Array, port };
  }

  send(message: Uint8Array): void {
    this.sent.push(message.slice());
  }

  relay(bytes: Uint8Array, length: number): boolean {
    return this.sent.push(bytes.slice(0, length)) > 0;
  }

  released(): void {}
}

export interface RigOptions extends Partial<Omit<MachineOptions, "limits" | "peers">> {
  readonly limits?: Partial<TurnLimits>;
  readonly peers?: Partial<PeerPolicyOptions>;
}

/** A machine with a simulated clock and simulated sockets. */
export class Rig {
  now = 1_700_000_000_000;
  readonly ports = new FakePorts();
  readonly machine: TurnMachine;
  readonly events: TurnEvent[] = [];
  readonly guard: UdpListener;
  readonly #streams = new Map<string, FakeStream>();
  /** What the UDP listener sent. */
  readonly sent: Sent[] = [];

  constructor(options: RigOptions = {}) {
    this.machine = new TurnMachine(
      {
        realm: "turn",
        secrets: ["north"],
        users: [{ name: "alice", password: "wonder" }],
        internalUsers: [],
        credentialLife: 3_600_000,
        nonceKey: new Uint8Array(32).fill(9),
        strictExpiry: false,
        followClientFamily: false,
        ...options,
        limits: { ...defaultTurnLimits, refusalsPerSecond: 1e6, bindingsPerSecond: 1e6, ...options.limits },
        peers: {
          allowPeers: [],
          denyPeers: [],
          hostAddresses: [parseAddress("203.0.113.77") as Uint8Array],
          relayAddresses: [this.ports.advertised(family.ipv4), this.ports.advertised(family.ipv6)],
          unsafeLoopback: false,
          hairpin: true,
          ...options.peers,
        },
      },
      { crypto: stunCrypto, relays: this.ports, emit: (event) => this.events.push(event) },
    );
    this.guard = new UdpListener({
      target: (port, address) => ({ port, address }),
      sendPart: (bytes, length, { port, address }) =>
        this.sent.push({ bytes: bytes.slice(0, length), port, address }) > 0,
    });
  }

  /** A datagram from this source; what it was answered. */
  datagram(bytes: Uint8Array, source: Source): Uint8Array[] {
    const before = this.sent.length;
    this.machine.datagram(this.guard, bytes, source.port, source.address, () => this.now);
    return this.sent.slice(before).map((one) => one.bytes);
  }

  /** A message by a TCP connection of this source; what it was answered. */
  byStream(bytes: Uint8Array, source: Source): Uint8Array[] {
    const name = `${source.address} ${source.port}`;
    const client = this.#streams.get(name) ?? new FakeStream(source);
    this.#streams.set(name, client);
    this.machine.message(client, bytes, this.now);
    return client.sent.splice(0);
  }

  /** Lets the time pass, swept each second as the shell does. */
  wait(seconds: number): void {
    for (let left = seconds; left > 0; left--) {
      this.now += 1_000;
      this.machine.sweep(this.now);
    }
  }

  relay(port: number): FakeRelay {
    const found = [...this.ports.live].find((one) => one.port === port);
    if (found === undefined) throw new Error(`no relay has port ${port}`);
    return found;
  }

  refused(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.machine.stats.refused).filter(([, count]) => count > 0));
  }
}

export interface Source {
  readonly address: string;
  readonly port: number;
}

export function source(number: number): Source {
  return { address: formatAddress(Uint8Array.of(192, 88, number >> 8, number & 255)), port: 40_000 + number };
}
