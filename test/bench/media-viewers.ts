import { connect } from "node:net";
import type { MediaWorker } from "../../src/media/fleet/media-worker.ts";
import { FrameReader, frame } from "../../src/media/transport/ice-tcp.ts";
import { bindUdp } from "../../src/net/udp.ts";
import { readU16 } from "../../src/wire/bytes.ts";
import { compound, genericNack, maximumBitrate, receiverReport } from "../../src/wire/rtp/rtcp-writer.ts";
import { TestPeer } from "../media/support/test-peer.ts";
import { viewedTracks } from "./media-source.ts";

const now = () => performance.now();
const [sound, video] = [viewedTracks[0], viewedTracks[1]];

/** A socket of a viewer's to the worker. */
interface Wire {
  send(bytes: Uint8Array): void;
  close(): void;
}

/** How a viewer reaches the worker. */
export type Network = "udp" | "tcp";

const wires: Record<Network, (port: number, receive: (bytes: Uint8Array) => void) => Promise<Wire>> = {
  udp: async (port, receive) => {
    const socket = await bindUdp({ address: "127.0.0.1", port: 0, receive });
    const target = socket.target(port, "127.0.0.1");
    return {
      send: (bytes) => void socket.sendPart(bytes, bytes.length, target),
      close: () => socket.close(),
    };
  },
  tcp: (port, receive) =>
    new Promise((resolve, reject) => {
      const reader = new FrameReader();
      const socket = connect(port, "127.0.0.1");
      socket.setNoDelay(true);
      socket.on("error", reject);
      socket.on("data", (chunk) => {
        reader.push(chunk as Buffer, (bytes) => {
          receive(bytes);
          return true;
        });
      });
      socket.once("connect", () =>
        resolve({
          send: (bytes) => void socket.write(frame(bytes, bytes.length)),
          close: () => socket.destroy(),
        }),
      );
    }),
};

/** A viewer on a socket of its own. Only those that are checked open what comes: opening everything would cost more than what is measured. */
export class BenchViewer {
  readonly peer: TestPeer;
  readonly #wire: Wire;
  readonly #checked: boolean;
  readonly #view: () => void;
  packets = 0;
  bytes = 0;
  /** When its first packet of video came. */
  firstVideoAt: number | undefined;
  connectedAt: number | undefined;
  #began = 0;
  #connected: () => void = () => {};
  #highest = 0;
  #closed = false;

  /** Opens its socket. */
  static async open(
    number: number,
    worker: MediaWorker,
    checked: boolean,
    network: Network = "udp",
  ): Promise<BenchViewer> {
    let viewer: BenchViewer | undefined;
    const { udpPort, tcpPort } = worker.started;
    const wire = await wires[network](network === "udp" ? udpPort : tcpPort, (bytes) =>
      viewer?.receive(bytes),
    );
    viewer = new BenchViewer(number, worker, checked, wire);
    return viewer;
  }

  private constructor(number: number, worker: MediaWorker, checked: boolean, wire: Wire) {
    this.#wire = wire;
    this.#checked = checked;
    const send = (bytes: Uint8Array) => wire.send(bytes);
    this.peer = new TestPeer(number, "server", send, { fingerprint: worker.started.fingerprint });
    this.#view = () => {
      const transport = this.peer.parameters();
      worker.post({ type: "view", peer: number, stream: "bench", transport, tracks: viewedTracks });
    };
  }

  /** Joins; resolves when there are keys, and rejects where that takes more than so many ms. */
  join(patience: number): Promise<void> {
    this.#began = now();
    this.#view();
    return this.#keys(patience);
  }

  /** ms from the first step to the keys, and to the first packet of video. */
  get times(): { readonly connected: number; readonly firstVideo: number } {
    const since = (at: number | undefined) => (at ?? Number.NaN) - this.#began;
    return { connected: since(this.connectedAt), firstVideo: since(this.firstVideoAt) };
  }

  #keys(patience: number): Promise<void> {
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

  /** The worker knows it by now, as it does when a client gets its answer: checks may come. */
  opened(): void {
    this.#handshake();
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
    this.#wire.close();
  }

  #handshake(): void {
    if (this.#closed || this.connectedAt !== undefined) return;
    if (this.peer.mapped.length === 0) this.peer.send(this.peer.check());
    else this.peer.dtls.start(now());
    this.peer.dtls.tick(now());
    setTimeout(() => this.#handshake(), 50);
  }
}

/**
 * Lets so many viewers join, some at a time, and waits until each is connected. Throws where one isn't after `patience` ms. `opened` is called between the
 * opening of their sockets, which costs the worker nothing, and the first join.
 */
export async function openViewers(
  worker: MediaWorker,
  byNumber: Map<number, BenchViewer>,
  count: number,
  first: number,
  atATime: number,
  {
    network = "udp",
    opened = () => {},
    patience = 10_000,
  }: { network?: Network; opened?: () => void; patience?: number } = {},
): Promise<BenchViewer[]> {
  const viewers: BenchViewer[] = [];
  for (let n = 0; n < count; n++) {
    const viewer = await BenchViewer.open(first + n, worker, n % 100 === 0, network);
    viewers.push(viewer);
    byNumber.set(first + n, viewer);
  }
  opened();
  let next = 0;
  const lane = async () => {
    while (next < count) await viewers[next++]?.join(patience);
  };
  await Promise.all(Array.from({ length: atATime }, lane));
  return viewers;
}
