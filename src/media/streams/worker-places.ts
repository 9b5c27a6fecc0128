import type { LiveStream } from "./live-stream.ts";
import type { MediaPeer } from "./media-peer.ts";
import type { StreamPorts } from "./ports.ts";

/** Which peers are at which worker, where a new one goes, and which workers get the stream of another. */
export class WorkerPlaces {
  readonly #ports: StreamPorts;
  /** The peers of each worker, by their numbers there. */
  readonly #numbers: Map<number, MediaPeer>[] = [];

  constructor(ports: StreamPorts) {
    this.#ports = ports;
    for (let worker = 0; worker < ports.workers; worker++) this.#numbers.push(new Map());
  }

  entered(peer: MediaPeer): void {
    this.#numbers[peer.worker]?.set(peer.number, peer);
  }

  left(peer: MediaPeer): void {
    this.#numbers[peer.worker]?.delete(peer.number);
  }

  /** The peer with that number at a worker. */
  peer(worker: number, number: number): MediaPeer | undefined {
    return this.#numbers[worker]?.get(number);
  }

  peersAt(worker: number): MediaPeer[] {
    return [...(this.#numbers[worker]?.values() ?? [])];
  }

  /** The running worker with the fewest packets a second; undefined where none runs. A publisher goes there. */
  get leastLoaded(): number | undefined {
    let best: number | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (let number = 0; number < this.#ports.workers; number++) {
      const worker = this.#ports.worker(number);
      if (worker !== undefined && worker.report.packetsPerSecond < least) {
        best = number;
        least = worker.report.packetsPerSecond;
      }
    }
    return best;
  }

  /** The running worker with the fewest peers; the publisher's own, where that has as few. */
  forViewer(stream: LiveStream): number {
    let best = stream.worker;
    let least = this.#numbers[best]?.size ?? 0;
    for (const [number, peers] of this.#numbers.entries())
      if (peers.size < least && this.#ports.worker(number) !== undefined) {
        best = number;
        least = peers.size;
      }
    return best;
  }

  /** The worker of a viewer gets the stream, where the publisher is at another one. */
  follow({ stream, worker }: MediaPeer): void {
    if (worker === stream.worker) return;
    const viewers = stream.followers.get(worker) ?? 0;
    stream.followers.set(worker, viewers + 1);
    if (viewers === 0) this.#postFollow(stream, worker);
  }

  /** A viewer is gone: without another one, its worker gets the stream no longer. */
  unfollow({ stream, worker }: MediaPeer): void {
    const viewers = stream.followers.get(worker);
    if (viewers === undefined) return;
    if (viewers > 1) stream.followers.set(worker, viewers - 1);
    else {
      stream.followers.delete(worker);
      this.#ports.post(worker, { type: "unfollow", stream: stream.name });
    }
  }

  /** Tells the workers that get the stream what its new publisher sends. */
  tellFollowers(stream: LiveStream): void {
    for (const worker of stream.followers.keys()) this.#postFollow(stream, worker);
  }

  #postFollow(stream: LiveStream, worker: number): void {
    const from = this.#ports.worker(stream.worker)?.relay;
    if (from === undefined) return;
    const { name, tracks, ladder } = stream;
    this.#ports.post(worker, { type: "follow", stream: name, from, tracks, ladder });
  }
}
