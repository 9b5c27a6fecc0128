import { every, now } from "../../net/clock.ts";
import { generateCertificate } from "../../net/dtls-certificate.ts";
import { dtlsCrypto } from "../../net/dtls-crypto.ts";
import { openSrtpCrypto } from "../../net/open-srtp-crypto.ts";
import { openUdpBatch } from "../../net/open-udp-batch.ts";
import { stunCrypto } from "../../net/stun-crypto.ts";
import { fingerprintOf } from "../../wire/dtls/fingerprint.ts";
import { HandshakeGates } from "../../wire/dtls/handshake-gate.ts";
import type { FromWorker, RemoteCandidate, ToWorker, WorkerOptions } from "../control.ts";
import { Stream } from "../forward/stream.ts";
import { BatchSink } from "../shell/batch-sink.ts";
import { BusyMeter } from "../shell/busy-meter.ts";
import { Gatherer } from "../shell/gatherer.ts";
import { type MediaSockets, openMediaSockets } from "../shell/media-sockets.ts";
import { openOutgoingPaths } from "../shell/outgoing-paths.ts";
import type { MediaPath } from "../transport/path.ts";
import type { PeerTransport } from "../transport/peer-transport.ts";
import { TransportTable } from "../transport/transport-table.ts";
import { type HostEvents, HostedPeer, PeerEvents } from "./hosted-peer.ts";
import { LagMeter } from "./lag.ts";
import { RelayedPublisher, RelayServer } from "./relay.ts";

/** How often deadlines and streams are looked after, streams are told of, and the worker reports. ms */
const [tickInterval, streamInterval, reportInterval] = [10, 1_000, 500];
/** A publisher that has sent nothing for so long has vanished, whatever ICE says. ms */
const silentAfter = 4_000;
/** How late timers may be before viewers lose video, and before none is taken. ms */
const [lagOfShedding, lagOfRefusing] = [40, 100];
/** The share of its core from which a worker is too busy, where its timers come late. */
const busyFrom = 0.6;
/** The share of the packet budget up to which viewers are taken. */
const fullAt = 0.9;

/** What seals packets by now, and what was counted of sending them. */
interface Sending {
  /** The share of its core that this process uses, from 0 to 1. */
  busy(): number;
  sealing(): string;
  counters(): Record<string, number>;
  /** Sends what was sealed, now. */
  flush(): void;
}

