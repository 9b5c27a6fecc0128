import { fail, ok, type Result } from "../../shared/result.ts";
import type { FromWorker, ToWorker } from "../control.ts";
import type { PublishedTrack, TransportParameters, ViewedTrack } from "../negotiated.ts";
import type {
  LocalTransport,
  MediaFailure,
  MediaIdentity,
  MediaService,
  OpenedPeer,
  PeerEvent,
  RemoteTransport,
  StreamInfo,
} from "../service.ts";
import { LiveStream } from "./live-stream.ts";
import type { Answer, MediaPeer } from "./media-peer.ts";
import { PeerTable } from "./peer-table.ts";
import type { StreamObserver, StreamPorts, StreamRules } from "./ports.ts";
import { StreamSources } from "./stream-sources.ts";
import { WorkerPlaces } from "./worker-places.ts";

/** Where a stream isn't live, its name is taken, or no worker has room. `retryAfter`: seconds. */
const notLive: MediaFailure = { kind: "not-live", retryAfter: 2 };
const taken: MediaFailure = { kind: "taken", retryAfter: 5 };
const noRoom: MediaFailure = { kind: "full", retryAfter: 5 };
/** How long a peer that was opened may take to connect. ms */
const connectPatience = 30_000;
/** How long a change of the number of viewers waits for others. ms */
const countPause = 250;

/** All streams of this node: who publishes them, who views them, and at which worker. Pure, but for its ports. */
export class MediaStreams implements MediaService {
  readonly #ports: StreamPorts;
  readonly #rules: StreamRules;
  readonly #observer: StreamObserver;
  readonly #streams = new Map<string, LiveStream>();
  readonly #peers: PeerTable;
  readonly #places: WorkerPlaces;
  readonly sources: StreamSources;

