import type { MediaWorker } from "../../src/media/fleet/media-worker.ts";
import { bindUdp } from "../../src/net/udp.ts";
import type { UdpSocket } from "../../src/net/udp-socket.ts";
import { readU16 } from "../../src/wire/bytes.ts";
import { compound, genericNack, maximumBitrate, receiverReport } from "../../src/wire/rtp/rtcp-writer.ts";
import { TestPeer } from "../media/support/test-peer.ts";
import { viewedTracks } from "./media-source.ts";

const now = () => performance.now();
const [sound, video] = [viewedTracks[0], viewedTracks[1]];

/** A viewer on a socket of its own. Only those that are checked open what comes: opening everything would cost more than what is measured. */
export class BenchViewer {
  readonly peer: TestPeer;
  readonly socket: UdpSocket;
  readonly #checked: boolean;
  readonly #view: () => void;
  packets = 0;
  bytes = 0;
  /** When its first packet of video came. */
  firstVideoAt: number | undefined;
  connectedAt: number | undefined;
  readonly #began = now();
  #connected: () => void = () => {};
  #highest = 0;
  #closed = false;

  static async open(number: number, worker: MediaWorker, checked: boolean): Promise<BenchViewer> {
    let viewer: BenchViewer | undefined;
    const socket = await bindUdp({
      address: "127.0.0.1",
      port: 0,
      receive: (bytes) => viewer?.receive(bytes),
    });
    viewer = new BenchViewer(number, worker, checked, socket);
    return viewer;
  }

  private constructor(number: number, worker: MediaWorker, checked: boolean, socket: UdpSocket) {
    const { udpPort, fingerprint } = worker.started;
    this.socket = socket;
    this.#checked = checked;
    const target = socket.target(udpPort, "127.0.0.1");
    const send = (bytes: Uint8Array) => void socket.sendPart(bytes, bytes.length, target);
    this.peer = new TestPeer(number, "server", send, { fingerprint });
    this.#view = () => {
      const transport = this.peer.parameters();
      worker.post({ type: "view", peer: number, stream: "bench", transport, tracks: viewedTracks });
    };
    this.#view();
    this.#handshake();
  }

  /** ms from the first step to the keys, and to the first packet of video. */
  get times(): { readonly connected: number; readonly firstVideo: number } {
    const since = (at: number | undefined) => (at ?? Number.NaN) - this.#began;
    return { connected: since(this.connectedAt), firstVideo: since(this.firstVideoAt) };
  }

  /** Resolves when there are keys; rejects after so many ms without. */
  connected(patience: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const failed = () => reject(new Error(`a viewer isn't connected: ${this.peer.closed ?? "no answer"}`));
      const timer = setTimeout(failed, patience);
      this.#connected = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.connectedAt !== undefined) this.#connected();
    });
  }

  /** The worker has too much to do: asks again, as a client does after `Retry-After`. */
  refused(): void {
    setTimeout(this.#view, 250);
  }

  receive(bytes: Uint8Array): void {
    const first = bytes[0] ?? 0;
    if (first < 64) {
      const keys = this.peer.profile;
      this.peer.receive(bytes, now());
      if (this.connectedAt === undefined && this.peer.mapped.length > 0) this.peer.dtls.start(now());
      if (keys === undefined && this.peer.profile !== undefined) {
        this.connectedAt = now();
        this.#connected();
      }
      return;
    }
    this.packets++;
    this.bytes += bytes.length;
    if (((bytes[1] ?? 0) & 0x7f) === 96) {
      this.#highest = readU16(bytes, 2);
      this.firstVideoAt ??= now();
    }
    if (this.#checked) this.peer.receive(bytes, now());
  }

  /** What a browser says each second: a report, what it can take, and one packet that it asks for again. */
  feedback(): void {
    if (this.connectedAt === undefined || sound === undefined || video === undefined) return;
    const block = { fractionLost: 0, lost: 0, jitter: 20, lastReport: 0, sinceLastReport: 0 };
    const reports = [
      { ...block, ssrc: sound.ssrc, highest: 1 },
      { ...block, ssrc: video.ssrc, highest: this.#highest },
    ];
    const packets = [receiverReport(1, reports), maximumBitrate(1, 5_000_000, [video.ssrc])];
    if (this.#highest > 0) packets.push(genericNack(1, video.ssrc, [this.#highest]));
    this.peer.send(this.peer.report(compound(packets)));
  }

  close(): void {
    this.#closed = true;
    this.socket.close();
  }

  #handshake(): void {
    if (this.#closed || this.connectedAt !== undefined) return;
    if (this.peer.mapped.length === 0) this.peer.send(this.peer.check());
    else this.peer.dtls.start(now());
    this.peer.dtls.tick(now());
    setTimeout(() => this.#handshake(), 50);
  }
}

/** Opens so many viewers, some at a time, and waits until each is connected. Throws where one isn't after ten seconds. */
export async function openViewers(
  worker: MediaWorker,
  byNumber: Map<number, BenchViewer>,
  count: number,
  first: number,
  atATime: number,
): Promise<BenchViewer[]> {
  const viewers: BenchViewer[] = [];
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const number = first + next++;
      const viewer = await BenchViewer.open(number, worker, (number - first) % 100 === 0);
      viewers.push(viewer);
      byNumber.set(number, viewer);
      await viewer.connected(10_000);
    }
  };
  await Promise.all(Array.from({ length: atATime }, lane));
  return viewers;
}