/** One media worker: its sockets, its peers, and the streams between them. */
export class MediaHost {
  readonly #options: WorkerOptions;
  readonly #tell: (message: FromWorker) => void;
  readonly #table: TransportTable;
  readonly #sending: Sending;
  readonly #gatherer: Gatherer;
  readonly #streams = new Map<string, Stream>();
  readonly #peers = new Map<number, HostedPeer>();
  readonly #lag = new LagMeter(tickInterval);
  readonly #timers: (() => void)[] = [];
  /** What becomes of what peers tell; the same for all of them. */
  readonly #events: HostEvents = {
    connected: (peer, at) => this.#connected(peer, at),
    lost: (peer) => this.#tell({ type: "lost", peer: peer.number }),
    closed: (peer, reason) => this.#closed(peer, reason),
    rtp: (peer, packet, at) => {
      if (peer.sends) this.#relay.rtp(peer.name, packet);
      peer.receivedRtp(packet, at);
    },
    rtcp: (peer, compound, at) => {
      if (peer.sends) this.#relay.rtcp(peer.name, compound);
      peer.receivedRtcp(compound, at);
    },
  };
  readonly #relay = new RelayServer((name) => this.#streams.get(name), now);
  /** Streams whose publisher is at another worker. */
  readonly #followed = new Map<string, RelayedPublisher>();
  /** Closes the sockets of peers that our own offer reaches, by their numbers. */
  readonly #reached = new Map<number, () => void>();
  #sockets: MediaSockets | undefined;
  #publishers = 0;
  /** Of those that are reached: outputs of the server itself, which it bounds, and no viewers. */
  #pushes = 0;
  /** Of streams that are over. */
  #forwardedBefore = 0;
  #forwarded = 0;
  #packetsPerSecond = 0;
  #recentLag = 0;
  #shed = 0;
  #stopping = false;

  /** Opens the sockets and says so. Rejects with an Error of one line where a port or an address can't be had. */
  static async start(options: WorkerOptions, tell: (message: FromWorker) => void): Promise<MediaHost> {
    const certificate = generateCertificate(new Date());
    const { portable, segments = true } = options;
    const srtpCrypto = await openSrtpCrypto(portable);
    const batch = await openUdpBatch({ portable, segments });
    const busy = new BusyMeter(() => performance.now(), cpuTime);
    const sink = new BatchSink(batch);
    const table = new TransportTable({
      certificate,
      dtlsCrypto,
      srtpCrypto,
      iceCrypto: stunCrypto,
      gates: new HandshakeGates(),
      sink,
    });
    const host = new MediaHost(options, tell, table, {
      busy: () => busy.read(),
      sealing: () => srtpCrypto.name,
      counters: () =>
        Object.fromEntries(Object.entries(batch.counters).map(([name, value]) => [`udp_${name}`, value])),
      flush: () => sink.flush(),
    });
    const sockets = await openMediaSockets({ table, now, addresses: options.listen, port: options.port });
    host.#sockets = sockets;
    if (options.relay !== "") await host.#relay.listen(options.relay);
    tell({
      type: "started",
      fingerprint: fingerprintOf(certificate.der, dtlsCrypto),
      udpPort: sockets.port,
      tcpPort: sockets.port,
      crypto: srtpCrypto.name,
      sending: batch.name,
    });
    return host;
  }

  private constructor(
    options: WorkerOptions,
    tell: (message: FromWorker) => void,
    table: TransportTable,
    sending: Sending,
  ) {
    this.#sending = sending;
    this.#gatherer = new Gatherer(sending.busy, now, sending.flush);
    this.#options = options;
    this.#tell = tell;
    this.#table = table;
    this.#timers.push(
      every(tickInterval, () => this.#tick()),
      every(streamInterval, () => this.#tellStreams()),
      every(reportInterval, () => this.#report()),
    );
  }

  obey(message: ToWorker): void {
    switch (message.type) {
      case "publish":
        this.#open(message);
        break;
      case "view":
        if (message.candidates === undefined) this.#open(message);
        else void this.#reach(message, message.candidates);
        break;
      case "restart":
        this.#peers.get(message.peer)?.transport.restart(message.transport);
        break;
      case "prefer": {
        const { peer, type: _, ...wish } = message;
        this.#peers.get(peer)?.prefer(wish, now());
        break;
      }
      case "close":
        this.#close(message.peer);
        break;
      case "follow":
        this.#follow(message);
        break;
      case "unfollow":
        this.#followed.get(message.stream)?.close();
        break;
      default:
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    for (const stop of this.#timers) stop();
    for (const peer of [...this.#peers.values()]) peer.transport.close("the server stops");
    for (const followed of [...this.#followed.values()]) followed.close();
    this.#relay.stop();
    await this.#sockets?.stop();
  }

  // Peers

  /** Opens a peer that our own offer reaches. */
  async #reach(
    message: Extract<ToWorker, { type: "view" }>,
    candidates: readonly RemoteCandidate[],
  ): Promise<void> {
    const { peer } = message;
    this.#reached.set(peer, () => {});
    const opened = await openOutgoingPaths(this.#table, now, candidates).catch(() => undefined);
    if (opened === undefined || !this.#reached.has(peer)) {
      opened?.close();
      this.#reached.delete(peer);
      this.#tell({ type: "refused", peer, reason: "full" });
      return;
    }
    this.#reached.set(peer, opened.close);
    if (!this.#open(message, opened.paths)) this.#leaveReached(peer);
  }

  #close(peer: number): void {
    const open = this.#peers.get(peer);
    // One whose sockets are still being opened isn't wanted any more.
    if (open === undefined) this.#reached.delete(peer);
    else open.transport.close();
  }

  #leaveReached(peer: number): void {
    this.#reached.get(peer)?.();
    this.#reached.delete(peer);
  }

  /** False where the peer is refused. */
  #open(message: Extract<ToWorker, { type: "publish" | "view" }>, paths?: readonly MediaPath[]): boolean {
    const { peer: number, transport: parameters } = message;
    if (this.#isFull(paths === undefined ? message.type : "push")) {
      this.#tell({ type: "refused", peer: number, reason: this.#stopping ? "stopping" : "full" });
      return false;
    }
    const peer = new HostedPeer(message);
    let transport: PeerTransport;
    try {
      transport = this.#table.add(parameters, new PeerEvents(peer, this.#events), now(), paths);
    } catch {
      this.#tell({ type: "refused", peer: number, reason: "full" });
      return false;
    }
    peer.transport = transport;
    this.#peers.set(number, peer);
    if (peer.role === "publisher") this.#publishers += 1;
    else if (paths !== undefined) this.#pushes += 1;
    this.#tell({ type: "opened", peer: number });
    return true;
  }

  get #viewers(): number {
    return this.#peers.size - this.#publishers - this.#pushes;
  }

  #isFull(type: "publish" | "view" | "push"): boolean {
    const { publishers, viewers, packetsPerSecond } = this.#options.limits;
    if (this.#stopping) return true;
    if (type === "publish") return this.#publishers >= publishers;
    if (type === "view" && this.#viewers >= viewers) return true;
    return this.#packetsPerSecond > packetsPerSecond * fullAt || this.#late(lagOfRefusing);
  }

  #connected(peer: HostedPeer, at: number): void {
    this.#tell({ type: "connected", peer: peer.number });
    peer.heardAt = at;
    peer.vanished = false;
    if (peer.stream !== undefined) return;
    const stream = this.#stream(peer.name);
    if (peer.role === "publisher")
      for (const other of this.#peers.values())
        if (other !== peer && other.role === "publisher" && other.stream === stream) {
          other.stream = undefined;
          other.transport.close("replaced");
        }
    peer.join(stream, at);
  }

  #closed(peer: HostedPeer, reason: string): void {
    if (this.#peers.delete(peer.number)) {
      if (peer.role === "publisher") this.#publishers -= 1;
      else if (this.#reached.has(peer.number)) this.#pushes -= 1;
    }
    this.#tell({ type: "closed", peer: peer.number, reason });
    // What DTLS says at its end has left by then.
    setImmediate(() => this.#leaveReached(peer.number));
    const { stream, viewer } = peer;
    if (stream === undefined) return;
    if (viewer !== undefined) stream.removeViewer(viewer, now());
    else {
      stream.publisherGone();
      this.#relay.ended(peer.name);
    }
    this.#forget(peer.name, stream);
  }

  #forget(name: string, stream: Stream): void {
    if (stream.live || stream.viewers > 0 || this.#streams.get(name) !== stream) return;
    this.#streams.delete(name);
    this.#forwardedBefore += stream.counters.forwarded;
  }

  /** Takes the stream from another worker, in place of what came before. */
  #follow({ stream: name, from, tracks, ladder = [] }: Extract<ToWorker, { type: "follow" }>): void {
    const stream = this.#stream(name);
    const former = this.#followed.get(name);
    const followed = { stream, tracks, ladder };
    const publisher = RelayedPublisher.follow(from, name, followed, now, () => {
      if (this.#followed.get(name) !== publisher) return;
      this.#followed.delete(name);
      stream.publisherGone();
      this.#forget(name, stream);
    });
    this.#followed.set(name, publisher);
    former?.close();
  }

  #stream(name: string): Stream {
    let stream = this.#streams.get(name);
    if (stream === undefined) {
      const layerChanged = (peer: number, rid: string): void => this.#tell({ type: "layer", peer, rid });
      stream = new Stream({
        publisherBitrate: this.#options.limits.publisherBitrate,
        gather: (packets) => this.#gatherer.add(packets),
        renditionsWanted: (heights) => this.#tell({ type: "renditions", stream: name, heights }),
        layerChanged,
      });
      stream.shed(this.#shed, now());
      this.#streams.set(name, stream);
    }
    return stream;
  }

  // Time

  #tick(): void {
    const at = now();
    this.#lag.tick(performance.now());
    const { nextDeadline } = this.#table;
    if (nextDeadline !== undefined && nextDeadline <= at) this.#table.tick(at);
    for (const stream of this.#streams.values()) stream.tick(at);
  }

  #tellStreams(): void {
    const at = now();
    for (const peer of this.#peers.values()) {
      if (peer.role !== "publisher" || peer.stream === undefined) continue;
      const { audioBitrate } = peer.stream;
      this.#tell({ type: "stream", stream: peer.name, layers: peer.stream.layers(), audioBitrate });
      const silent = at - peer.heardAt > silentAfter;
      if (silent === peer.vanished || peer.transport.state !== "connected") continue;
      peer.vanished = silent;
      this.#tell({ type: silent ? "lost" : "connected", peer: peer.number });
    }
  }

  #report(): void {
    let forwarded = this.#forwardedBefore;
    for (const stream of this.#streams.values()) forwarded += stream.counters.forwarded;
    this.#packetsPerSecond = ((forwarded - this.#forwarded) * 1_000) / reportInterval;
    this.#forwarded = forwarded;
    this.#recentLag = this.#lag.read();
    this.#balance();
    this.#tell({
      type: "report",
      report: {
        publishers: this.#publishers,
        viewers: this.#viewers,
        packetsPerSecond: this.#packetsPerSecond,
        lag: this.#recentLag,
        at: performance.now(),
        cpu: cpuTime(),
        crypto: this.#sending.sealing(),
        counters: this.#counters(),
      },
    });
  }

  /** Timers come late because of what this worker does, and not because other programs keep it from its core. */
  #late(lag: number): boolean {
    return this.#recentLag > lag && this.#sending.busy() > busyFrom;
  }

  /** The newest viewers lose video before anybody stalls, and get it back. */
  #balance(): void {
    const { packetsPerSecond } = this.#options.limits;
    const over = this.#packetsPerSecond > packetsPerSecond || this.#late(lagOfShedding);
    const shed = over ? Math.min(0.9, this.#shed + 0.1) : Math.max(0, this.#shed - 0.05);
    if (shed === this.#shed) return;
    this.#shed = shed;
    for (const stream of this.#streams.values()) stream.shed(shed, now());
  }

  #counters(): Record<string, number> {
    const counters: Record<string, number> = { forwarded: this.#forwarded, ...this.#sending.counters() };
    for (const stream of this.#streams.values())
      for (const [name, count] of Object.entries(stream.counters))
        if (name !== "forwarded") counters[name] = (counters[name] ?? 0) + count;
    for (const [reason, count] of Object.entries(this.#table.drops.counts))
      counters[`drop_${reason}`] = count;
    return counters;
  }
}

/** µs that this process has computed so far. */
function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