  constructor(ports: StreamPorts, rules: StreamRules, observer: StreamObserver = {}) {
    this.#ports = ports;
    this.#rules = rules;
    this.#observer = observer;
    this.#peers = new PeerTable(ports, rules.shares, (peer) => this.#expel(peer, "expired"));
    this.#places = new WorkerPlaces(ports);
    this.sources = new StreamSources(ports, rules, this.#streams);
  }

  get peers(): IterableIterator<MediaPeer> {
    return this.#peers.values();
  }

  get streams(): IterableIterator<LiveStream> {
    return this.#streams.values();
  }

  stream(name: string): StreamInfo | undefined {
    return this.#streams.get(name)?.info;
  }

  /** Why nobody can publish or view the stream now; undefined: it is worth a try. */
  refusal(role: "publish" | "view", name: string): MediaFailure | undefined {
    if (this.#ports.draining()) return noRoom;
    const stream = this.#streams.get(name);
    if (role === "view") return stream?.publisher === undefined ? notLive : undefined;
    if (this.#isTaken(name)) return taken;
    return stream === undefined && this.#places.leastLoaded === undefined ? noRoom : undefined;
  }

  async publish(request: {
    readonly stream: string;
    readonly identity: MediaIdentity;
    readonly tracks: readonly PublishedTrack[];
    readonly transport: RemoteTransport;
  }): Promise<Result<OpenedPeer, MediaFailure>> {
    const { stream: name, identity, tracks, transport } = request;
    const known = this.#streams.get(name);
    if (this.#isTaken(name)) return fail(taken);
    if (this.#peers.isFull(identity)) return full();
    const worker = known?.worker ?? this.#places.leastLoaded;
    if (worker === undefined) return full();
    const stream = known ?? new LiveStream(name, worker, this.#rules.ladder?.(name) ?? []);
    this.#streams.set(name, stream);
    if (stream.newcomer !== undefined) this.#end(stream.newcomer, "replaced");
    const peer = this.#peer("publisher", stream, worker, identity);
    stream.newcomer = peer;
    const opened = await this.#open(peer, transport, (parameters) => ({
      type: "publish",
      peer: peer.number,
      stream: name,
      transport: parameters,
      tracks,
      ladder: stream.ladder,
    }));
    if (opened.ok && stream.newcomer === peer) stream.describe(tracks);
    return opened;
  }

  async view(request: {
    readonly stream: string;
    readonly identity: MediaIdentity;
    readonly tracks: readonly ViewedTrack[];
    readonly transport: RemoteTransport;
  }): Promise<Result<OpenedPeer, MediaFailure>> {
    const { stream: name, identity, tracks, transport } = request;
    const stream = this.#streams.get(name);
    if (stream?.publisher === undefined) return fail(notLive);
    if (this.#peers.isFull(identity)) return full();
    const peer = this.#peer("viewer", stream, this.#places.forViewer(stream), identity);
    peer.takes = new Set(tracks.flatMap(({ codecs }) => codecs.map(({ name }) => name)));
    stream.viewers.add(peer);
    this.#places.follow(peer);
    const opened = await this.#open(peer, transport, (parameters) => ({
      type: "view",
      peer: peer.number,
      stream: name,
      transport: parameters,
      tracks,
    }));
    if (opened.ok) this.#viewersChanged(stream);
    return opened;
  }

  async restart(
    id: string,
    remote: { readonly ufrag: string; readonly pwd: string },
  ): Promise<Result<LocalTransport, MediaFailure>> {
    const peer = this.#peers.get(id);
    const transport = peer?.restarts(this.#peers.newCredentials(), remote);
    if (peer === undefined || transport === undefined) return fail({ kind: "unknown" });
    this.#ports.post(peer.worker, { type: "restart", peer: peer.number, transport });
    const local = this.#local(peer);
    return local === undefined ? fail({ kind: "unknown" }) : ok(local);
  }

  prefer(
    id: string,
    wish: {
      readonly rid?: string;
      readonly height?: number;
      readonly bitrate?: number;
      readonly temporal?: number;
    },
  ): Result<undefined, MediaFailure> {
    const peer = this.#peers.get(id);
    if (peer === undefined || peer.role !== "viewer") return fail({ kind: "unknown" });
    this.#ports.post(peer.worker, { type: "prefer", peer: peer.number, ...wish });
    return ok(undefined);
  }

  renew(id: string, identity: MediaIdentity): void {
    this.#peers.renew(id, identity);
  }

  close(id: string): Result<undefined, MediaFailure> {
    const peer = this.#peers.get(id);
    if (peer === undefined) return fail({ kind: "unknown" });
    this.#end(peer, "closed");
    // The publisher said so itself: nobody waits for it.
    if (peer.stream.publisher === undefined && peer.stream.newcomer === undefined)
      this.#over(peer.stream, "ended");
    return ok(undefined);
  }

  /** Ends a peer whose client is gone without a word: a publisher is waited for. */
  lose(id: string, reason: string): void {
    const peer = this.#peers.get(id);
    if (peer !== undefined) this.#end(peer, reason);
  }

  endLate(name: string, id: string): boolean {
    const stream = this.#streams.get(name);
    const waits = stream?.publisher === undefined && stream?.newcomer === undefined;
    if (stream === undefined || !waits || stream.formerPublisher !== id) return false;
    this.#over(stream, "ended");
    return true;
  }

  listen(id: string, heard: (event: PeerEvent) => void): (() => void) | undefined {
    const peer = this.#peers.get(id);
    if (peer === undefined) return undefined;
    const { stream } = peer;
    heard({ type: stream.live ? "active" : "inactive" });
    heard({ type: "viewers", count: stream.viewers.size });
    if (stream.layers.length > 0) heard({ type: "layers", layers: stream.layers });
    return peer.listen(heard);
  }

  /** Ends all peers of a user, or those of one device. */
  revoke(user: string, device: string | undefined): void {
    for (const peer of this.#peers.of(user, device)) this.#expel(peer, "kicked");
  }

  /** Ends a peer that may not go on: a publisher isn't waited for. */
  #expel(peer: MediaPeer, reason: string): void {
    this.#end(peer, reason);
    if (peer.role === "publisher" && peer.stream.publisher === undefined) this.#over(peer.stream, "ended");
  }

  /** A worker said something. */
  heard(worker: number, message: FromWorker): void {
    if (message.type === "stream") {
      const stream = this.#streams.get(message.stream);
      if (stream === undefined) return;
      stream.layers = message.layers;
      stream.tell({ type: "layers", layers: message.layers });
      this.#observer.changed?.(stream.info);
      return;
    }
    if (message.type === "renditions") {
      const stream = this.#streams.get(message.stream);
      if (stream === undefined) return;
      stream.renditions.set(worker, message.heights);
      this.#observer.changed?.(stream.info);
      return;
    }
    if (!("peer" in message)) return;
    const peer = this.#places.peer(worker, message.peer);
    if (peer === undefined) return;
    switch (message.type) {
      case "opened":
      case "refused":
        peer.answered(message.type);
        break;
      case "connected":
        this.#connected(peer);
        break;
      case "lost":
        peer.state = "lost";
        peer.tell({ type: "lost" });
        if (peer.stream.publisher === peer) this.#vanished(peer.stream);
        break;
      case "layer":
        peer.rid = message.rid;
        peer.tell({ type: "layer", rid: message.rid });
        break;
      case "closed":
        this.#end(peer, message.reason);
        break;
      default:
    }
  }

  /** A worker is gone with all its peers: they are told, and come back by themselves. */
  workerDied(worker: number): void {
    const peers = this.#places.peersAt(worker);
    for (const peer of peers) {
      peer.answered("died");
      this.#end(peer, "worker");
    }
    for (const stream of [...this.#streams.values()])
      if (stream.worker === worker) this.#over(stream, "worker");
      else if (stream.renditions.delete(worker)) this.#observer.changed?.(stream.info);
  }

  // Opening

  #peer(role: MediaPeer["role"], stream: LiveStream, worker: number, identity: MediaIdentity): MediaPeer {
    const peer = this.#peers.add(role, stream, worker, identity);
    this.#places.entered(peer);
    return peer;
  }

  async #open(
    peer: MediaPeer,
    remote: RemoteTransport,
    message: (parameters: TransportParameters) => ToWorker,
  ): Promise<Result<OpenedPeer, MediaFailure>> {
    const local = this.#local(peer);
    let answer: Answer = "refused";
    if (local !== undefined && !this.#ports.draining()) {
      const answered = peer.answer;
      this.#ports.post(peer.worker, message(peer.opens(remote)));
      answer = await answered;
    }
    if (local === undefined || answer !== "opened") {
      this.#end(peer, "refused");
      return full();
    }
    peer.state = "connecting";
    peer.stopWaiting = this.#ports.after(connectPatience, () => this.#end(peer, "never connected"));
    this.#observer.opened?.(peer);
    return ok({ id: peer.id, transport: local });
  }

  #local(peer: MediaPeer): LocalTransport | undefined {
    const worker = this.#ports.worker(peer.worker);
    if (worker === undefined) return undefined;
    const { ufrag, pwd } = peer;
    return { ufrag, pwd, fingerprint: worker.fingerprint, candidates: this.#rules.candidates(worker) };
  }

  /** Somebody publishes the stream, or is about to, and is not to be replaced. */
  #isTaken(name: string): boolean {
    const stream = this.#streams.get(name);
    return (stream?.newcomer !== undefined || stream?.live === true) && !this.#rules.takesOver(name);
  }

  // What becomes of them

  #connected(peer: MediaPeer): void {
    const { stream } = peer;
    peer.state = "connected";
    peer.stopWaiting?.();
    peer.tell({ type: "connected" });
    if (peer.role === "viewer") return;
    if (stream.newcomer === peer) {
      const former = stream.publisher;
      stream.newcomer = undefined;
      stream.publisher = peer;
      if (former !== undefined) this.#end(former, "replaced");
      // They come back with another offer, if they can.
      for (const viewer of [...stream.viewers]) if (stream.isBeyond(viewer)) this.#end(viewer, "codec");
    }
    if (stream.publisher !== peer) return;
    stream.stopWaiting?.();
    stream.stopWaiting = undefined;
    this.#places.tellFollowers(stream);
    this.#tellLive(stream, true);
  }

