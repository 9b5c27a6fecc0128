import { DirectSink } from "../../../src/media/transport/packet-sink.ts";
import type { MediaPath, PathOwner } from "../../../src/media/transport/path.ts";
import type { PeerTransport, TransportLimits } from "../../../src/media/transport/peer-transport.ts";
import { TransportTable, type TransportTableOptions } from "../../../src/media/transport/transport-table.ts";
import { dtlsCrypto } from "../../../src/net/dtls-crypto.ts";
import { srtpCrypto } from "../../../src/net/srtp-crypto.ts";
import { stunCrypto } from "../../../src/net/stun-crypto.ts";
import { HandshakeGates } from "../../../src/wire/dtls/handshake-gate.ts";
import type { SrtpProfile } from "../../../src/wire/srtp/profile.ts";
import { TestPeer, workerCertificate } from "./test-peer.ts";

/** A path whose other end is wherever a test wants it. */
export class TestPath implements MediaPath {
  readonly key: string;
  readonly address: { readonly address: Uint8Array; readonly port: number };
  readonly reliable: boolean;
  owner: PathOwner | undefined;
  buffered = 0;
  kept = false;
  /** Bytes sent to the address, and bytes that came from it. */
  bytesSent = 0;
  bytesReceived = 0;
  readonly sent: Uint8Array[] = [];

  constructor(port: number, reliable = false, address: Uint8Array = Uint8Array.of(203, 0, 113, 7)) {
    this.reliable = reliable;
    this.key = `${reliable ? "tcp" : "udp"} ${port}`;
    this.address = { address, port };
  }

  send(bytes: Uint8Array): boolean {
    this.sent.push(bytes.slice());
    this.bytesSent += bytes.length;
    return true;
  }

  sendMedia(bytes: Uint8Array, length: number): boolean {
    return this.send(bytes.subarray(0, length));
  }

  keep(): void {
    this.kept = true;
  }

  release(): void {
    this.kept = false;
  }
}

/** A worker's table and its peers, in simulated time. What a peer sends goes by its `via`, and what is sent there reaches it. */
export class TransportWorld {
  readonly table: TransportTable;
  readonly events: string[] = [];
  readonly received: string[] = [];
  now = 1_000;
  #ports = 5_000;

  constructor(limits: Partial<TransportLimits> = {}, shared: Partial<TransportTableOptions> = {}) {
    this.table = new TransportTable({
      certificate: workerCertificate,
      dtlsCrypto,
      srtpCrypto,
      iceCrypto: stunCrypto,
      gates: new HandshakeGates(),
      sink: new DirectSink(),
      limits,
      ...shared,
    });
  }

  path(reliable = false, address?: Uint8Array): TestPath {
    return new TestPath(this.#ports++, reliable, address);
  }

  peer(
    number: number,
    role: "client" | "server" = "server",
    options: { readonly srtpProfiles?: readonly SrtpProfile[]; readonly mtu?: number } = {},
  ): Party {
    const party: Party = new Party(this, number, role, options);
    const say = (text: string) => this.events.push(`${number} ${text}`);
    party.transport = this.table.add(
      party.peer.parameters(role),
      {
        connected: () => say("connected"),
        lost: () => say("lost"),
        closed: (reason) => say(`closed: ${reason}`),
        rtp: ({ packet, ssrc, index }) =>
          this.received.push(`${number} rtp ${ssrc} ${index} ${Buffer.from(packet.subarray(12))}`),
        rtcp: (compound) => this.received.push(`${number} rtcp ${Buffer.from(compound).toString("hex")}`),
      },
      this.now,
    );
    return party;
  }

  /** Bytes from somewhere reach the worker. */
  deliver(bytes: Uint8Array, path: TestPath): void {
    path.bytesReceived += bytes.length;
    const reused = Uint8Array.from(bytes);
    this.table.datagram(reused, path, this.now);
    // As a socket does that uses its memory again.
    reused.fill(0xee);
  }

  /** Lets time go by, with the deadlines of the worker and of these peers. */
  run(ms: number, ...parties: readonly Party[]): void {
    const end = this.now + ms;
    for (;;) {
      while (parties.some((party) => party.step()));
      const times = [this.table.nextDeadline, ...parties.map(({ peer }) => peer.dtls.nextDeadline)];
      const next = Math.min(...times.filter((time) => time !== undefined));
      if (next > end) break;
      this.now = Math.max(this.now, next);
      this.table.tick(this.now);
      for (const { peer } of parties) peer.dtls.tick(this.now);
    }
    this.now = end;
  }
}

/** A peer, the worker's transport of it, and the path that it sends by. */
export class Party {
  readonly peer: TestPeer;
  transport!: PeerTransport;
  via: TestPath;
  readonly #world: TransportWorld;
  /** Paths that end at the peer. */
  readonly #paths: TestPath[] = [];
  readonly #outbox: { readonly bytes: Uint8Array; readonly path: TestPath }[] = [];
  /** What a datagram is answered by. */
  #arrived: TestPath | undefined;

  constructor(
    world: TransportWorld,
    number: number,
    role: "client" | "server",
    options: { readonly srtpProfiles?: readonly SrtpProfile[]; readonly mtu?: number },
  ) {
    this.#world = world;
    this.via = this.own(world.path());
    const send = (bytes: Uint8Array) =>
      this.#outbox.push({ bytes: bytes.slice(), path: this.#arrived ?? this.via });
    this.peer = new TestPeer(number, role, send, options);
  }

  /** Makes this end of the path the peer's. */
  own(path: TestPath): TestPath {
    this.#paths.push(path);
    return path;
  }

  check(path = this.via, options = {}): void {
    this.#world.deliver(this.peer.check(options), path);
  }

  /** Checks, handshakes, and is connected. */
  connect(): this {
    this.check();
    this.#world.run(0, this);
    this.peer.dtls.start(this.#world.now);
    this.#world.run(200, this);
    if (this.transport.state !== "connected") throw new Error(`it is ${this.transport.state}`);
    return this;
  }

  /** Carries what both ends have sent; false when there was nothing. */
  step(): boolean {
    const outgoing = this.#outbox.splice(0);
    for (const { bytes, path } of outgoing) this.#world.deliver(bytes, path);
    let came = 0;
    for (const path of this.#paths)
      for (const bytes of path.sent.splice(0)) {
        came++;
        // Binding requests are answered by the path that they come by.
        this.#arrived = (bytes[0] ?? 0) < 4 ? path : undefined;
        this.peer.receive(bytes, this.#world.now);
        this.#arrived = undefined;
      }
    return outgoing.length + came > 0;
  }
}