  /** Media has stopped, and nobody said that it was to: the publisher may come back. */
  #vanished(stream: LiveStream): void {
    if (stream.stopWaiting !== undefined) return;
    stream.stopWaiting = this.#ports.after(this.#rules.linger, () => {
      stream.stopWaiting = undefined;
      if (!stream.live && stream.newcomer === undefined) this.#over(stream, "publisher lost");
    });
    this.#tellLive(stream, false);
  }

  #end(peer: MediaPeer, reason: string): void {
    if (peer.state === "ended") return;
    const { stream } = peer;
    const wasOpening = peer.state === "opening";
    peer.state = "ended";
    peer.stopWaiting?.();
    this.#peers.remove(peer);
    this.#places.left(peer);
    this.#ports.post(peer.worker, { type: "close", peer: peer.number });
    // Whoever waits for the worker waits no longer.
    peer.answered("refused");
    peer.tell({ type: "ended", reason });
    if (!wasOpening) this.#observer.ended?.(peer, reason);
    if (stream.viewers.delete(peer)) {
      this.#places.unfollow(peer);
      this.#viewersChanged(stream);
    }
    if (stream.newcomer === peer) stream.newcomer = undefined;
    if (stream.publisher === peer) {
      stream.publisher = undefined;
      stream.formerPublisher = peer.id;
      if (reason !== "worker") this.#vanished(stream);
    }
    if (stream.publisher === undefined && stream.newcomer === undefined && stream.stopWaiting === undefined)
      this.#over(stream, reason);
  }

  /** The stream ends: its viewers are told. */
  #over(stream: LiveStream, reason: string): void {
    if (this.#streams.get(stream.name) !== stream) return;
    stream.stopWaiting?.();
    stream.countTold?.();
    this.#streams.delete(stream.name);
    for (const peer of stream.peers) this.#end(peer, reason);
    this.#observer.changed?.({ ...stream.info, live: false, layers: [] });
  }

  #tellLive(stream: LiveStream, live: boolean): void {
    for (const peer of stream.viewers) peer.tell({ type: live ? "active" : "inactive" });
    this.#observer.changed?.(stream.info);
  }

  /** Told a moment later, for many viewers may come and go at once. */
  #viewersChanged(stream: LiveStream): void {
    stream.countTold ??= this.#ports.after(countPause, () => {
      stream.countTold = undefined;
      if (this.#streams.get(stream.name) !== stream) return;
      stream.tell({ type: "viewers", count: stream.viewers.size });
      this.#observer.changed?.(stream.info);
    });
  }
}

function full(): Result<never, MediaFailure> {
  return fail(noRoom);
}
